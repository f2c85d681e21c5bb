//! Pods of a tree: each has the right name, and all of them add up to the group of all pods.

use super::*;
use crate::naming::{self, parse_monitored_pod};
use crate::snapshot::Pod;

const IDS: [&str; 2] = [
    "af97775074c5f35e8c9cece9ae603a30aed0f6bf87078c72cc66b674825dd00f",
    "bf97775074c5f35e8c9cece9ae603a30aed0f6bf87078c72cc66b674825dd00f",
];
const BURSTABLE: &str = "kubepods.slice/kubepods-burstable.slice";

impl Fake {
    /// Adds a process with its command line to a cgroup.
    fn add_process(&self, cgroup: &str, pid: u32, command: &str) {
        fs::create_dir_all(self.root().join(cgroup)).unwrap();
        fs::write(self.root().join(cgroup).join("cgroup.procs"), format!("{pid}\n")).unwrap();
        let process = self.dir.path().join(pid.to_string());
        fs::create_dir_all(&process).unwrap();
        fs::write(process.join("cmdline"), command.replace(' ', "\0")).unwrap();
    }

    /// Adds CPU to all cgroups up to this one.
    fn add_cpu(&self, cgroup: &str, us: u64) {
        for part in path_of(cgroup) {
            let before = fs::read_to_string(self.root().join(part).join("cpu.stat")).unwrap_or_default();
            let before = before.split_whitespace().nth(1).map_or(0, |us| us.parse().unwrap());
            self.set(part, before + us, 0);
        }
    }
}

/// Returns the CPU of the pods, without those at 0, and compares the sum with the group of all pods.
fn pods(snapshot: &Snapshot) -> BTreeMap<String, u64> {
    let all: u64 = snapshot.pods.values().map(|cpu| cpu.total_us()).sum();
    assert_eq!(all, snapshot.groups[&naming::pods()].total_us());
    let named = snapshot.pods.iter().map(|(Pod { class, namespace, name }, cpu)| {
        (format!("{} {namespace}/{name}", class.as_str()), cpu.total_us())
    });
    named.filter(|(_, us)| *us > 0).collect()
}

fn monitor(pod: &str, id: usize) -> String {
    format!("{pod}/crio-conmon-{}.scope", IDS[id])
}

#[test]
fn a_pods_name_is_its_monitors_with_every_cgroup_driver() {
    for pod in [
        format!("{BURSTABLE}/kubepods-burstable-pod8d28_1.slice"),
        "kubepods.slice/kubepods-pod8d28_1.slice".to_owned(),
        "kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/\
         kubelet-kubepods-besteffort-pod8d28_1.slice"
            .to_owned(),
        "kubepods/burstable/pod8d28-1".to_owned(),
    ] {
        let fake = Fake::new();
        fake.add_cpu(&monitor(&pod, 0), 0);
        fake.add_process(
            &monitor(&pod, 0),
            7,
            "/usr/bin/conmon -b x -n k8s_etcd_etcd-0_openshift-etcd_8d28-1_0 -P y",
        );
        let mut runner = PassRunner::new(&fake);
        assert_eq!(
            runner.snapshot().pods_alive.len(),
            2,
            "{pod}: there from the first pass on, and (exited)"
        );
        fake.add_cpu(&format!("{pod}/crio-{}.scope/container", IDS[0]), 90);
        fake.add_cpu(&pod, 10);
        let want = [("infra openshift-etcd/etcd-0".to_owned(), 100)];
        assert_eq!(pods(&runner.snapshot()), want.into(), "{pod}");
    }
}

#[test]
fn only_a_monitors_own_scope_in_the_pods_cgroup_names_it() {
    let pod = format!("{BURSTABLE}/kubepods-burstable-podu1.slice");
    let good = "conmon -n k8s_c_web_shop_u1_0";
    for (what, cgroup, command, name) in [
        ("its monitor", monitor(&pod, 0), good, "workload shop/web"),
        (
            "in a container",
            format!("{pod}/crio-{}.scope/crio-conmon-{}.scope", IDS[0], IDS[1]),
            good,
            "pod /u1",
        ),
        ("a container", format!("{pod}/crio-{}.scope", IDS[0]), good, "pod /u1"),
        ("no id", format!("{pod}/crio-conmon-1.scope"), good, "pod /u1"),
        ("another pod's", monitor(&pod, 0), "conmon -n k8s_c_web_shop_u2_0", "pod /u1"),
        ("an exec probe's", "system.slice/crio.service".to_owned(), good, "pod /u1"),
        ("no name", monitor(&pod, 0), "conmon -n web", "pod /u1"),
    ] {
        let fake = Fake::new();
        fake.add_cpu(&pod, 0);
        fake.add_cpu(&cgroup, 0);
        fake.add_process(&cgroup, 7, command);
        let mut runner = PassRunner::new(&fake);
        fake.add_cpu(&pod, 5);
        assert_eq!(pods(&runner.snapshot()), [(name.to_owned(), 5)].into(), "{what}");
    }
    assert!(parse_monitored_pod(good.replace(' ', "\0").as_bytes()).is_some());
}

