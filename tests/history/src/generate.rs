//! Makes a history with what is hard to report: series that begin, end and flap inside of it, nodes that do not answer
//! for a part or do not say how busy they are, threads that come and go within their group, pods that move between
//! nodes, and names that only look like others.

use std::collections::BTreeMap;

use fastrand::Rng;

use crate::pods::{self, PodOnNode};
use crate::{History, Series, Spec, metric, owners};

/// A value at each step of a grid, in units of which `CORE` are a core; None where there is no sample. Whole units make
/// sums exact and decimals few.
pub(crate) type Column = Vec<Option<i64>>;

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
        let pods = pods::generate(spec, &mut rng, spec.duration_s / spec.interval_s);
        exporter(spec, &mut rng, &pods, &mut series);
        platform(spec, &mut rng, &mut series);
        // A series without a sample is none.
        series.retain(|s| !s.samples.is_empty());
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

fn exporter(spec: &Spec, rng: &mut Rng, pods: &[PodOnNode], series: &mut Vec<Series>) {
    let grid = Grid::new(spec, spec.interval_s, EXPORTER_AGE_MS);
    let empty = vec![None; grid.steps];
    let groups = group_names(spec.groups);
    // A generator of their own, so that the groups are the same with and without threads.
    let mut thread_rng = Rng::with_seed(spec.seed);
    let mut sums = Sums::default();
    let [mut cluster_busy, mut nodes, mut unattributed] = [(); 3].map(|()| empty.clone());
    for number in 0..spec.nodes {
        let node = node_name(number);
        let [is_up, has_busy] = [is_up, has_busy].map(|heard| match spec.gaps {
            true => heard(number, grid.steps),
            false => vec![true; grid.steps],
        });
        // Busy is not what the groups add up to: what nothing accounts for, or the other clock, which may run behind.
        let mut busy = empty.clone();
        add(&mut busy, &only(&is_up, &usage(rng, grid.steps, 400)));
        add(&mut busy, &only(&is_up, &vec![Some(-250); grid.steps]));
        let mut on_node: BTreeMap<&str, Column> = BTreeMap::new();
        let mut all_pods = empty.clone();
        for pod in pods.iter().filter(|pod| pod.node == number) {
            let column = only(&is_up, &pod.column);
            add(&mut all_pods, &column);
            add(on_node.entry(pod.class).or_insert_with(|| empty.clone()), &column);
            let of = [("class", pod.class), ("namespace", pod.namespace.as_str())];
            sums.add(metric::NAMESPACE, &of, &column);
            let labels = [&[("instance", node.as_str())], &of[..], &[("pod", pod.name.as_str())]].concat();
            series.push(grid.series(metric::POD, &labels, &column));
        }
        for (index, (class, name)) in groups.iter().enumerate() {
            // Some groups are on one node alone, so that a flap of theirs is a flap of the sum.
            if index % 5 == 4 && index % spec.nodes != number {
                continue;
            }
            let column = if *class == "pod" {
                all_pods.clone()
            } else {
                let life = life(rng, grid.steps);
                only(&is_up, &only(&life, &usage(rng, grid.steps, 50 * (1 + index as i64))))
            };
            add(&mut busy, &column);
            if *class != "pod" {
                add(on_node.entry(class).or_insert_with(|| empty.clone()), &column);
            }
            let of = [("class", *class), ("groupname", name.as_str())];
            sums.add(metric::GROUP_SUM, &of, &column);
            let labels = [&[("instance", node.as_str())], &of[..]].concat();
            series.push(grid.series(metric::GROUP, &labels, &column));
            let threads = if index % 2 == 0 { spec.threads } else { 0 };
            for (thread, column) in threads_of(&mut thread_rng, &column, threads).iter().enumerate() {
                let name = thread_name(thread);
                let labels = [labels.as_slice(), &[("threadname", name.as_str())]].concat();
                series.push(grid.series(metric::THREAD, &labels, column));
            }
        }
        let busy = only(&has_busy, &busy);
        series.push(grid.series(metric::BUSY, &[("instance", &node)], &busy));
        add(&mut cluster_busy, &busy);
        add(&mut nodes, &busy.iter().map(|units| units.map(|_| CORE)).collect());
        add(&mut unattributed, &busy);
        for (class, sum) in &on_node {
            let told = only(&busy.iter().map(Option::is_some).collect::<Vec<_>>(), sum);
            add(&mut unattributed, &told.into_iter().map(|units| units.map(|units| -units)).collect());
            series.push(grid.series(metric::CLASS_ON_NODE, &[("instance", &node), ("class", class)], sum));
            sums.add(metric::CLASS, &[("class", class)], sum);
        }
    }
    series.push(grid.series(metric::CLUSTER_BUSY, &[], &cluster_busy));
    series.push(grid.series(metric::NODES, &[], &nodes));
    series.push(grid.series(metric::UNATTRIBUTED, &[], &unattributed));
    sums.write(&grid, series);
}

