//! Residual owners: CPU of a slice beyond that of its living units.

use super::*;

#[test]
fn last_cpu_of_vanished_cgroups_goes_to_their_owner() {
    // (cgroups that vanish from system.slice while it grows by 100, group that gets the 100)
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
        let mut runner = PassRunner::new(&fake);
        fake.set("system.slice", 60, 40);
        vanished.iter().for_each(|name| fake.remove(&format!("system.slice/{name}")));
        assert_eq!(runner.pass(), groups([(owner, 100)]), "{vanished:?}");
        assert_eq!(runner.pass(), groups([(owner, 100)]), "{vanished:?}, the pass after");
    }
}

/// Processes should not be in a slice itself, but some are.
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
        let mut runner = PassRunner::new(&fake);
        path_of(slice).for_each(|part| fake.set(part, 60, 40));
        assert_eq!(runner.pass(), groups([(owner, 100)]), "{slice} {pids:?} {within:?}");
    }
}

/// A residual belongs to one unit only if nothing else has lived there unseen.
#[test]
fn unseen_cgroups_may_have_used_the_residual_too() {
    // (cgroups that vanish from system.slice while it grows by 100, cgroups that come and go meanwhile, group that gets
    // the 100)
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
        let mut runner = PassRunner::new(&fake);
        for name in unseen {
            let path = fake.root().join("system.slice").join(name);
            fs::create_dir(&path).unwrap();
            fs::remove_dir(path).unwrap();
        }
        fake.set("system.slice", 60, 40);
        vanished.iter().for_each(|name| fake.remove(&format!("system.slice/{name}")));
        assert_eq!(runner.pass(), groups([(owner, 100)]), "{vanished:?} {unseen:?}");
    }
}
