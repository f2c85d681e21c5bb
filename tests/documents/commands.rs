//! Commands in the documents run: commands against a real cluster, queries through promtool; and the
//! workflows are sound.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how tests fail, helpers included"
)]

mod texts;

use regex::Regex;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use test_cluster::{Login, Plugin, shared, tool};
use texts::{documents, root};

/// Commands that this test does not run: their beginning, and the reason.
const OTHERS: [(&str, &str); 18] = [
    ("cargo install cargo-fuzz", "fuzzing takes a nightly compiler"),
    ("cargo +nightly fuzz", "the same"),
    ("cargo test", ".ci/run runs it"),
    ("OC_INTERROGATE_DIST=target/dist tests/all", ".ci/run runs it, of other archives"),
    ("cargo run --release -- top --local", "tests/local.rs runs the same program"),
    ("cargo bench", "half an hour of a machine with nothing else to do"),
    ("cargo deny", ".ci/run runs it"),
    ("cargo doc", ".ci/run runs it"),
    ("cargo fmt", ".ci/run runs it"),
    ("packaging/dist", "release builds; what it packs is in tests/packaged"),
    ("packaging/release", "tests/packaged runs it on a copy of the tree"),
    ("exporter/build", "tests/chain installs what it builds"),
    ("oc get pods", "oc's own"),
    ("oc get nodes", "oc's own"),
    ("oc adm must-gather", "oc's own"),
    ("oc login", "oc's own"),
    ("kubectl krew install", "tests/packaged installs the archive; the index is not reached from here"),
    ("source <(oc completion bash)", "tests/packaged asks kubectl what the shell would"),
];

/// Returns the commands of a text: lines of blocks, and code between backticks, without the shell's part.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut fence: Option<String> = None;
    const BEGINS: &str = r"(?:(?:oc|kubectl|cargo|git|podman|source) |packaging/\w|exporter/build|OC_\w+=)";
    let inline = Regex::new(&format!("`({BEGINS}[^`]*)`")).unwrap();
    let begins = Regex::new(&format!("^{BEGINS}")).unwrap();
    for line in text.lines() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            fence = if fence.is_some() { None } else { Some(language.to_owned()) };
            continue;
        }
        let code = match &fence {
            // A page of help is text, but for its examples.
            Some(language) => (language.is_empty() || line.starts_with("  oc interrogate ")).then_some(line),
            None => line.strip_prefix("    "),
        };
        match code.map(str::trim).filter(|code| begins.is_match(code)) {
            Some(code) => found.push(code.to_owned()),
            None if fence.is_none() => {
                found.extend(inline.captures_iter(line).map(|found| found[1].to_owned()));
            }
            None => {}
        }
    }
    // Redirections, pipes and comments are the shell's; `<(` stands for a command.
    let ends = Regex::new(r" *(\||>|#|&&|<[^(]).*").unwrap();
    let alone = |command: &String| ends.replace(command, "").trim().to_owned();
    // Without a command, it is the program's name.
    let whole = |command: &String| !command.ends_with("...") && !command.ends_with(" interrogate");
    found.iter().map(alone).filter(whole).collect()
}

