//! `version` and `--version` without a cluster. Whole pages of `version` are made in src/cli/version.rs.
use crate::plugin::{Plugin, printed};

#[test]
fn the_version_is_the_packages() {
    let line = format!("oc interrogate {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(printed(&["--version"]), line);
    assert_eq!(printed(&["-V"]), line);
}

#[test]
fn without_a_cluster_what_is_here_is_said_all_the_same() {
    let nowhere = Plugin::new().kubeconfig("/nonexistent");
    let outcome = nowhere.run(&["version"]);
    // Which exporters are beside the program depends on what has been built.
    let lines: Vec<_> = outcome.stdout.lines().collect();
    assert!(lines.len() == 2 && lines[1].starts_with("Exporter: "), "{outcome:?}");
    assert_eq!(lines[0], format!("Plugin: {}", env!("CARGO_PKG_VERSION")));
    let error = "error: no kubeconfig (/nonexistent is not there): log in with oc login, or name one with --kubeconfig FILE\n";
    assert_eq!((outcome.code, outcome.stderr.as_str()), (1, error));
    let client = nowhere.run(&["version", "--client"]);
    assert_eq!((client.code, client.stdout, client.stderr.as_str()), (0, outcome.stdout, ""));
}