#[test]
fn a_name_that_comes_later_begins_a_series_of_its_own() {
    let pod = format!("{BURSTABLE}/kubepods-burstable-podu1.slice");
    let fake = Fake::new();
    fake.add_cpu(&pod, 0);
    let mut runner = PassRunner::new(&fake);
    fake.add_cpu(&pod, 5);
    assert_eq!(pods(&runner.snapshot()), [("pod /u1".to_owned(), 5)].into());
    // The scope exists before its monitor does.
    fake.add_cpu(&monitor(&pod, 0), 2);
    fake.add_process(&monitor(&pod, 0), 7, "");
    assert_eq!(pods(&runner.snapshot()), [("pod /u1".to_owned(), 7)].into());
    fake.add_process(&monitor(&pod, 0), 7, "conmon -n k8s_c_web_shop_u1_0");
    fake.add_cpu(&pod, 11);
    let want = [("pod /u1".to_owned(), 7), ("workload shop/web".to_owned(), 11)];
    let snapshot = runner.snapshot();
    assert_eq!(pods(&snapshot), want.into());
    assert!(!snapshot.pods_alive.iter().any(|pod| &*pod.name == "u1"));
}

#[test]
fn two_pods_of_one_name_are_one_row_and_an_ended_one_gets_its_last_cpu() {
    let pods_of = ["u1", "u2"].map(|uid| format!("{BURSTABLE}/kubepods-burstable-pod{uid}.slice"));
    let mut fake = Fake::new();
    for (number, pod) in pods_of.iter().enumerate() {
        fake.add_cpu(&monitor(pod, number), 0);
        let pid = 7 + number as u32;
        fake.add_process(&monitor(pod, number), pid, &format!("conmon -n k8s_c_web_shop_u{}_0", number + 1));
    }
    let mut runner = PassRunner::new(&fake);
    fake.add_cpu(&pods_of[0], 5);
    fake.add_cpu(&pods_of[1], 6);
    let one = |us| [("workload shop/web".to_owned(), us)].into();
    assert_eq!(pods(&runner.snapshot()), one(11));
    fake.add_cpu(&pods_of[0], 3);
    fake.remove(&pods_of[0]);
    assert_eq!(pods(&runner.snapshot()), one(14), "no other pod was there");
    // Pods that came and went have no name: a UID would mean nothing to the reader.
    for number in 0..2 {
        let unseen = format!("{BURSTABLE}/kubepods-burstable-podx{number}.slice");
        fake.add_cpu(&unseen, 4);
        fake.remove(&unseen);
    }
    let mut want: BTreeMap<String, u64> = one(14);
    want.insert("pod /(exited)".to_owned(), 8);
    assert_eq!(pods(&runner.snapshot()), want);
    fake.add_cpu(&pods_of[1], 1);
    fake.remove(&pods_of[1]);
    let snapshot = runner.snapshot();
    want.insert("workload shop/web".to_owned(), 15);
    assert_eq!(pods(&snapshot), want);
    assert!(!snapshot.pods_alive.iter().any(|pod| &*pod.name == "web"), "{:?}", snapshot.pods_alive);
}

#[test]
fn cpu_in_no_pods_cgroup_is_other() {
    let stray = format!("system.slice/crio-{}.scope", IDS[0]);
    let fake = Fake::new();
    for cgroup in [&stray, "kubepods.slice/x.scope"] {
        fake.add_cpu(cgroup, 0);
    }
    let mut runner = PassRunner::new(&fake);
    fake.add_cpu(&stray, 3);
    fake.add_cpu("kubepods.slice/x.scope", 4);
    assert_eq!(pods(&runner.snapshot()), [("pod /(other)".to_owned(), 7)].into());
}
