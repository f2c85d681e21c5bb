//! Readings of a tree: the files that a pass reads, and those that it skips.

use super::*;
use crate::kernel::Outcome;
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::Write as _;

#[test]
fn nothing_is_read_below_an_unchanged_counter() {
    let fake = Fake::new();
    for name in ["", "a.service", "a.service/in", "b.service"] {
        fake.set(&format!("system.slice/{name}"), 0, 0);
    }
    fake.set("user.slice", 0, 0);
    fake.set("user.slice/session-1.scope", 0, 0);
    let mut runner = PassRunner::new(&fake);
    let Outcome::Got(links) = runner.reader.classify(fs::metadata(fake.root())) else { panic!("no root") };
    if std::os::unix::fs::MetadataExt::nlink(&links) < 2 {
        return; // a file system that does not count directories: all changed cgroups are listed
    }
    assert_eq!(runner.count_reads(), (2, 0), "the two slices' counters");
    fake.set("system.slice", 9, 0);
    fake.set("system.slice/a.service", 9, 0);
    // The slice and `a` are read twice, before and after their content. `b`, `in` and the other slice are read once.
    // The other files are the processes and threads of `a`.
    assert_eq!(runner.count_reads(), (4 + 3, 3));
    assert_eq!(runner.pass(), groups([("a", 9)]));
    assert_eq!(runner.count_reads(), (2, 0));
}

#[test]
fn the_next_pass_corrects_cpu_that_was_used_during_a_pass() {
    let fake = Fake::new();
    fake.set("system.slice", 0, 0);
    fake.set("system.slice/a.service", 0, 0);
    let mut runner = PassRunner::new(&fake);
    // A slice is read before and after its child, and the child's counter may change between. A counter that is ahead
    // models this.
    fake.set("system.slice", 5, 0);
    assert_eq!(runner.pass(), groups([("(exited)", 5)]));
    fake.set("system.slice/a.service", 5, 0);
    fake.set("system.slice", 6, 0);
    assert_eq!(runner.pass(), groups([("(exited)", 5), ("a", 5)]));
    fake.set("system.slice", 5 + 6, 0);
    assert_eq!(runner.pass(), groups([("(exited)", 6), ("a", 5)]));
}

#[test]
fn the_next_pass_retries_an_unreadable_cgroup() {
    let fake = Fake::new();
    fake.set("a.slice", 0, 0);
    fake.set("a.slice/b.slice", 0, 0);
    fake.set("a.slice/b.slice/c.service", 0, 0);
    let mut runner = PassRunner::new(&fake);
    for name in ["a.slice", "a.slice/b.slice"] {
        fake.set(name, 10, 0);
    }
    fs::write(fake.root().join("a.slice/b.slice/c.service/cpu.stat"), "?").unwrap();
    assert_eq!(runner.pass(), groups([("(exited)", 10)]));
    // No counter changes any more.
    fake.set("a.slice/b.slice/c.service", 10, 0);
    assert_eq!(runner.pass(), groups([("(exited)", 10), ("c", 10)]));
}

/// A file that can never be read does not make every pass read all around it.
#[test]
fn retries_of_an_unreadable_cgroup_end() {
    let fake = Fake::new();
    for name in ["a.slice", "a.slice/b.service", "a.slice/c.service"] {
        fake.set(name, 0, 0);
    }
    fs::write(fake.root().join("a.slice/b.service/cpu.stat"), "?").unwrap();
    let mut runner = PassRunner::new(&fake);
    let tries = (0..10).take_while(|_| runner.count_reads().0 > 1).count();
    assert_eq!(tries, 3, "it is tried again while it may be a matter of time");
    assert_eq!(runner.count_reads().0, 1, "nothing moves");
    // The file is read again once the counter changes, and its CPU counts from there on.
    fake.set("a.slice/b.service", 7, 0);
    fake.set("a.slice", 5, 0);
    runner.pass();
    fake.set("a.slice/b.service", 9, 0);
    fake.set("a.slice", 7, 0);
    assert_eq!(runner.pass().get("b"), Some(&2));
}

/// A path that is too long cannot be opened, and a tree that is too deep is not read completely in every pass.
#[test]
fn cgroups_below_the_longest_path_count_for_the_one_above() {
    for (name, levels) in [("d", 3000), (&*"long".repeat(50), 40)] {
        let fake = Fake::new();
        fake.set("a.service", 0, 0);
        let mut dir = File::open(fake.root().join("a.service")).unwrap();
        for _ in 0..levels {
            rustix::fs::mkdirat(&dir, name, Mode::RWXU).unwrap();
            dir = rustix::fs::openat(&dir, name, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())
                .unwrap()
                .into();
            let file = OFlags::WRONLY | OFlags::CREATE;
            let mut stat: File =
                rustix::fs::openat(&dir, "cpu.stat", file, Mode::RUSR | Mode::WUSR).unwrap().into();
            stat.write_all(b"usage_usec 0\nuser_usec 0\nsystem_usec 0\n").unwrap();
        }
        let mut runner = PassRunner::new(&fake);
        fake.set("a.service", 9, 0);
        assert_eq!(runner.pass(), groups([("a", 9)]));
        assert_eq!(runner.count_reads(), (1, 0), "nothing moves any more");
    }
}
