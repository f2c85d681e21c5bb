//! The help of the program and of each command: `-h` in golden files, `--help` in `docs/flags.md`.
use crate::check;
use crate::plugin::{printed, run};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Returns the names of the commands, from the program's own list.
fn commands() -> Vec<String> {
    let own = printed(&["--help"]);
    let (_, commands) = own.split_once("Commands:\n").unwrap();
    let commands = commands.lines().take_while(|line| !line.is_empty());
    // A command's line begins in the third column; its description continues further right.
    let names = commands.filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    let names: Vec<_> = names.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() > 4, "{own}");
    names.into_iter().filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn the_page_of_flags_is_the_help() {
    let mut page = String::from("# Every flag\n\nWhat `--help` prints of each command.\n");
    for name in commands() {
        let help = printed(&[&name, "--help"]);
        assert!(help.contains(&format!("\nExamples:\n  oc interrogate {name}")), "{name} has no example");
        let help: Vec<_> = help.lines().map(str::trim_end).collect();
        page += &format!("\n## {name}\n\n```text\n{}\n```\n", help.join("\n").trim_end());
    }
    check("docs/flags.md", &page);
}

#[test]
fn short_help() {
    let mut files = BTreeSet::from(["program.txt".to_owned()]);
    check("tests/golden/help/program.txt", &printed(&["-h"]));
    for name in commands() {
        check(&format!("tests/golden/help/{name}.txt"), &printed(&[&name, "-h"]));
        files.insert(format!("{name}.txt"));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/help");
    let there = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(there.collect::<BTreeSet<_>>(), files);
}

#[test]
fn schemas_are_those_of_the_documentation() {
    for (name, kind) in [("top", "CpuReport"), ("status", "StatusReport"), ("compare", "CpuComparison")] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/schema/{kind}.json"));
        assert_eq!(printed(&[name, "--schema"]), fs::read_to_string(file).unwrap(), "{name}");
    }
}

/// krew links the program as kubectl-interrogate; its users type `kubectl interrogate`.
#[cfg(unix)]
#[test]
fn kubectls_users_read_their_own_name() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("kubectl-interrogate");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_oc-interrogate"), &link).unwrap();
    let help = |words: &[&str]| {
        let output = std::process::Command::new(&link).args(words).env_clear().output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let mut pages = vec![vec!["-h".to_owned()]];
    pages.extend(
        commands().into_iter().flat_map(|name| ["-h", "--help"].map(|help| vec![name.clone(), help.into()])),
    );
    for words in &pages {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let usual = printed(&words);
        for (end, name) in [("Usage: ", "interrogate"), ("\n  ", "interrogate ")] {
            let (is, was) = (format!("{end}kubectl {name}"), format!("{end}oc {name}"));
            assert_eq!(help(&words).matches(&is).count(), usual.matches(&was).count(), "{words:?}: {is}");
            assert!(usual.contains(&was) && !help(&words).contains(&was), "{words:?}: {was}");
        }
    }
}

#[test]
fn every_way_to_the_programs_help_is_one_page() {
    let page = printed(&["-h"]);
    assert_eq!(printed(&["--help"]), page);
    assert_eq!(printed(&["help"]), page);
    // Nobody asked for it: it is on standard error, and the exit code is that of a usage error.
    let nothing = run(&[]);
    assert_eq!((nothing.code, nothing.stdout, nothing.stderr), (2, String::new(), page));
}
