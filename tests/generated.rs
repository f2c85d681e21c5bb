//! What is generated from the program stands in the tree as it would be generated now. With `OC_INTERROGATE_WRITE=1`
//! it is written, and whoever asked for that looks at the difference.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how tests fail, helpers included")]

use std::fs;
use std::path::Path;
use std::process::Command;

/// What the program prints, as it would where nothing says how wide the terminal is.
fn printed(arguments: &[&str]) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_oc-interrogate"));
    let output = program.args(arguments).env_remove("COLUMNS").output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn check(path: &str, expected: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("OC_INTERROGATE_WRITE").is_some() {
        fs::write(&file, expected).unwrap();
    }
    let there = fs::read_to_string(&file).unwrap_or_default();
    assert!(there == expected, "{path} is behind: OC_INTERROGATE_WRITE=1 cargo test --test generated");
}

#[test]
fn the_shells_scripts_are_the_programs() {
    for (shell, file) in [
        ("bash", "oc-interrogate.bash"),
        ("zsh", "_oc-interrogate"),
        ("fish", "oc-interrogate.fish"),
        ("powershell", "_oc-interrogate.ps1"),
    ] {
        check(&format!("completions/{file}"), &printed(&["completion", shell]));
    }
}

#[test]
fn the_page_of_flags_is_the_help() {
    let mut page = String::from("# Every flag\n\nWhat `--help` prints of each command.\n");
    let own = printed(&["--help"]);
    let (_, commands) = own.split_once("Commands:\n").unwrap();
    let commands = commands.lines().take_while(|line| !line.is_empty());
    // A command's line begins in the third column; where its description goes on is further right.
    let names = commands.filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    let names: Vec<_> = names.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() > 4, "{own}");
    for name in names.into_iter().filter(|name| *name != "help") {
        let help = printed(&[name, "--help"]);
        assert!(help.contains(&format!("\nExamples:\n  oc interrogate {name}")), "{name} has no example");
        let help: Vec<_> = help.lines().map(str::trim_end).collect();
        page += &format!("\n## {name}\n\n```text\n{}\n```\n", help.join("\n").trim_end());
    }
    check("docs/flags.md", &page);
}
