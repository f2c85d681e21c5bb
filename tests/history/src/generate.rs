//! Makes a history with what is hard to report: series that begin, end and flap inside of it, nodes that do not answer
//! for a part or do not say how busy they are, threads that come and go within their group, pods that move between
//! nodes, and names that only look like others.

use std::collections::BTreeMap;

use fastrand::Rng;

use crate::{History, Series, Spec, metric};

/// A value at each step of a grid, in units of which `CORE` are a core; None where there is no sample. Whole units make
/// sums exact and decimals few.
type Column = Vec<Option<i64>>;

const CORE: i64 = 10_000;

/// Milliseconds from the last evaluation of a rule, or scrape, to the end of the history. Of their own, as in a real
/// Prometheus, where no two groups of rules run at the same time. Eighths of a second survive the way through text.
const EXPORTER_AGE_MS: i64 = 7_250;
const POD_AGE_MS: i64 = 11_500;
const INFO_AGE_MS: i64 = 19_000;

impl History {
    /// The history of a specification.
    pub fn generate(spec: &Spec) -> History {
        let mut rng = Rng::with_seed(spec.seed);
        let mut series = Vec::new();
        exporter(spec, &mut rng, &mut series);
        pods(spec, &mut rng, &mut series);
        // A series without a sample is none.
        series.retain(|s| {
            !s.samples.is_empty() && (spec.aggregates || !metric::AGGREGATES.contains(&s.metric))
        });
        History { interval_s: spec.interval_s, pod_interval_s: spec.pod_interval_s, series }
    }
}

/// The times of samples, the same for all series of a group of rules.
struct Grid {
    first_ms: i64,
    step_ms: i64,
    steps: usize,
}

impl Grid {
    fn new(spec: &Spec, interval_s: u32, age_ms: i64) -> Grid {
        let steps = spec.duration_s / interval_s;
        let step_ms = i64::from(interval_s) * 1000;
        Grid {
            first_ms: spec.end_ms - age_ms - (i64::from(steps) - 1) * step_ms,
            step_ms,
            steps: steps as usize,
        }
    }

    fn series(&self, metric: &'static str, labels: &[(&'static str, &str)], column: &Column) -> Series {
        let times = (0..).map(|step| self.first_ms + step * self.step_ms);
        let samples = times.zip(column).filter_map(|(at, units)| Some((at, (*units)? as f64 / CORE as f64)));
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Series { metric, labels, samples: samples.collect() }
    }
}

fn exporter(spec: &Spec, rng: &mut Rng, series: &mut Vec<Series>) {
    let grid = Grid::new(spec, spec.interval_s, EXPORTER_AGE_MS);
    let empty = vec![None; grid.steps];
    let groups = group_names(spec.groups);
    // Of their own, so that the groups are the same with and without threads.
    let mut thread_rng = Rng::with_seed(spec.seed);
    let mut group_sums: BTreeMap<(&str, &str), Column> = BTreeMap::new();
    let [mut cluster_busy, mut nodes, mut unattributed] = [(); 3].map(|()| empty.clone());
    for number in 0..spec.nodes {
        let node = node_name(number);
        let [answers, tells] = [answers, tells].map(|heard| match spec.silent {
            true => heard(number, grid.steps),
            false => vec![true; grid.steps],
        });
        // Busy is not what the groups add up to: what nothing accounts for, or the other clock, which may run behind.
        let mut busy = empty.clone();
        add(&mut busy, &only(&answers, &usage(rng, grid.steps, 400)));
        add(&mut busy, &only(&answers, &vec![Some(-250); grid.steps]));
        let mut class_sums: BTreeMap<&str, Column> = BTreeMap::new();
        for (index, (class, name)) in groups.iter().enumerate() {
            // Some groups are on one node alone, so that a flap of theirs is a flap of the sum.
            if index % 5 == 4 && index % spec.nodes != number {
                continue;
            }
            let most = if *class == "pod" { 80_000 } else { 50 * (1 + index as i64) };
            let life = if *class == "pod" { vec![true; grid.steps] } else { life(rng, grid.steps) };
            let column = only(&answers, &only(&life, &usage(rng, grid.steps, most)));
            add(&mut busy, &column);
            add(class_sums.entry(class).or_insert_with(|| empty.clone()), &column);
            add(group_sums.entry((class, name)).or_insert_with(|| empty.clone()), &column);
            let labels = [("instance", node.as_str()), ("class", class), ("groupname", name)];
            series.push(grid.series(metric::GROUP, &labels, &column));
            let threads = if index % 2 == 0 { spec.threads } else { 0 };
            for (thread, column) in threads_of(&mut thread_rng, &column, threads).iter().enumerate() {
                let name = thread_name(thread);
                let labels = [labels.as_slice(), &[("threadname", name.as_str())]].concat();
                series.push(grid.series(metric::THREAD, &labels, column));
            }
        }
        let busy = only(&tells, &busy);
        series.push(grid.series(metric::BUSY, &[("instance", &node)], &busy));
        add(&mut cluster_busy, &busy);
        add(&mut nodes, &busy.iter().map(|units| units.map(|_| CORE)).collect());
        add(&mut unattributed, &busy);
        for sum in class_sums.values() {
            let told = only(&busy.iter().map(Option::is_some).collect::<Vec<_>>(), sum);
            add(&mut unattributed, &told.into_iter().map(|units| units.map(|units| -units)).collect());
        }
        for (class, sum) in &class_sums {
            series.push(grid.series(metric::CLASS_SUM, &[("instance", &node), ("class", class)], sum));
        }
    }
    series.push(grid.series(metric::CLUSTER_BUSY, &[], &cluster_busy));
    series.push(grid.series(metric::NODES, &[], &nodes));
    series.push(grid.series(metric::UNATTRIBUTED, &[], &unattributed));
    for ((class, name), sum) in &group_sums {
        series.push(grid.series(metric::GROUP_SUM, &[("class", class), ("groupname", name)], sum));
    }
}

