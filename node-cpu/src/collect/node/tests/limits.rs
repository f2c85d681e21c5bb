//! Messages about a machine that shows only a part of itself.

use super::*;

#[test]
fn display_lists_what_can_be_seen() {
    let fake = Fake::new();
    let by_cgroup = Node::open(&fake.paths(), Detail::default()).unwrap().to_string();
    assert!(by_cgroup.contains("2 cgroups") && by_cgroup.contains("1 kernel threads and 0"), "{by_cgroup}");
    let by_process = Node::open(&Paths { cgroupfs: None, ..fake.paths() }, Detail::default()).unwrap();
    assert_eq!(by_process.method(), Method::Process);
    let line = by_process.to_string();
    assert!(line.contains("mountinfo cannot be read") && line.contains("1 kernel threads and 0"), "{line}");
}

#[test]
fn limits_list_what_cannot_be_seen() {
    let hidden = "proc hides them from this user (hidepid)";
    let contained = "proc is a container's own (hostPID shows the node's)";
    let init = "1 (init) S 0 0 0 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0\n";
    // (PID 1 can be read, a kernel thread can, there is a tree, expected limits)
    let cases: [(bool, bool, bool, &[&str]); 5] = [
        (true, true, true, &[]),
        (true, true, false, &["no cgroup v2 tree of the node is in sight"]),
        (true, false, false, &["no cgroup v2 tree", "processes of others and the kernel's threads"]),
        (true, false, true, &["processes in no unit and the kernel's threads"]),
        (false, true, true, &["processes in no unit and the kernel's threads"]),
    ];
    for (init_seen, kernel_seen, tree, want) in cases {
        let fake = Fake::new();
        if init_seen {
            fake.write("proc/1/stat", init);
        }
        if !kernel_seen {
            fs::remove_dir_all(fake.0.path().join("proc/3")).unwrap();
        }
        let paths = if tree { fake.paths() } else { Paths { cgroupfs: None, ..fake.paths() } };
        let limits = Node::open(&paths, Detail::default()).unwrap().limits();
        let case = format!("{init_seen} {kernel_seen} {tree}: {limits:?}");
        assert_eq!(limits.len(), want.len(), "{case}");
        assert!(limits.iter().zip(want).all(|(limit, want)| limit.starts_with(want)), "{case}");
        let why = if init_seen { contained } else { hidden };
        let threads = limits.iter().find(|limit| limit.contains("threads"));
        assert!(threads.is_none_or(|limit| limit.contains(why)), "{case}");
    }
}

#[test]
fn a_wrong_path_is_an_error_that_names_it() {
    let fake = Fake::new();
    for (paths, named) in [
        (Paths { procfs: "/nowhere".into(), ..fake.paths() }, "/nowhere"),
        (Paths { cgroupfs: Some("/proc/self".into()), ..fake.paths() }, "/proc/self"),
    ] {
        let error = format!("{:#}", Node::open(&paths, Detail::default()).unwrap_err());
        assert!(error.contains(named), "{error}");
    }
}
