//! Tests passes for which the kernel itself refuses system calls of one kind.
//!
//! The errors are of missing memory, files or permission. Afterwards nothing is lost.

use crate::fake::Fake;
use crate::shell::{DETAIL, skip, total};
use node_cpu::{Class, Node, Snapshot};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use std::collections::BTreeMap;
use std::env::consts::ARCH;

/// Sets the CPU of both units, so that each of their two threads has used `ticks`.
fn use_ticks(fake: &mut Fake, ticks: u64) {
    for (name, pid) in [("a", 100), ("b", 200)] {
        fake.process(pid, 1, name, 3 + ticks, &[pid, pid + 1]);
        fake.unit(name, 60_000 + ticks * 20_000, &[pid]);
    }
}

/// Runs a pass in a thread of its own, to which the kernel refuses the system call `call`. `None` if the pass fails.
fn pass_without(node: &mut Node, call: i64, errno: i32) -> Option<Snapshot> {
    let action = SeccompAction::Errno(errno.unsigned_abs());
    let rules = BTreeMap::from([(call, Vec::new())]);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, action, ARCH.try_into().unwrap()).unwrap();
    let program = BpfProgram::try_from(filter).unwrap();
    std::thread::scope(|scope| {
        let pass = scope.spawn(|| {
            seccompiler::apply_filter(&program).unwrap();
            node.pass().ok()
        });
        pass.join().unwrap()
    })
}

#[test]
fn refused_calls_are_counted_by_their_reason_and_no_cpu_is_lost() {
    if !ARCH.eq("x86_64") && !ARCH.eq("aarch64") {
        return skip("refused", "the library that has calls refused does not know this machine");
    }
    let errors = [
        (libc::ENOMEM, "out_of_memory"),
        (libc::EPERM, "permission_denied"),
        (libc::EACCES, "permission_denied"),
        (libc::EMFILE, "too_many_open_files"),
        (libc::ENFILE, "too_many_open_files"),
        (libc::EIO, "other"),
    ];
    // A pass opens files, reads counters kept open, reads other files, lists directories, and checks for changes.
    let calls = [libc::SYS_openat, libc::SYS_pread64, libc::SYS_read, libc::SYS_getdents64, libc::SYS_statx];
    for (errno, reason) in errors {
        for call in calls {
            let mut fake = Fake::new();
            use_ticks(&mut fake, 0);
            let mut node = Node::open(&fake.paths(), DETAIL).unwrap();
            use_ticks(&mut fake, 1);
            // A new unit makes the pass list a directory.
            fake.unit("new", 10_000, &[]);
            let during = pass_without(&mut node, call, errno);
            use_ticks(&mut fake, 2);
            let after = node.pass().unwrap();
            let what = format!("{reason} of call {call}");
            for (reason, counted) in &after.errors {
                assert_eq!(*counted > 0, *reason == reason_of(errno, &errors), "{what}: {counted} {reason}");
            }
            for group in ["a", "b"] {
                assert_eq!(total(&after, Class::Host, group), 40_000, "{what}: {group}");
                let then = during.as_ref().map_or(0, |during| total(during, Class::Host, group));
                assert!(then <= 20_000, "{what}: {group} had {then} then");
            }
            assert_eq!(total(&after, Class::Host, "new"), 10_000, "{what}: the new one");
        }
    }
}

/// Returns the reason that an error is counted by.
fn reason_of(errno: i32, errors: &[(i32, &'static str)]) -> &'static str {
    errors.iter().find(|(number, _)| *number == errno).map_or("", |(_, reason)| reason)
}