/// Label names and values of a series.
type Labels = Vec<(&'static str, String)>;

/// Sums over nodes: metric and labels to what their members add up to.
#[derive(Default)]
struct Sums(BTreeMap<(&'static str, Labels), Column>);

impl Sums {
    fn add(&mut self, metric: &'static str, labels: &[(&'static str, &str)], column: &Column) {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        add(self.0.entry((metric, labels)).or_insert_with(|| vec![None; column.len()]), column);
    }

    fn write(&self, grid: &Grid, series: &mut Vec<Series>) {
        for ((metric, labels), sum) in &self.0 {
            let labels: Vec<_> = labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
            series.push(grid.series(metric, &labels, sum));
        }
    }
}

/// Adds the platform's own series: pods, their nodes, and the nodes' busy time.
fn platform(spec: &Spec, rng: &mut Rng, series: &mut Vec<Series>) {
    let grid = Grid::new(spec, spec.pod_interval_s, POD_AGE_MS);
    let info_grid = Grid::new(spec, spec.pod_interval_s, INFO_AGE_MS);
    series.extend(owners::series(&pods::names(spec), spec.nodes, spec.end_ms, spec.duration_s));
    for (index, (namespace, name)) in pods::names(spec).into_iter().enumerate() {
        let own = index < spec.nodes;
        let life = if own { vec![true; grid.steps] } else { life(rng, grid.steps) };
        let column = only(&life, &usage(rng, grid.steps, if own { 400 } else { 4_000 }));
        let labels = [("namespace", namespace.as_str()), ("pod", name.as_str())];
        series.push(grid.series(metric::PLATFORM_POD, &labels, &column));
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
    for number in 0..spec.nodes {
        let column = usage(rng, grid.steps, 90_000);
        series.push(grid.series(metric::PLATFORM_BUSY, &[("instance", &node_name(number))], &column));
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

/// Returns the name of a thread, the same in every group; the first is `(exited)`.
fn thread_name(number: usize) -> String {
    if number == 1 { "(exited)".into() } else { format!("worker-{number}") }
}

/// Returns the steps at which a node is up: most are always, some not for a sixth of the time, some not before a quarter
/// of it.
fn is_up(number: usize, steps: usize) -> Vec<bool> {
    let down = match number % 7 {
        3 => steps / 3..steps / 2,
        5 => 0..steps / 4,
        _ => 0..0,
    };
    (0..steps).map(|step| !down.contains(&step)).collect()
}

/// Returns the steps at which a node's busy time is recorded: for some not for a sixth of the time.
fn has_busy(number: usize, steps: usize) -> Vec<bool> {
    (0..steps).map(|step| number % 7 != 6 || !(steps / 2..steps * 2 / 3).contains(&step)).collect()
}

/// Returns the usage of a group's threads, whose sum is the group's. The first one exists as long as the group,
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
pub(crate) fn life(rng: &mut Rng, steps: usize) -> Vec<bool> {
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
pub(crate) fn usage(rng: &mut Rng, steps: usize, most: i64) -> Column {
    let level = rng.i64(1..=most);
    let mut step = || match rng.u8(0..20) {
        0 => 0,
        1 => rng.i64(0..=10 * most),
        _ => level + rng.i64(-level / 2..=level / 2),
    };
    (0..steps).map(|_| Some(step())).collect()
}

pub(crate) fn only(there: &[bool], column: &Column) -> Column {
    there.iter().zip(column).map(|(there, units)| units.filter(|_| *there)).collect()
}

fn add(sum: &mut Column, column: &Column) {
    for (sum, units) in sum.iter_mut().zip(column) {
        *sum = units.map(|units| units + sum.unwrap_or_default()).or(*sum);
    }
}

pub(crate) fn first(life: &[bool]) -> Option<usize> {
    life.iter().position(|there| *there)
}

pub(crate) fn last(life: &[bool]) -> Option<usize> {
    life.iter().rposition(|there| *there)
}

#[cfg(test)]
#[path = "generate_tests.rs"]
mod tests;
