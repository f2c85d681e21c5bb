//! What is read of a tree, and what not.

use super::*;
use crate::kernel::Outcome;
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::Write as _;

#[test]
fn nothing_is_read_below_what_did_not_move() {
    let fake = Fake::new();
    for name in ["", "a.service", "a.service/in", "b.service"] {
        fake.set(&format!("system.slice/{name}"), 0, 0);
    }
    fake.set("user.slice", 0, 0);
    fake.set("user.slice/session-1.scope", 0, 0);
    let mut watch = Watch::new(&fake);
    let Outcome::Got(links) = watch.reader.sort(fs::metadata(fake.root())) else { panic!("no root") };
    if std::os::unix::fs::MetadataExt::nlink(&links) < 2 {
        return; // a file system that does not count directories: all that moved is listed
    }
    assert_eq!(watch.effort(), (2, 0), "the two slices' counters");
    fake.set("system.slice", 9, 0);
    fake.set("system.slice/a.service", 9, 0);
    // Before and after what is in them: the slice and a. And b, in, and the other slice once; processes and threads of a.
    assert_eq!(watch.effort(), (4 + 3, 3));
    assert_eq!(watch.pass(), groups([("a", 9)]));
    assert_eq!(watch.effort(), (2, 0));
}

#[test]
fn what_ran_while_the_pass_was_under_way_is_put_right_in_the_next() {
    let fake = Fake::new();
    fake.set("system.slice", 0, 0);
    fake.set("system.slice/a.service", 0, 0);
    let mut watch = Watch::new(&fake);
    // The slice is read before and after its child, which moves between: stood for by a counter that is ahead.
    fake.set("system.slice", 5, 0);
    assert_eq!(watch.pass(), groups([("(exited)", 5)]));
    fake.set("system.slice/a.service", 5, 0);
    fake.set("system.slice", 6, 0);
    assert_eq!(watch.pass(), groups([("(exited)", 5), ("a", 5)]));
    fake.set("system.slice", 5 + 6, 0);
    assert_eq!(watch.pass(), groups([("(exited)", 6), ("a", 5)]));
}

#[test]
fn what_could_not_be_read_opens_the_way_to_it_in_the_next_pass() {
    let fake = Fake::new();
    fake.set("a.slice", 0, 0);
    fake.set("a.slice/b.slice", 0, 0);
    fake.set("a.slice/b.slice/c.service", 0, 0);
    let mut watch = Watch::new(&fake);
    for name in ["a.slice", "a.slice/b.slice"] {
        fake.set(name, 10, 0);
    }
    fs::write(fake.root().join("a.slice/b.slice/c.service/cpu.stat"), "?").unwrap();
    assert_eq!(watch.pass(), groups([("(exited)", 10)]));
    // Nothing moves any more.
    fake.set("a.slice/b.slice/c.service", 10, 0);
    assert_eq!(watch.pass(), groups([("(exited)", 10), ("c", 10)]));
}

/// What can never be read is no reason to read all around it in every pass.
#[test]
fn what_can_never_be_read_does_not_keep_the_way_to_it_open() {
    let fake = Fake::new();
    for name in ["a.slice", "a.slice/b.service", "a.slice/c.service"] {
        fake.set(name, 0, 0);
    }
    fs::write(fake.root().join("a.slice/b.service/cpu.stat"), "?").unwrap();
    let mut watch = Watch::new(&fake);
    let tries = (0..10).take_while(|_| watch.effort().0 > 1).count();
    assert_eq!(tries, 3, "it is tried again while it may be a matter of time");
    assert_eq!(watch.effort().0, 1, "nothing moves");
    // Once something moves it is, and counts from there on.
    fake.set("a.slice/b.service", 7, 0);
    fake.set("a.slice", 5, 0);
    watch.pass();
    fake.set("a.slice/b.service", 9, 0);
    fake.set("a.slice", 7, 0);
    assert_eq!(watch.pass().get("b"), Some(&2));
}

/// A path that is too long cannot be opened, and a tree that is too deep is no reason to read all of it time and again.
#[test]
fn what_is_deeper_than_any_path_counts_for_what_it_is_in() {
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
        let mut watch = Watch::new(&fake);
        fake.set("a.service", 9, 0);
        assert_eq!(watch.pass(), groups([("a", 9)]));
        assert_eq!(watch.effort(), (1, 0), "nothing moves any more");
    }
}
