//! `oc interrogate`: oc finds the plugin under either name, hands the line over as it is, and ends as the plugin does.
use std::fs;
use std::os::unix::fs::symlink;
use test_cluster::{Login, Outcome, Plugin, shared, tool};

const PLUGIN: &str = env!("CARGO_BIN_EXE_oc-interrogate");

/// oc with the plugin on its PATH under each of these names, asked to interrogate.
fn oc(names: &[&str], words: &[&str]) -> Outcome {
    let oc = Plugin::new(tool("oc").unwrap().to_str().unwrap()).unwrap();
    let folder = oc.home().join("bin");
    fs::create_dir(&folder).unwrap();
    for name in names {
        symlink(PLUGIN, folder.join(name)).unwrap();
    }
    let oc = oc.kubeconfig(shared().kubeconfig(Login::Installer));
    let oc = oc.variable("PATH", format!("{}:/usr/bin:/bin", folder.display()));
    oc.run([&["interrogate"], words].concat()).unwrap()
}

#[test]
fn oc_runs_the_plugin_under_either_name() {
    let plugin = Plugin::new(PLUGIN).unwrap().kubeconfig(shared().kubeconfig(Login::Installer));
    for words in [
        &["version"][..],
        &["top", "--interval", "never"],
        &["install", "--dry-run=client", "--image=x", "-o", "yaml"],
    ] {
        let own = plugin.run(words).unwrap();
        for names in
            [&["oc-interrogate"][..], &["kubectl-interrogate"], &["oc-interrogate", "kubectl-interrogate"]]
        {
            let through = oc(names, words);
            assert_eq!((through.code, &through.stdout), (own.code, &own.stdout), "{names:?}: {through:?}");
            assert!(through.stderr.contains(&own.stderr), "{names:?}: {through:?}, not {own:?}");
        }
    }
    let none = oc(&[], &["version"]);
    assert!(none.code != 0 && none.stdout.is_empty(), "oc has a command of that name: {none:?}");
}
