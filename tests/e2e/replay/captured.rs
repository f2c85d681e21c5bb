//! `capture`: what it makes answers as the server, is what promtool imports, and is whole or not there.

use super::{Dump, agree, counter, dump};
use crate::budget::sites::{all, sites};
use crate::cpusets::{constant, partitioned};
use crate::serve::{an_hour, serve, serve_file};
use crate::shards::{LEAST, await_middle, signal};
use crate::way_in::{assert_refused, logged_in, plugin};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use test_cluster::{Login, Prometheus, directory, free_port, shared, tool};
use test_history::{History, Spec};

const END: &str = "1748779207";

/// An empty folder.
fn folder(name: &str) -> Result<PathBuf> {
    let folder = directory()?.join(name);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Captures an hour and threads.
fn capture(prometheus: &Prometheus, file: &Path) -> Result<String> {
    let file = file.display().to_string();
    let flags = ["capture", "-i", "1h", "-T", END, "--threads", "--prometheus", &prometheus.url, &file];
    let outcome = plugin().run(flags)?;
    ensure!(outcome.code == 0 && outcome.stdout.is_empty(), "{}{}", outcome.stdout, outcome.stderr);
    Ok(outcome.stderr)
}

/// Unpacks a capture, and returns the file of its samples, unpacked too.
fn unpack(file: &Path, into: &Path) -> Result<PathBuf> {
    let status = Command::new("tar").arg("-xzf").arg(file).arg("-C").arg(into).status()?;
    ensure!(status.success());
    let root = fs::read_dir(into)?.next().context("it is empty")??.path();
    let packed = root.join("monitoring/metrics/metrics.openmetrics.gz");
    ensure!(Command::new("gzip").arg("-d").arg(&packed).status()?.success());
    Ok(packed.with_extension(""))
}

/// Every level, sets and sources; and once more from a Prometheus that has imported it.
#[test]
fn a_capture_gives_the_report_of_its_server() -> Result<()> {
    let mut history = partitioned(&an_hour());
    for node in ["node-000", "node-001"] {
        let services = [("node", node), ("id", "/system.slice/crio.service")];
        history.series.push(counter("container_cpu_usage_seconds_total", &services, 0.3, 30));
        let stray = [("class", "host"), ("groupname", "unit-3"), ("instance", node), ("cpus", "0-3")];
        history.series.push(constant("namedprocess_namegroup_stray_threads", &stray, 3.0));
    }
    let prometheus = serve("captured", &history, &[])?;
    let folder = folder("captured")?;
    let file = folder.join("case.tar.gz");
    let said = capture(&prometheus, &file)?;
    ensure!(said.contains("case.tar.gz holds ") && said.contains("no objects of the cluster"), "{said}");
    ensure!(fs::read_dir(&folder)?.count() == 1, "something else is left in {}", folder.display());
    ensure!(fs::metadata(&file)?.permissions().mode() & 0o777 == 0o600, "others may read it");
    for source in ["exporter", "platform"] {
        for by in ["class", "namespace", "workload", "group", "thread", "cpuset"] {
            for flags in [
                "",
                "--per-node --at-peak --percentiles p50,p99",
                "--node node-001,node-004 -i 20m",
                "-S openshift-.*",
                "-n ns-1",
                "--class host,infra --include-exporter --limit 7",
            ] {
                let command = format!("top --source {source} --by {by} {flags}");
                let count = agree(&prometheus.url, &file, &command)?;
                ensure!(count > 10, "{command}: {count} figures");
            }
        }
    }
    let text = unpack(&file, &folder)?;
    let imported = serve_file("captured-again", &text)?;
    for by in ["class", "namespace", "workload", "group", "thread", "cpuset"] {
        let count = agree(&imported.url, &file, &format!("top --by {by} --per-node"))?;
        ensure!(count > 10, "{by}: {count} figures");
    }
    Ok(())
}

#[test]
fn budgets_of_a_capture_are_the_servers() -> Result<()> {
    let sites: Vec<_> = sites().into_iter().take(4).collect();
    let prometheus = serve("captured-budgets", &all(&sites), &[])?;
    let file = folder("captured-budgets")?.join("case.tar.gz");
    capture(&prometheus, &file)?;
    for site in &sites {
        let nodes = site.nodes.join(",");
        let list = site.reserved_list.map_or_else(String::new, |list| format!("--reserved {list}"));
        for profile in ["ran-du", "ran-du-standard", "reserved-cpus"] {
            agree(&prometheus.url, &file, &format!("budget {profile} --per-node --node {nodes} {list}"))?;
        }
    }
    Ok(())
}

/// The objects are where a must-gather has them, and what is nobody's business is not there.
#[test]
fn the_clusters_objects_go_along() -> Result<()> {
    let (cluster, api) = (shared(), shared().api());
    cluster.serve("performance.openshift.io", "v2", "performanceprofiles")?;
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "captured-node", "labels": {"role": "captured"},
        "annotations": {"secret": "sha256~x"}}});
    api.apply("/api/v1/nodes/captured-node", &node.to_string())?;
    let profile = json!({
        "apiVersion": "performance.openshift.io/v2", "kind": "PerformanceProfile",
        "metadata": {"name": "captured", "annotations": {"secret": "sha256~x"}},
        "spec": {"cpu": {"reserved": "0", "isolated": "1-3"}, "nodeSelector": {"role": "captured"}},
    });
    let path = "/apis/performance.openshift.io/v2/performanceprofiles/captured";
    api.apply(path, &profile.to_string())?;
    let prometheus = serve("captured-objects", &History::generate(&an_hour()), &[])?;
    let folder = folder("captured-objects")?;
    let file = folder.join("case.tar.gz");
    let shown = file.display().to_string();
    let flags = ["capture", "-i", "10m", "-T", END, "--prometheus", &prometheus.url, &shown];
    let outcome = logged_in(Login::Installer).run(flags)?;
    api.delete(path)?;
    api.delete("/api/v1/nodes/captured-node")?;
    ensure!(outcome.code == 0, "{}", outcome.stderr);
    unpack(&file, &folder)?;
    let root =
        fs::read_dir(&folder)?.filter_map(Result::ok).find(|of| of.path().is_dir()).context("no folder")?;
    let read = |path: &str| fs::read_to_string(root.path().join(path)).context(path.to_owned());
    let node = read("cluster-scoped-resources/core/nodes/captured-node.yaml")?;
    ensure!(node.contains("role: captured") && !node.contains("sha256~"), "{node}");
    let profiles = "cluster-scoped-resources/performance.openshift.io/performanceprofiles";
    let profile = read(&format!("{profiles}/captured.yaml"))?;
    ensure!(profile.contains("isolated: 1-3"), "{profile}");
    ensure!(!profile.contains("managedFields") && !profile.contains("sha256~"), "{profile}");
    ensure!(read("version")?.starts_with("oc-interrogate\n"));
    Ok(())
}

