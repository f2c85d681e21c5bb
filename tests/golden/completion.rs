//! The shells' scripts, the words that the Tab key offers without a cluster, and what `completion` says of its files.
use crate::check;
use crate::plugin::{Plugin, printed, typed};

#[test]
fn scripts() {
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
fn words() {
    let mut page = String::from(
        "# What kubectl and oc are offered for the last word of a line, then cobra's directive.\n",
    );
    for words in [
        &[""][..],
        &["t"],
        &["top", "--"],
        &["top", "--no"],
        &["top", "--by", ""],
        &["top", "--class", "host,k"],
        &["top", "-o", ""],
        &["top", "--via="],
        &["top", "nothing-stands-here"],
        // No kubeconfig: there are no names to offer, and that is no error.
        &["top", "--node", ""],
        &["top", "--kubeconfig=/nonexistent", "--context", ""],
        &["install", "--dry-run="],
        &["install", "--threads="],
        &["status", "-o", ""],
        &["completion", ""],
        &["version", "-o", ""],
    ] {
        let offered = printed(&[&["__complete"], words].concat());
        page += &format!("\n{}\n", typed(words).replace("''", "<Tab>"));
        page += &offered.lines().map(|line| format!("    {line}\n")).collect::<String>();
    }
    check("tests/golden/completion/words.txt", &page);
}

#[test]
fn files_for_kubectl_and_oc() {
    let plugin = Plugin::new();
    let mut page =
        String::from("# What `completion` says of the programs that kubectl and oc run, in this order.\n");
    let mut add = |what: &str| {
        let outcome = plugin.run(&["completion", what, "--to", "."]);
        page += &format!("\n{} (exit code {})\n", typed(&["completion", what, "--to", "."]), outcome.code);
        page += &(outcome.stdout + &outcome.stderr)
            .lines()
            .map(|line| format!("    {line}\n"))
            .collect::<String>();
    };
    ["--install", "--install", "--remove", "--remove"].into_iter().for_each(&mut add);
    std::fs::write(plugin.home().join("oc_complete-interrogate"), "#!/bin/sh\n").unwrap();
    ["--install", "--remove"].into_iter().for_each(&mut add);
    check("tests/golden/completion/files.txt", &page);
}
