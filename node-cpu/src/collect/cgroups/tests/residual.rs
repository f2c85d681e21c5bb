//! Whose it is what a slice has used beyond its living units.
use super::*;

#[test]
fn the_tail_of_the_vanished() {
    // (what vanishes from system.slice while that grows by 100, who gets it)
    let cases: [(&[&str], &str); 5] = [
        (&["a.service"], "a"),
        (&["a.service", "b.service"], "(exited)"),
        (&["in.slice"], "c"),
        (&["two.slice"], "(exited)"),
        (&[], "(exited)"),
    ];
    for (vanished, owner) in cases {
        let mut fake = Fake::new();
        for name in ["", "a.service", "b.service", "in.slice", "in.slice/c.service"] {
            fake.set(&format!("system.slice/{name}"), 0, 0);
        }
        for name in ["two.slice", "two.slice/d.service", "two.slice/e.service"] {
            fake.set(&format!("system.slice/{name}"), 0, 0);
        }
        let mut watch = Watch::new(&fake);
        fake.set("system.slice", 60, 40);
        vanished.iter().for_each(|name| fake.remove(&format!("system.slice/{name}")));
        assert_eq!(watch.pass(), groups([(owner, 100)]), "{vanished:?}");
        assert_eq!(watch.pass(), groups([(owner, 100)]), "{vanished:?}, the pass after");
    }
}

/// Nobody should put processes into a slice, and some do.
#[test]
fn processes_of_a_slice_itself_have_its_name() {
    for (slice, pids, within, owner) in [
        ("batch-1.slice", "7\n", None, "batch.slice"),
        ("batch.slice", "", None, "(exited)"),
        ("batch.slice", "7\n", Some("a.service"), "(exited)"),
        ("user.slice/user-1000.slice", "7\n", None, "user"),
    ] {
        let fake = Fake::new();
        for part in path_of(slice).chain(within.map(|_| slice)) {
            fake.set(part, 0, 0);
        }
        if let Some(within) = within {
            fake.set(&format!("{slice}/{within}"), 0, 0);
        }
        fs::write(fake.root().join(slice).join("cgroup.procs"), pids).unwrap();
        let mut watch = Watch::new(&fake);
        path_of(slice).for_each(|part| fake.set(part, 60, 40));
        assert_eq!(watch.pass(), groups([(owner, 100)]), "{slice} {pids:?} {within:?}");
    }
}

/// A residual is one unit's only if nothing else has lived there unseen.
#[test]
fn what_came_and_went_unseen_may_have_used_it_too() {
    // (what vanishes from system.slice while that grows by 100, what comes and goes meanwhile, who gets it)
    let cases: [(&[&str], &[&str], &str); 6] = [
        (&["a.service"], &["run-r1.scope", "run-r2.scope"], "(exited)"),
        (&["a.service"], &["a.service.d.slice"], "(exited)"),
        (&[], &["run-r1.scope", "run-r2.scope"], "run"),
        (&[], &["run-r1.scope", "x.service"], "(exited)"),
        (&[], &["getty@tty1.service"], "getty"),
        (&["a.service"], &["a@2.service"], "a"),
    ];
    for (vanished, unseen, owner) in cases {
        let mut fake = Fake::new();
        for name in ["", "a.service", "b.service"] {
            fake.set(&format!("system.slice/{name}"), 0, 0);
        }
        let mut watch = Watch::new(&fake);
        for name in unseen {
            let path = fake.root().join("system.slice").join(name);
            fs::create_dir(&path).unwrap();
            fs::remove_dir(path).unwrap();
        }
        fake.set("system.slice", 60, 40);
        vanished.iter().for_each(|name| fake.remove(&format!("system.slice/{name}")));
        assert_eq!(watch.pass(), groups([(owner, 100)]), "{vanished:?} {unseen:?}");
    }
}
