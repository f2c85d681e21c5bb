//! Pods of a tree: which name each has, and that all of them are the group of all pods.

use super::*;
use crate::naming::{self, pod_by_arguments};
use crate::snapshot::Pod;

const IDS: [&str; 2] = [
    "af97775074c5f35e8c9cece9ae603a30aed0f6bf87078c72cc66b674825dd00f",
    "bf97775074c5f35e8c9cece9ae603a30aed0f6bf87078c72cc66b674825dd00f",
];
const BURSTABLE: &str = "kubepods.slice/kubepods-burstable.slice";

impl Fake {
    /// A process in a cgroup, with its command line.
    fn runs(&self, cgroup: &str, pid: u32, command: &str) {
        fs::create_dir_all(self.root().join(cgroup)).unwrap();
        fs::write(self.root().join(cgroup).join("cgroup.procs"), format!("{pid}\n")).unwrap();
        let process = self.dir.path().join(pid.to_string());
        fs::create_dir_all(&process).unwrap();
        fs::write(process.join("cmdline"), command.replace(' ', "\0")).unwrap();
    }

    /// All cgroups up to this one have used so much more.
    fn grow(&self, cgroup: &str, us: u64) {
        for part in path_of(cgroup) {
            let before = fs::read_to_string(self.root().join(part).join("cpu.stat")).unwrap_or_default();
            let before = before.split_whitespace().nth(1).map_or(0, |us| us.parse().unwrap());
            self.set(part, before + us, 0);
        }
    }
}

/// What the pods have used, those at 0 left out; it is what the group of all pods has.
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
fn a_pods_name_is_its_monitors_whatever_keeps_the_tree() {
    for pod in [
        format!("{BURSTABLE}/kubepods-burstable-pod8d28_1.slice"),
        "kubepods.slice/kubepods-pod8d28_1.slice".to_owned(),
        "kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/\
         kubelet-kubepods-besteffort-pod8d28_1.slice"
            .to_owned(),
        "kubepods/burstable/pod8d28-1".to_owned(),
    ] {
        let fake = Fake::new();
        fake.grow(&monitor(&pod, 0), 0);
        fake.runs(
            &monitor(&pod, 0),
            7,
            "/usr/bin/conmon -b x -n k8s_etcd_etcd-0_openshift-etcd_8d28-1_0 -P y",
        );
        let mut watch = Watch::new(&fake);
        assert_eq!(watch.snapshot().pods_alive.len(), 2, "{pod}: there from the first pass on, and (exited)");
        fake.grow(&format!("{pod}/crio-{}.scope/container", IDS[0]), 90);
        fake.grow(&pod, 10);
        let want = [("infra openshift-etcd/etcd-0".to_owned(), 100)];
        assert_eq!(pods(&watch.snapshot()), want.into(), "{pod}");
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
        fake.grow(&pod, 0);
        fake.grow(&cgroup, 0);
        fake.runs(&cgroup, 7, command);
        let mut watch = Watch::new(&fake);
        fake.grow(&pod, 5);
        assert_eq!(pods(&watch.snapshot()), [(name.to_owned(), 5)].into(), "{what}");
    }
    assert!(pod_by_arguments(good.replace(' ', "\0").as_bytes()).is_some());
}

#[test]
fn a_name_that_is_found_later_begins_a_series_of_its_own() {
    let pod = format!("{BURSTABLE}/kubepods-burstable-podu1.slice");
    let fake = Fake::new();
    fake.grow(&pod, 0);
    let mut watch = Watch::new(&fake);
    fake.grow(&pod, 5);
    assert_eq!(pods(&watch.snapshot()), [("pod /u1".to_owned(), 5)].into());
    // The scope is there before its monitor is.
    fake.grow(&monitor(&pod, 0), 2);
    fake.runs(&monitor(&pod, 0), 7, "");
    assert_eq!(pods(&watch.snapshot()), [("pod /u1".to_owned(), 7)].into());
    fake.runs(&monitor(&pod, 0), 7, "conmon -n k8s_c_web_shop_u1_0");
    fake.grow(&pod, 11);
    let want = [("pod /u1".to_owned(), 7), ("workload shop/web".to_owned(), 11)];
    let snapshot = watch.snapshot();
    assert_eq!(pods(&snapshot), want.into());
    assert!(!snapshot.pods_alive.iter().any(|pod| &*pod.name == "u1"));
}

#[test]
fn two_of_one_name_are_one_row_and_who_is_gone_leaves_its_tail() {
    let pods_of = ["u1", "u2"].map(|uid| format!("{BURSTABLE}/kubepods-burstable-pod{uid}.slice"));
    let mut fake = Fake::new();
    for (number, pod) in pods_of.iter().enumerate() {
        fake.grow(&monitor(pod, number), 0);
        let pid = 7 + number as u32;
        fake.runs(&monitor(pod, number), pid, &format!("conmon -n k8s_c_web_shop_u{}_0", number + 1));
    }
    let mut watch = Watch::new(&fake);
    fake.grow(&pods_of[0], 5);
    fake.grow(&pods_of[1], 6);
    let one = |us| [("workload shop/web".to_owned(), us)].into();
    assert_eq!(pods(&watch.snapshot()), one(11));
    fake.grow(&pods_of[0], 3);
    fake.remove(&pods_of[0]);
    assert_eq!(pods(&watch.snapshot()), one(14), "nobody else was there");
    // What came and went has no name: its UID tells nobody anything.
    for number in 0..2 {
        let unseen = format!("{BURSTABLE}/kubepods-burstable-podx{number}.slice");
        fake.grow(&unseen, 4);
        fake.remove(&unseen);
    }
    let mut want: BTreeMap<String, u64> = one(14);
    want.insert("pod /(exited)".to_owned(), 8);
    assert_eq!(pods(&watch.snapshot()), want);
    fake.grow(&pods_of[1], 1);
    fake.remove(&pods_of[1]);
    let snapshot = watch.snapshot();
    want.insert("workload shop/web".to_owned(), 15);
    assert_eq!(pods(&snapshot), want);
    assert!(!snapshot.pods_alive.iter().any(|pod| &*pod.name == "web"), "{:?}", snapshot.pods_alive);
}

#[test]
fn what_is_in_no_pods_cgroup_is_other() {
    let stray = format!("system.slice/crio-{}.scope", IDS[0]);
    let fake = Fake::new();
    for cgroup in [&stray, "kubepods.slice/x.scope"] {
        fake.grow(cgroup, 0);
    }
    let mut watch = Watch::new(&fake);
    fake.grow(&stray, 3);
    fake.grow("kubepods.slice/x.scope", 4);
    assert_eq!(pods(&watch.snapshot()), [("pod /(other)".to_owned(), 7)].into());
}
