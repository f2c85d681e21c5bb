//! Sums of the exported CPU, for any changes of the node and any scrapes.
//!
//! Between two expositions, the exported CPU rises as the counted CPU does. Every series begins at 0.

use super::*;
use node_cpu::{Allowed, CpuSet, Delta, Ledger, Owner};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    /// A thread of a group, and a pod, use CPU. They begin if they do not exist.
    Run(usize, usize, i64),
    /// A group and a pod end.
    End(usize),
    /// Scrape after a number of seconds. The second number is how many expositions the scrapers are behind.
    Scrape(u64, u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0usize..3, 0usize..3, 1i64..1000).prop_map(|(a, b, c)| Step::Run(a, b, c)),
        1 => (0usize..3).prop_map(Step::End),
        4 => (1u64..400, 1u64..4).prop_map(|(a, b)| Step::Scrape(a, b)),
    ];
    prop::collection::vec(step, 1..80)
}

/// Ledger and its expositions.
struct Exporter {
    ledger: Ledger,
    exposer: Exposer,
    at: Instant,
    /// Exported CPU of each series in the last exposition, in microseconds.
    exported: BTreeMap<String, i64>,
}

/// Rise of all series of a kind, in microseconds.
#[derive(Debug, Default)]
struct Rise {
    groups: i64,
    /// Part of `groups` that is the group of all pods.
    conmon: i64,
    pods: i64,
    threads: i64,
    /// The same of groups and pods, by where they may run.
    group_parts: i64,
    pod_parts: i64,
}

impl Exporter {
    fn scrape(&mut self, seconds: u64, behind: u64) -> Rise {
        self.at += Duration::from_secs(seconds);
        self.ledger.settle();
        let mut snapshot = Snapshot::empty(self.at);
        self.ledger.write(&mut snapshot, true);
        self.ledger.write_by_allowed(&mut snapshot);
        let set = |name| CpuSet { name, cpus: [0].into_iter().collect(), busy: BTreeMap::new() };
        snapshot.cpu_sets = vec![set("isolated"), set("reserved")];
        let (reached, first) = ((self.exposer.number + 1).saturating_sub(behind), self.exposer.number == 0);
        let exposed = self.exposer.render(&snapshot, own(), reached);
        exposed.left.iter().for_each(|group| self.ledger.forget(group));
        exposed.left_pods.iter().for_each(|pod| self.ledger.forget_pod(pod));
        exposed.left_threads.iter().for_each(|thread| self.ledger.forget_thread(thread));
        let series =
            samples(&exposed.text).into_iter().filter(|line| line.contains("_cpu_seconds_total{class"));
        let value =
            |line: &str| line.rsplit_once(' ').map(|(key, value)| (key.to_owned(), value.replace('.', "")));
        let series = series.filter_map(value).map(|(key, us)| (key, us.parse::<i64>().unwrap()));
        let before = std::mem::replace(&mut self.exported, series.collect());
        let mut rise = Rise::default();
        for (key, us) in &self.exported {
            assert!(first || before.contains_key(key) || *us == 0, "{key} begins at {us}");
            let more = us - before.get(key).copied().unwrap_or_default();
            assert!(more >= 0, "{key} falls by {more}");
            match key.as_str() {
                key if key.contains("_thread_") => rise.threads += more,
                key if key.contains("_pod_cpuset_") => rise.pod_parts += more,
                key if key.contains("_cpuset_") => rise.group_parts += more,
                key if key.contains("_pod_") => rise.pods += more,
                key => {
                    rise.groups += more;
                    rise.conmon += if key.contains("conmon") { more } else { 0 };
                }
            }
        }
        rise
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn exported_cpu_rises_as_counted_cpu_does(steps in steps()) {
        let mut exporter = Exporter {
            ledger: Ledger::default(),
            exposer: Exposer::new(),
            at: Instant::now(),
            exported: BTreeMap::new(),
        };
        exporter.ledger.acquire_owner(&Owner::Pod(EXITED.into()));
        let (mut groups, mut pods, mut threads) = ([None; 3], [None; 3], [[None; 3]; 3]);
        let (mut groups_us, mut pods_us) = (0, 0);
        let last = [Step::Scrape(15, 1), Step::Scrape(15, 1), Step::Scrape(15, 1)];
        for step in [Step::Scrape(0, 1)].into_iter().chain(steps).chain(last) {
            let ledger = &mut exporter.ledger;
            match step {
                Step::Run(which, other, us) => {
                    let delta = Delta { user_us: us / 3, system_us: us - us / 3 };
                    let new = || ledger.acquire(&(Class::Host, format!("g{which}").into()));
                    let id = *groups[which].get_or_insert_with(new);
                    let allowed = [Allowed::Reserved, Allowed::Isolated, Allowed::Any][us as usize % 3];
                    ledger.credit_on(id, delta, allowed);
                    let new = || ledger.begin_thread(id, &format!("t{other}"));
                    let thread = *threads[which][other].get_or_insert_with(new);
                    ledger.credit_thread(thread, Delta { user_us: us * 3 / 2, system_us: 0 });
                    let id = *pods[other].get_or_insert_with(|| {
                        let id = ledger.acquire_owner(&Owner::Pod(format!("u{other}").into()));
                        let name = format!("p{which}").into();
                        ledger.name_pod(id, Pod { class: Class::Workload, namespace: "n".into(), name });
                        id
                    });
                    ledger.credit_on(id, delta, allowed);
                    (groups_us, pods_us) = (groups_us + us, pods_us + us);
                }
                Step::End(which) => {
                    threads[which].iter_mut().flat_map(Option::take).for_each(|thread| ledger.end_thread(thread));
                    groups[which].take().into_iter().for_each(|id| ledger.release(id));
                    pods[which].take().into_iter().for_each(|id| ledger.release(id));
                }
                Step::Scrape(seconds, behind) => {
                    let rise = exporter.scrape(seconds, behind);
                    prop_assert_eq!(rise.groups, groups_us + pods_us, "{:?}", rise);
                    prop_assert_eq!((rise.conmon, rise.pods), (pods_us, pods_us), "{:?}", rise);
                    prop_assert_eq!(rise.threads, rise.groups, "{:?}", rise);
                    prop_assert_eq!((rise.group_parts, rise.pod_parts), (rise.groups, rise.pods), "{:?}", rise);
                    (groups_us, pods_us) = (0, 0);
                }
            }
        }
    }
}