fn pods(spec: &Spec, rng: &mut Rng, series: &mut Vec<Series>) {
    let grid = Grid::new(spec, spec.pod_interval_s, POD_AGE_MS);
    let info_grid = Grid::new(spec, spec.pod_interval_s, INFO_AGE_MS);
    let mut namespace_sums: BTreeMap<String, Column> = BTreeMap::new();
    let mut exporters = vec![None; grid.steps];
    for (index, (namespace, name)) in pod_names(spec).into_iter().enumerate() {
        let own = index < spec.nodes;
        let life = if own { vec![true; grid.steps] } else { life(rng, grid.steps) };
        let column = only(&life, &usage(rng, grid.steps, if own { 400 } else { 4_000 }));
        let labels = [("namespace", namespace.as_str()), ("pod", name.as_str())];
        series.push(grid.series(metric::POD, &labels, &column));
        if own {
            add(&mut exporters, &column);
        } else {
            let sum = namespace_sums.entry(namespace.clone()).or_insert_with(|| vec![None; grid.steps]);
            add(sum, &column);
        }
        // A few pods are known to no one.
        let (Some(born), Some(gone)) = (first(&life), last(&life)) else { continue };
        if index % 29 == 28 {
            continue;
        }
        // A pod that moves is on no node for a moment.
        let moves = if !own && index % spec.movers == 5 { born + (gone - born) / 2 } else { usize::MAX - 1 };
        let is_there = |step: usize| born <= step + 1 && step <= gone + 1;
        let before = (0..grid.steps).map(|step| (is_there(step) && step < moves).then_some(CORE));
        let after = (0..grid.steps).map(|step| (is_there(step) && step > moves + 1).then_some(CORE));
        for (number, column) in [(index, before.collect()), (index + 1, after.collect())] {
            let node = node_name(number % spec.nodes);
            let labels = [labels.as_slice(), &[("node", node.as_str())]].concat();
            series.push(info_grid.series(metric::POD_INFO, &labels, &column));
        }
    }
    series.push(grid.series(metric::EXPORTER_SUM, &[("namespace", "openshift-monitoring")], &exporters));
    for (namespace, sum) in &namespace_sums {
        series.push(grid.series(metric::NAMESPACE_SUM, &[("namespace", namespace)], sum));
    }
}

fn node_name(number: usize) -> String {
    format!("node-{number:03}")
}

/// Class and name of each group. One name is in two classes, the host has a `conmon` of its own, and one name needs
/// escaping everywhere.
fn group_names(count: usize) -> Vec<(&'static str, String)> {
    let kernel =
        (0..count / 4).map(|i| ("kernel", if i == 0 { "(interrupts)".into() } else { format!("both-{i}") }));
    let host = (0..).map(|i| match i {
        0 => ("host", "conmon".into()),
        1 => ("host", "both-1".into()),
        2 => ("host", "odd \"name\", \\d+ \u{e9}".into()),
        i => ("host", format!("unit-{i}")),
    });
    [("pod", "conmon".into())].into_iter().chain(kernel).chain(host).take(count).collect()
}

/// The same in every group; one of them is no thread of its own.
fn thread_name(number: usize) -> String {
    if number == 1 { "(exited)".into() } else { format!("worker-{number}") }
}

