//! Tests of the limits that the program reports: as another user, with hidden processes, in a container's PID namespace.

use crate::program::Program;
use crate::shell::skip;
use rustix::process::geteuid;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// Command that runs its arguments as nobody.
const NOBODY: &str = "setpriv --reuid=65534 --regid=65534 --clear-groups -- \"$0\" \"$@\"";

#[test]
fn hidden_threads_are_reported_and_the_rest_is_counted() {
    if !geteuid().is_root() {
        return skip("limits", "only root may become nobody and mount a procfs");
    }
    if !fs::read_to_string("/proc/2/comm").is_ok_and(|comm| comm == "kthreadd\n") {
        return skip("limits", "the kernel's threads are hidden already");
    }
    // Copied, because the user nobody may not execute files in the build's folder.
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    let program = dir.path().join("process-exporter");
    fs::copy(env!("CARGO_BIN_EXE_process-exporter"), &program).unwrap();
    let hidden = |how| format!("mount -t proc -o hidepid={how} proc /proc && exec {NOBODY}");
    // A PID namespace ends with its first process, which ends with unshare. A shell that stays is therefore the first.
    let contained = format!("mount -t proc proc /proc && {NOBODY}; exit");
    let cases: [(&str, &[&str], String, Option<&str>); 4] = [
        ("nobody", &[], format!("exec {NOBODY}"), None),
        ("invisible", &[], hidden("2"), Some("(hidepid)")),
        ("no access", &[], hidden("1"), Some("(hidepid)")),
        ("container", &["--pid", "--fork", "--kill-child"], contained, Some("(hostPID shows")),
    ];
    for (what, namespaces, script, want) in cases {
        let mut command = Command::new("unshare");
        command.arg("--mount").args(namespaces).args(["sh", "-c", &script]).arg(&program);
        let program = Program::run(&mut command);
        let clause =
            program.line.split("; ").find(|clause| clause.contains("the kernel's threads are not in sight"));
        assert_eq!(clause.is_some(), want.is_some(), "{what}: {}", program.line);
        assert!(
            clause.is_none_or(|clause| clause.contains(want.unwrap_or_default())),
            "{what}: {}",
            program.line
        );
        let metrics = program.metrics();
        let kworkers = metrics.contains(r#"class="kernel",groupname="kworker""#);
        assert_eq!(kworkers, want.is_none(), "{what}: {metrics}");
        assert!(metrics.contains("namedprocess_node_cpu_seconds_total{mode=\"user\"}"), "{what}: {metrics}");
        if want.is_none() {
            assert!(metrics.contains("{reason=\"permission_denied\"} 0\n"), "{what}: {metrics}");
        }
    }
}

#[test]
fn a_tree_that_is_not_the_nodes_is_named_as_the_cause() {
    let test = "blamed";
    if !fs::read_to_string("/proc/2/comm").is_ok_and(|comm| comm == "kthreadd\n") {
        return skip(test, "the kernel's threads are hidden already");
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let Some(mount) = mounts.lines().find(|line| line.contains(" - cgroup2 ")) else {
        return skip(test, "no cgroup v2 is mounted");
    };
    let root = format!("{}/oc-interrogate-{test}-{}", mount.split(' ').nth(4).unwrap(), std::process::id());
    if let Err(error) = fs::create_dir(&root) {
        return skip(test, &format!("{root} cannot be made: {error}"));
    }
    let line = Program::start(&["--cgroupfs", &root]).line.clone();
    fs::remove_dir(&root).unwrap();
    assert!(line.contains(&format!("for {root} is not the root of the node's tree")), "{line}");
    assert!(!line.contains("hostPID"), "{line}");
}
