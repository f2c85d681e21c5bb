//! Whatever comes and goes, and whoever asks when: what is shown grows as what is counted does, from each exposition to the
//! next, and every series begins at 0.

use super::*;
use node_cpu::{Delta, Ledger, Owner};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    /// A thread of a group, and a pod, use something; they come if they are not there.
    Run(usize, usize, i64),
    /// A group and a pod end.
    End(usize),
    /// So many seconds later somebody asks; every scraper has got all but so many.
    Ask(u64, u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0usize..3, 0usize..3, 1i64..1000).prop_map(|(a, b, c)| Step::Run(a, b, c)),
        1 => (0usize..3).prop_map(Step::End),
        4 => (1u64..400, 1u64..4).prop_map(|(a, b)| Step::Ask(a, b)),
    ];
    prop::collection::vec(step, 1..80)
}

/// A ledger and its expositions.
struct Exporter {
    ledger: Ledger,
    exposer: Exposer,
    at: Instant,
    /// The CPU of each series in the last exposition, in microseconds.
    shown: BTreeMap<String, i64>,
}

/// By how much all series of a kind have grown, in microseconds.
#[derive(Debug, Default)]
struct Grown {
    groups: i64,
    /// Of these, the group of all pods.
    conmon: i64,
    pods: i64,
    threads: i64,
}

impl Exporter {
    fn ask(&mut self, seconds: u64, behind: u64) -> Grown {
        self.at += Duration::from_secs(seconds);
        self.ledger.settle();
        let mut snapshot = Snapshot::empty(self.at);
        self.ledger.write(&mut snapshot, true);
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
        let before = std::mem::replace(&mut self.shown, series.collect());
        let mut grown = Grown::default();
        for (key, us) in &self.shown {
            assert!(first || before.contains_key(key) || *us == 0, "{key} begins at {us}");
            let more = us - before.get(key).copied().unwrap_or_default();
            assert!(more >= 0, "{key} falls by {more}");
            match key.as_str() {
                key if key.contains("_thread_") => grown.threads += more,
                key if key.contains("_pod_") => grown.pods += more,
                key => {
                    grown.groups += more;
                    grown.conmon += if key.contains("conmon") { more } else { 0 };
                }
            }
        }
        grown
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_shown_grows_as_what_is_counted_does(steps in steps()) {
        let mut exporter = Exporter {
            ledger: Ledger::default(),
            exposer: Exposer::new(),
            at: Instant::now(),
            shown: BTreeMap::new(),
        };
        exporter.ledger.acquire_owner(&Owner::Pod(EXITED.into()));
        let (mut groups, mut pods, mut threads) = ([None; 3], [None; 3], [[None; 3]; 3]);
        let (mut of_groups, mut of_pods) = (0, 0);
        let last = [Step::Ask(15, 1), Step::Ask(15, 1), Step::Ask(15, 1)];
        for step in [Step::Ask(0, 1)].into_iter().chain(steps).chain(last) {
            let ledger = &mut exporter.ledger;
            match step {
                Step::Run(which, other, us) => {
                    let delta = Delta { user_us: us / 3, system_us: us - us / 3 };
                    let new = || ledger.acquire(&(Class::Host, format!("g{which}").into()));
                    let id = *groups[which].get_or_insert_with(new);
                    ledger.credit(id, delta);
                    let new = || ledger.begin_thread(id, &format!("t{other}"));
                    let thread = *threads[which][other].get_or_insert_with(new);
                    ledger.credit_thread(thread, Delta { user_us: us * 3 / 2, system_us: 0 });
                    let id = *pods[other].get_or_insert_with(|| {
                        let id = ledger.acquire_owner(&Owner::Pod(format!("u{other}").into()));
                        let name = format!("p{which}").into();
                        ledger.name_pod(id, Pod { class: Class::Workload, namespace: "n".into(), name });
                        id
                    });
                    ledger.credit(id, delta);
                    (of_groups, of_pods) = (of_groups + us, of_pods + us);
                }
                Step::End(which) => {
                    threads[which].iter_mut().flat_map(Option::take).for_each(|thread| ledger.end_thread(thread));
                    groups[which].take().into_iter().for_each(|id| ledger.release(id));
                    pods[which].take().into_iter().for_each(|id| ledger.release(id));
                }
                Step::Ask(seconds, behind) => {
                    let grown = exporter.ask(seconds, behind);
                    prop_assert_eq!(grown.groups, of_groups + of_pods, "{:?}", grown);
                    prop_assert_eq!((grown.conmon, grown.pods), (of_pods, of_pods), "{:?}", grown);
                    prop_assert_eq!(grown.threads, grown.groups, "{:?}", grown);
                    (of_groups, of_pods) = (0, 0);
                }
            }
        }
    }
}
