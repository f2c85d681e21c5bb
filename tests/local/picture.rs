//! `top --local -o svg` and `-o html`: into a file, and not onto a terminal.

use super::{PLUGIN, local, mortal};

#[test]
fn a_picture_is_for_a_file() {
    for (format, begins) in [("svg", "<?xml version=\"1.0\""), ("html", "<!DOCTYPE html>")] {
        let output = local(&["-i", "2s", "-o", format]).output().unwrap();
        let page = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(page.starts_with(begins) && page.contains("busy") && page.contains("peak "), "{page}");

        let command = format!("{PLUGIN} top --local -o {format}");
        let output = mortal("script").args(["-qec", &command, "/dev/null"]).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("error: a picture is for a file and not for a terminal: add > cpu."), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}
