//! Rules of a whole node: the files that they need, and those that cannot be read.

use super::*;
use crate::naming::Rules;
use rustix::fs::{FileType, Mode};

/// A process whose command line cannot be read gets the name of its comm. The others get theirs in the same pass.
#[test]
fn a_command_line_that_blocks_delays_no_other_process() {
    let fake = Fake::new();
    let process = |pid: u32, comm: &str, ticks: u64| {
        let stat = format!("{pid} ({comm}) S 1 5 5 0 -1 4194560 0 0 0 0 {ticks} 0 0 0 20 0 1 0 5 0 0\n");
        fake.write(&format!("proc/{pid}/stat"), &stat);
    };
    fake.write("cgroup/cgroup.procs", "3\n5\n6\n");
    process(5, "fifteen-letters", 0);
    process(6, "other", 0);
    fake.write("proc/6/cmdline", "/bin/other\0--mine\0");
    let pipe = fake.0.path().join("proc/5/cmdline");
    let mode = Mode::RUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, mode, 0).unwrap();
    let mut node = Node::open(&fake.paths(), Detail::default()).unwrap();
    let rules = "process_names:\n- {name: mine, cmdline: ['--mine']}\n- {name: '{{.ExeBase}}', comm: [fifteen-letters]}";
    node.set_rules(Some(Arc::new(Rules::parse(rules).unwrap())));
    process(5, "fifteen-letters", 7);
    process(6, "other", 9);
    node.pass().unwrap();
    process(5, "fifteen-letters", 14);
    process(6, "other", 18);
    let snapshot = node.pass().unwrap();
    let hz = node.procfs.hz();
    let host = |group| total(&snapshot, Class::Host, group).unwrap_or(0);
    assert_eq!((host("fifteen-letters"), host("mine")), (14 * 1_000_000 / hz, 18 * 1_000_000 / hz));
    // The command line was read once for the process, and once for the rules, and not again in each pass.
    assert_eq!(snapshot.errors["timeout"], 2);
}

/// A file is read only if a rule needs it.
#[test]
fn an_empty_list_of_rules_is_none() {
    let fake = Fake::new();
    fake.write("proc/5/stat", "5 (short) S 1 5 5 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0\n");
    fake.write("cgroup/cgroup.procs", "3\n5\n");
    let mut node = Node::open(&fake.paths(), Detail::default()).unwrap();
    let files = |node: &mut Node| node.pass().unwrap().work.files_read;
    let before = files(&mut node);
    node.set_rules(Some(Arc::new(Rules::parse("process_names: []").unwrap())));
    assert_eq!(files(&mut node), before);
    // A rule for other processes needs no more files either, once it has been applied.
    node.set_rules(Some(Arc::new(Rules::parse("process_names: [{comm: [x]}, {name: y, ppid: 1}]").unwrap())));
    files(&mut node);
    assert_eq!(files(&mut node), before);
}