#[test]
fn nothing_is_left_of_one_that_is_interrupted_or_has_nothing() -> Result<()> {
    let history = History::generate(&an_hour());
    let mut prometheus = serve("captured-slowly", &history, &[LEAST])?;
    let url = prometheus.url.clone();
    let folder = folder("captured-not")?;
    let file = folder.join("case.tar.gz");
    let shown = file.display().to_string();
    let flags = ["capture", "-i", "1h", "-T", END, "--threads", "--prometheus", &url, &shown];
    for name in ["-INT", "-TERM"] {
        let before = prometheus.bare.queries()?;
        let mut plugin = plugin().start(flags)?;
        await_middle(&prometheus, before, || {
            assert!(plugin.try_wait().unwrap().is_none(), "it was done before its middle");
        });
        ensure!(Command::new("kill").args([name, &plugin.id().to_string()]).status()?.success());
        let output = plugin.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.code() == Some(1) && said.contains("nothing was captured"), "{name}: {said}");
        ensure!(fs::read_dir(&folder)?.next().is_none(), "{name}: something is left");
    }
    // The server dies in the middle.
    let before = prometheus.bare.queries()?;
    let plugin_of = plugin().start(flags)?;
    await_middle(&prometheus, before, || {});
    signal("-KILL", &prometheus);
    let output = plugin_of.wait_with_output()?;
    ensure!(output.status.code() == Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    ensure!(fs::read_dir(&folder)?.next().is_none(), "something is left");
    prometheus.bare.restart()?;
    let ask = |flags: &[&str]| plugin().run([&["capture", "--prometheus", &url], flags].concat());
    let empty = ask(&["-T", "2024-01-01", &shown])?;
    assert_refused("an empty window", &empty, &["nothing has samples in the window to 2024-01-01"]);
    fs::write(&file, "somebody's")?;
    assert_refused("a file", &ask(&["-T", END, &shown])?, &["is there already", "another name"]);
    ensure!(fs::read_to_string(&file)? == "somebody's");
    Ok(())
}