/// Commands that read run in a real cluster. Commands that change a cluster, or measure this machine for a while, are
/// only parsed: the exit code tells whether it is understood; that it works is for tests/install and tests/local.rs.
#[test]
fn commands_run() {
    let _door = shared().door();
    let plugin = |kubeconfig: PathBuf| {
        let plugin = Plugin::new(env!("CARGO_BIN_EXE_oc-interrogate")).unwrap().kubeconfig(kubeconfig);
        let folder = plugin.home().join("bin");
        fs::create_dir(&folder).unwrap();
        // Folder of the shims of `completion --install`.
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_oc-interrogate"), folder.join("oc-interrogate"))
            .unwrap();
        plugin.variable("PATH", format!("{}:/usr/bin:/bin", folder.display()))
    };
    let nobody = plugin("/nonexistent".into());
    let [viewer, installer] =
        [Login::Viewer, Login::Installer].map(|login| plugin(shared().kubeconfig(login)));
    let site = test_cluster::directory().unwrap().join("site.yaml");
    fs::write(&site, nobody.run(["budget", "--print", "ran-du"]).unwrap().stdout).unwrap();
    let site = site.to_str().unwrap();
    // Reports to compare, as the documents save them.
    let report = viewer.run(["top", "--blocks", "-o", "json"]).unwrap();
    for name in ["before.json", "after.json"] {
        fs::write(viewer.home().join(name), &report.stdout).unwrap();
    }
    // Files of samples, as the documents name them.
    let metrics = viewer.home().join("must-gather.local.1234/monitoring/metrics");
    fs::create_dir_all(&metrics).unwrap();
    let captures = ["metrics.openmetrics.gz", "case.tar.gz", "before.tar.gz"];
    let captures = captures.map(|name| viewer.home().join(name));
    for file in captures.iter().chain([&metrics.join("metrics.openmetrics")]) {
        fs::write(file, samples()).unwrap();
    }
    let (mut ran, mut parsed, mut others) = (0, 0, BTreeSet::new());
    for (document, text) in documents() {
        for command in commands(&text) {
            let at = document.display();
            let words: Vec<_> = command.split_whitespace().map(|word| word.trim_matches('\'')).collect();
            let ["oc" | "kubectl", "interrogate", words @ ..] = words.as_slice() else {
                let known = OTHERS.iter().find(|(begin, _)| command.starts_with(begin));
                let (begin, _) = known.unwrap_or_else(|| panic!("{at}: nothing checks `{command}`"));
                others.insert(begin);
                continue;
            };
            // After its help nobody waits for a measurement; what stands before it is parsed all the same.
            let help: &[&str] = if words.contains(&"--local") { &["--help"] } else { &[] };
            // A budget of one's own, as the documents make one.
            let words: Vec<&str> =
                words.iter().map(|word| if *word == "site.yaml" { site } else { word }).collect();
            let (plugin, most) = match words[0] {
                "top" => (&viewer, 0),
                // Exceeded or unknown, as it may be of this machine; and a window of which nothing is kept.
                "budget" | "compare" => (&viewer, 3),
                // This cluster has no samples; tests/e2e captures others.
                "capture" => (&viewer, 1),
                "version" => (&installer, 0),
                "completion" | "__complete" => (&nobody, 0),
                _ => (&nobody, 1),
            };
            let outcome = plugin.run([&words[..], help].concat()).unwrap();
            assert!(
                outcome.code <= most && (outcome.code != 2 || most == 0),
                "{at}: `{command}`: {}",
                outcome.stderr
            );
            *(if most != 1 { &mut ran } else { &mut parsed }) += 1;
        }
    }
    assert_eq!(others, OTHERS.iter().map(|(begin, _)| begin).collect(), "what no document says any more");
    assert!(ran > 15 && parsed > 10, "only {ran} and {parsed} commands found: the pattern has gone blind");
}

/// Returns the recorded series of one node, at two times.
fn samples() -> String {
    let series = [
        "cluster:namedprocess_node_cpu_rate:sum{}",
        "cluster:namedprocess_node_cpu_rate:count{}",
        "cluster:namedprocess_node_cpu_unattributed_rate:sum{}",
        "class:namedprocess_cpu_rate:sum{class=\"host\"}",
        "instance:namedprocess_node_cpu_rate:sum{instance=\"n\"}",
        "namedprocess_namegroup_cpu_rate{class=\"host\",groupname=\"crio\",instance=\"n\"}",
    ];
    // 2026-01-31T10:00 is the second.
    let line = |series: &str| [1_769_853_585, 1_769_853_600].map(|at| format!("{series} 1 {at}\n")).concat();
    series.map(line).concat() + "# EOF\n"
}

#[test]
fn queries_are_promql() {
    let blocks = Regex::new(r"(?s)```promql\n(.*?)```").unwrap();
    let (mut seen, file) = (0, test_cluster::directory().unwrap().join("queries.yaml"));
    for (document, text) in documents() {
        let queries = blocks.captures_iter(&text).flat_map(|block| {
            let lines = block.get(1).unwrap().as_str().lines();
            lines.map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>()
        });
        for query in queries {
            let rules = serde_json::json!({"groups": [{"name": "documents", "rules": [{"record": "a", "expr": query}]}]});
            fs::write(&file, rules.to_string()).unwrap();
            let checked =
                Command::new(tool("promtool").unwrap()).args(["check", "rules"]).arg(&file).output();
            assert!(checked.unwrap().status.success(), "{}: {query}", document.display());
            seen += 1;
        }
    }
    assert!(seen > 1, "no queries found");
}

#[test]
fn the_workflows_are_sound() {
    let lint = Command::new(tool("actionlint").unwrap()).current_dir(root()).output().unwrap();
    assert!(lint.status.success(), "{}", String::from_utf8_lossy(&lint.stdout));
}
