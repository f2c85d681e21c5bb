//! Test of user-defined groups, from a config that changes while it is in use.

use crate::program::{Program, until};
use crate::shell::Shell;
use std::fs;
use std::process::{Command, Output};

const GOOD: &str = "process_names:\n- name: of-{{.Comm}}\n  comm: [NAME]\n";

#[test]
fn a_changed_config_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.yaml");
    let write_config = |text: &str| {
        fs::write(dir.path().join("next"), text).unwrap();
        fs::rename(dir.path().join("next"), &path).unwrap();
    };
    write_config("process_names: []");
    let mut program = Program::start(&["--config.path", path.to_str().unwrap()]);
    let mut shell = Shell::child("carvee", dir.path());
    let mut metrics = || {
        shell.run("burn 20");
        program.metrics()
    };
    let good = |good: u8| format!("\nnamedprocess_exporter_config_last_reload_successful {good}\n");
    assert!(metrics().contains(&good(1)));
    write_config(&GOOD.replace("NAME", "carvee"));
    until("the group is there", || metrics().contains(r#"groupname="of-carvee""#));
    write_config(&GOOD.replace("name", "nome"));
    until("the bad one is noticed", || metrics().contains(&good(0)));
    assert!(metrics().contains(r#"groupname="of-carvee""#));
    write_config(&GOOD.replace("of-", "now-").replace("NAME", "carvee"));
    until("the next group is there", || metrics().contains(r#"groupname="now-carvee""#));
    assert!(metrics().contains(&good(1)));
    let lines: Vec<String> = (0..3).map(|_| program.next_line()).collect();
    assert!(lines[0].contains("the config has changed and is in force"), "{lines:?}");
    assert!(lines[1].contains("the old one stays") && lines[1].contains("config.yaml"), "{lines:?}");
    assert!(lines[1].contains("unknown field `process_nomes`") && lines[1].contains(" line 1 "), "{lines:?}");
    assert!(lines[2].contains("the config has changed and is in force"), "{lines:?}");

    write_config("process_names:\n- comm: carvee\n");
    let program = Command::new(env!("CARGO_BIN_EXE_process-exporter"))
        .args(["--web.listen-address", "127.0.0.1:0", "--config.path", path.to_str().unwrap()])
        .output();
    let Output { status, stderr, .. } = program.unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!((status.code(), stderr.lines().count()), (Some(1), 1), "{stderr}");
    assert!(stderr.contains("config.yaml") && stderr.contains(" at line 2 "), "{stderr}");
}
