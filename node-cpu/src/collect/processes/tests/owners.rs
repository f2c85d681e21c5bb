//! Owners of processes: their groups and pods, and the names of both.

use super::*;

#[test]
fn each_process_has_the_right_owner() {
    let mut machine = prepared(&[
        (1, Fake { comm: "systemd", ppid: 0, ..PROC }),
        (2, Fake { comm: "kthreadd", ppid: 0, ..KTHREAD }),
        (3, Fake { comm: "kworker/0:1", ..KTHREAD }),
        (4, Fake { comm: "modprobe", ppid: 3, ..PROC }),
        (10, Fake { comm: "crio", ..PROC }),
        (11, Fake { comm: "conmon", ppid: 10, ..PROC }),
        (12, Fake { comm: "probe", ppid: 11, ..PROC }),
        (13, Fake { comm: "systemd-journal", ..PROC }),
        (14, Fake { comm: "child", ppid: 13, ..PROC }),
        (20, Fake { comm: "entered", ppid: 0, ..PROC }),
        (21, Fake { comm: "below", ppid: 20, ..PROC }),
        (30, Fake { comm: "own", ..PROC }),
        (40, Fake { comm: "a", ppid: 41, ..PROC }),
        (41, Fake { comm: "b", ppid: 40, ..PROC }),
    ]);
    machine.write(1, "cgroup", "0::/../../init.scope\n");
    machine.write(12, "cgroup", "0::/../../../kubepods-podx.slice/c.scope\n");
    machine.write(13, "cmdline", "/lib/systemd/systemd-journald\0");
    machine.write(30, "cgroup", "0::/\n");
    machine = machine.take_first_pass();
    let cases = [
        (1, Class::Host, "systemd"),
        (2, Class::Kernel, "kthreadd"),
        (3, Class::Kernel, "kworker"),
        (4, Class::Host, "modprobe"),
        (11, Class::Host, "crio"),
        (12, Class::Pod, "x"),
        (14, Class::Host, "systemd-journald"),
        (21, Class::Host, "entered"),
        (30, Class::Pod, "(other)"),
    ];
    for (pid, class, group) in cases {
        assert_eq!(machine.naming(pid), (class, group), "PID {pid}");
    }
    // A circle, which may be read from a changing system, ends somewhere.
    assert_eq!(machine.naming(40).0, Class::Host);
    assert_eq!(machine.processes.outside_units_counts(), (2, 12));
}

#[test]
fn a_group_lasts_until_another_program_is_executed() {
    let mut machine = machine(&[(1, PROC), (5, Fake { comm: "sh", ..PROC }), (6, Fake { ppid: 5, ..PROC })]);
    machine.end(5);
    machine.set(6, Fake { comm: "x", ppid: 1, ..PROC });
    machine.set(7, Fake { comm: "y", ppid: 6, ..PROC });
    machine.pass();
    assert_eq!((machine.naming(6).1, machine.naming(7).1), ("sh", "sh"));
    machine.set(6, Fake { comm: "z", ppid: 1, ..PROC });
    machine.pass();
    assert_eq!(machine.naming(6).1, "z");
}

#[test]
fn pods_come_from_the_cgroup_files_and_their_names_from_the_monitors() {
    let (id, commands) = ("a".repeat(64), "conmon\0-n\0k8s_c_web_shop_u1_0\0");
    let mut machine = prepared(&[(1, PROC), (10, PROC), (11, PROC), (12, PROC), (13, PROC)]);
    let slice = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod";
    machine.write(10, "cgroup", &format!("4:cpu:{slice}u1.slice/crio-{id}.scope/container\n0::/\n"));
    machine.write(
        11,
        "cgroup",
        &format!("4:cpuacct:/\n1:name=systemd:{slice}u1.slice/crio-conmon-{id}.scope\n"),
    );
    machine.write(11, "cmdline", "");
    machine.write(12, "cgroup", &format!("4:cpu:{slice}u2.slice/crio-{id}.scope\n"));
    machine.write(13, "cgroup", &format!("4:cpu:/system.slice/crio-{id}.scope\n"));
    machine = machine.take_first_pass();
    let pods = |machine: &mut FakeMachine| {
        let snapshot = machine.snapshot();
        let all: u64 = snapshot.pods.values().map(|cpu| cpu.total_us()).sum();
        assert_eq!(all, snapshot.groups[&naming::pods()].total_us());
        let named =
            snapshot.pods.into_iter().map(|(pod, cpu)| (pod.name.to_string(), cpu.total_us() / 10_000));
        named.filter(|(_, ticks)| *ticks > 0).collect::<BTreeMap<_, _>>()
    };
    machine.set(10, Fake { own: 3, ..PROC });
    machine.set(12, Fake { own: 5, ..PROC });
    machine.set(13, Fake { own: 7, ..PROC });
    assert_eq!(pods(&mut machine), groups([("u1", 3), ("u2", 5), ("(other)", 7)]));
    machine.write(11, "cmdline", commands);
    machine.set(10, Fake { own: 13, ..PROC });
    machine.set(11, Fake { own: 1, ..PROC });
    pods(&mut machine);
    machine.set(10, Fake { own: 23, ..PROC });
    let want = [("u1", 13), ("web", 11), ("u2", 5), ("(other)", 7)];
    assert_eq!(pods(&mut machine), groups(want), "from its name on all of its processes count under it");
    // Both end, and systemd has waited for them. The owner of the remainder is unknown.
    [10, 11, 12].iter().for_each(|pid| machine.end(*pid));
    machine.set(1, Fake { waited: 40, ..PROC });
    let want = [("u1", 13), ("web", 11), ("u2", 5), ("(other)", 7), ("(exited)", 11)];
    assert_eq!(pods(&mut machine), groups(want));
}

/// A rule with the name of the group of all pods takes nothing from the pods.
#[test]
fn a_rule_with_the_name_of_all_pods_separates_nothing() {
    let slice = format!("0::/kubepods.slice/kubepods-podu1.slice/crio-conmon-{}.scope\n", "a".repeat(64));
    let mut machine = prepared(&[(1, PROC), (11, Fake { comm: "conmon", ..PROC })]);
    machine.write(11, "cgroup", &slice);
    machine.write(11, "cmdline", "conmon\0-n\0k8s_c_web_shop_u1_0\0");
    machine = machine.take_first_pass();
    let rules = Rules::parse("process_names: [{name: '{{.Comm}}', comm: [conmon]}]").unwrap();
    machine.processes.set_rules(Some(Arc::new(rules)));
    machine.snapshot();
    // No pass saw this container.
    machine.set(11, Fake { comm: "conmon", own: 2, waited: 40, ..PROC });
    let snapshot = machine.snapshot();
    let pods: u64 = snapshot.pods.values().map(|cpu| cpu.total_us()).sum();
    assert_eq!((pods, snapshot.groups[&naming::pods()].total_us()), (420_000, 420_000));
}