/// Namespace and name of each pod, the exporter's own first. Names come twice, in neighbouring namespaces.
fn pod_names(spec: &Spec) -> Vec<(String, String)> {
    // Half of them look like infra and are none.
    let known = [
        "openshift-monitoring",
        "openshifty",
        "default",
        "default-apps",
        "kube-system",
        "kube",
        "openshift",
        "my-openshift-logging",
        "openshift-etcd",
    ];
    let apps = (0..).map(|i| format!("app-{i}"));
    let namespaces: Vec<_> = known.map(str::to_owned).into_iter().chain(apps).take(spec.namespaces).collect();
    let own = (0..spec.nodes).map(|i| ("openshift-monitoring".into(), format!("process-exporter-{i:05}")));
    let others = namespaces.iter().cycle().enumerate().map(|(i, namespace)| {
        // Of the same name elsewhere, and of another name in the same place.
        let name = match i {
            0 => "my-process-exporter-0".into(),
            1 => "process-exporter-00000".into(),
            i if i == namespaces.len() => "process-exporters-00000".into(),
            // In openshift-monitoring, as in every cluster.
            i if i == 2 * namespaces.len() => "prometheus-k8s-0".into(),
            _ => format!("pod-{}", i / 2),
        };
        (namespace.clone(), name)
    });
    own.chain(others).take(spec.nodes * spec.pods_per_node).collect()
}

/// When a node answers: most always, some not for a sixth of the time, some not before a quarter of it.
fn answers(number: usize, steps: usize) -> Vec<bool> {
    let silent = match number % 7 {
        3 => steps / 3..steps / 2,
        5 => 0..steps / 4,
        _ => 0..0,
    };
    (0..steps).map(|step| !silent.contains(&step)).collect()
}

/// When a node that answers says how busy it is: some not for a sixth of the time.
fn tells(number: usize, steps: usize) -> Vec<bool> {
    (0..steps).map(|step| number % 7 != 6 || !(steps / 2..steps * 2 / 3).contains(&step)).collect()
}

/// What the threads of a group used, which together is what the group did. The first one is there as long as the group,
/// and takes what those that are not would have used.
fn threads_of(rng: &mut Rng, group: &Column, count: usize) -> Vec<Column> {
    let mut rest = group.clone();
    let mut others = Vec::new();
    for _ in 1..count {
        let share: Column = rest.iter().map(|units| units.map(|units| units / rng.i64(2..9))).collect();
        let column = only(&life(rng, group.len()), &share);
        for (rest, used) in rest.iter_mut().zip(&column) {
            *rest = rest.map(|rest| rest - used.unwrap_or_default());
        }
        others.push(column);
    }
    if count == 0 { others } else { [vec![rest], others].concat() }
}

/// When something is there: mostly always; or from some time on, up to some time, between two, or on and off.
fn life(rng: &mut Rng, steps: usize) -> Vec<bool> {
    let (early, late) = (rng.usize(steps / 20..steps / 2), rng.usize(steps / 2..steps - steps / 20));
    let span = match rng.u8(0..10) {
        0 => early..steps,
        1 => 0..late,
        2 => early..late,
        3 | 4 => return flaps(rng, steps),
        _ => 0..steps,
    };
    (0..steps).map(|step| span.contains(&step)).collect()
}

fn flaps(rng: &mut Rng, steps: usize) -> Vec<bool> {
    let mut life = Vec::new();
    while life.len() < steps {
        life.extend(vec![true; rng.usize(1..30)]);
        life.extend(vec![false; rng.usize(2..25)]);
    }
    life.truncate(steps);
    life
}

/// Usage around a level of its own, now and then idle, now and then many times as much.
fn usage(rng: &mut Rng, steps: usize, most: i64) -> Column {
    let level = rng.i64(1..=most);
    let mut step = || match rng.u8(0..20) {
        0 => 0,
        1 => rng.i64(0..=10 * most),
        _ => level + rng.i64(-level / 2..=level / 2),
    };
    (0..steps).map(|_| Some(step())).collect()
}

fn only(there: &[bool], column: &Column) -> Column {
    there.iter().zip(column).map(|(there, units)| units.filter(|_| *there)).collect()
}

fn add(sum: &mut Column, column: &Column) {
    for (sum, units) in sum.iter_mut().zip(column) {
        *sum = units.map(|units| units + sum.unwrap_or_default()).or(*sum);
    }
}

fn first(life: &[bool]) -> Option<usize> {
    life.iter().position(|there| *there)
}

fn last(life: &[bool]) -> Option<usize> {
    life.iter().rposition(|there| *there)
}

#[cfg(test)]
#[path = "generate_tests.rs"]
mod tests;