/// Nothing listens where the server is said to be, so that whatever were queried would be another error.
#[test]
fn a_file_that_cannot_be_made_is_refused_before_anything_is_queried() -> Result<()> {
    let folder = folder("captured-refused")?;
    let url = format!("http://127.0.0.1:{}", free_port());
    let refuse = |file: &Path, parts: &[&str]| -> Result<()> {
        let shown = file.display().to_string();
        let outcome = plugin().run(["capture", "--prometheus", &url, "-T", END, &shown])?;
        assert_refused(&shown, &outcome, parts);
        ensure!(!outcome.stderr.contains(&url), "{}", outcome.stderr);
        Ok(())
    };
    let slash = format!("{}/x/", folder.display());
    let outcome = plugin().run(["capture", "--prometheus", &url, "-T", END, &slash])?;
    ensure!(outcome.code == 2 && outcome.stderr.contains("x/ names no file"), "{}", outcome.stderr);
    refuse(Path::new("/no/such/folder/x"), &["cannot write into /no/such/folder"])?;
    refuse(&folder, &["is there already"])?;
    let link = folder.join("link");
    symlink("nowhere", &link)?;
    refuse(&link, &["is there already", "another name"])?;
    ensure!(fs::read_link(link)? == Path::new("nowhere") && fs::read_dir(&folder)?.count() == 1);
    Ok(())
}

/// The command is read by two shells, as oc joins its arguments by blanks; what it then dumps answers alike.
#[test]
fn the_must_gather_command_survives_its_two_shells() -> Result<()> {
    let history = partitioned(&Spec { gaps: false, ..an_hour() });
    let prometheus = serve("captured-gather", &history, &[])?;
    let whole = dump("captured-gather", &history, &Dump { keep: true, ..Dump::default() })?;
    let printed = plugin().run(["capture", "--must-gather", "-i", "1h", "-T", END, "--threads"])?;
    ensure!(printed.code == 0 && printed.stderr.contains("reserved set"), "{}", printed.stderr);
    ensure!(printed.stdout.starts_with("oc adm must-gather -- gather_metrics"), "{}", printed.stdout);
    let data = directory()?.join("captured-gather/data");
    let promtool = tool("promtool")?;
    let gather = format!(
        "gather_metrics() {{ {} tsdb dump-openmetrics {} --sandbox-dir-root={} \"$@\"; }}",
        promtool.display(),
        data.display(),
        data.display()
    );
    // Runs the words after `--` as oc does, in the container's shell.
    let script = format!("oc() {{ shift 3; bash -c \"$GATHER; $*\"; }}; {}", printed.stdout);
    let file = directory()?.join("captured-gather/command");
    fs::write(&file, &script)?;
    let mut dumped: Vec<Vec<u8>> = Vec::new();
    for shell in [&[][..], &["--norc", "-i"]] {
        // On its standard input, as someone pastes it: an interactive shell expands history in it.
        let mut command = Command::new("bash");
        let output = command.args(shell).stdin(File::open(&file)?).env("GATHER", &gather).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success() && !said.contains("event not found"), "{shell:?}: {said}");
        dumped.push(output.stdout);
    }
    ensure!(dumped[0].len() == dumped[1].len(), "{} and {} bytes", dumped[0].len(), dumped[1].len());
    fs::write(&whole, &dumped[1])?;
    for by in ["group", "thread", "cpuset", "workload"] {
        let count = agree(&prometheus.url, &whole, &format!("top --by {by} --per-node --source exporter"))?;
        ensure!(count > 10, "{by}: {count} figures");
    }
    Ok(())
}
