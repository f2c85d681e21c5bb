//! Recording: samples of one machine in memory. They are put on one grid, and evaluated as those of a server are.
mod cpusets;

use super::assemble::{Assembly, Extent};
use super::fetch::Fetched;
use super::key::{Key, Samples};
use super::metric_names::{OWN_NAMESPACE, is_exporter_pod};
use super::plan::Purpose;
use super::probe::Totals;
use super::question::{By, Question};
use crate::query::Span;
use crate::report::{Class, Report, Source, SourceKind, Steps};
use cpusets::{RecordedSets, rises};
use node_cpu::{ByAllowed, Class as Counted, Snapshot};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Share of a grid's step by which a sample may be early or late and still ends with that step.
const JITTER: f64 = 0.25;

/// CPU seconds of one thing, each with the number of its interval. It has none for intervals in which it was not there.
type Used = Vec<(usize, f64)>;

/// Samples so far.
#[derive(Debug)]
pub(super) struct Recording {
    started: Instant,
    last: Snapshot,
    /// Length of each interval between two samples, seconds.
    lengths: Vec<f64>,
    /// Groups or, if these are asked for, their threads; and pods.
    parts: BTreeMap<Key, Used>,
    by: By,
    busy: Used,
    sets: RecordedSets,
}

impl Recording {
    /// Begins with a snapshot: CPU is known from then on.
    pub(super) fn new(first: Snapshot, by: By) -> Recording {
        let (lengths, parts, busy) = (Vec::new(), BTreeMap::new(), Vec::new());
        let sets = RecordedSets::default();
        Recording { started: first.at, last: first, lengths, parts, by, busy, sets }
    }

    /// Returns true if it has no sample yet.
    pub(super) fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// Returns the length so far.
    pub(super) fn length(&self) -> Duration {
        self.last.at.duration_since(self.started)
    }

    /// Returns the time of the last sample.
    pub(super) fn end(&self) -> Instant {
        self.last.at
    }

    /// Adds a sample: the CPU since the snapshot before.
    pub(super) fn add(&mut self, now: Snapshot) {
        let interval = self.lengths.len();
        let delta = |now: u64, before: Option<u64>| now.saturating_sub(before.unwrap_or(0)) as f64 / 1e6;
        let mut add = |key: Key, used, alive| {
            // The counters hold those that have ended too.
            if used > 0.0 || alive {
                self.parts.entry(key).or_default().push((interval, used));
            }
        };
        // The group `conmon` of all pods is left out: it is the pods once more.
        let by_cpuset = self.by == By::Cpuset && !now.cpu_sets.is_empty();
        if self.by == By::Thread {
            for (of, cpu) in now.threads.iter().filter(|((class, ..), _)| *class != Counted::Pod) {
                let used = delta(cpu.total_us(), self.last.threads.get(of).map(|cpu| cpu.total_us()));
                let key = Key { name: of.1.to_string(), thread: Some(of.2.to_string()), ..of_class(of.0) };
                add(key, used, now.thread_counts.contains_key(of));
            }
        } else if by_cpuset {
            for (of, parts) in now.groups_by_allowed.iter().filter(|((class, _), _)| *class != Counted::Pod) {
                let before = self.last.groups_by_allowed.get(of).copied().unwrap_or_default();
                for (cpuset, used) in rises(*parts, before) {
                    let name = of.1.to_string();
                    add(Key { name, cpuset: Some(cpuset), ..of_class(of.0) }, used, now.alive.contains(of));
                }
            }
        } else {
            for (of, cpu) in now.groups.iter().filter(|((class, _), _)| *class != Counted::Pod) {
                let used = delta(cpu.total_us(), self.last.groups.get(of).map(|cpu| cpu.total_us()));
                add(Key { name: of.1.to_string(), ..of_class(of.0) }, used, now.alive.contains(of));
            }
        }
        for (pod, cpu) in &now.pods {
            let used = delta(cpu.total_us(), self.last.pods.get(pod).map(|cpu| cpu.total_us()));
            let named = pod.class != Counted::Pod;
            let namespace = named.then(|| pod.namespace.to_string());
            let key = Key { namespace, name: pod.name.to_string(), ..of_class(pod.class) };
            if !(named && by_cpuset) {
                add(key, used, named && now.pods_alive.contains(pod));
                continue;
            }
            let of = |snapshot: &Snapshot| snapshot.pods_by_allowed.get(pod).copied().unwrap_or_default();
            let (parts, before): (ByAllowed, ByAllowed) = (of(&now), of(&self.last));
            for (cpuset, used) in rises(parts, before) {
                add(Key { cpuset: Some(cpuset), ..key.clone() }, used, now.pods_alive.contains(pod));
            }
        }
        self.sets.add(interval, &now, &self.last);
        let modes = now.busy.iter().map(|(mode, us)| delta(*us, self.last.busy.get(mode).copied()));
        self.busy.push((interval, modes.sum()));
        self.lengths.push(now.at.duration_since(self.last.at).as_secs_f64());
        self.last = now;
    }

    /// Drops the oldest samples if there are more than `most`.
    pub(super) fn keep_newest(&mut self, most: usize) {
        let gone = self.lengths.len().saturating_sub(most);
        self.started += self.lengths.drain(..gone).map(Duration::from_secs_f64).sum::<Duration>();
        self.parts.values_mut().chain([&mut self.busy]).for_each(|used| keep_from(used, gone));
        self.sets.keep_from(gone);
        self.parts.retain(|_, used| !used.is_empty());
    }

    /// Returns the samples of each part and of the busy time, on steps that are about so long.
    pub(super) fn on_grid(&self, step: Duration) -> (BTreeMap<Key, Steps>, Steps) {
        let grid = Grid::new(&self.lengths, step);
        let parts = self.parts.iter().map(|(key, used)| (key.clone(), grid.steps(used)));
        (parts.collect(), grid.steps(&self.busy))
    }

    /// Makes the report. `host` is this node's name, if the question is of nodes; `step` the usual distance of two
    /// samples.
    pub(super) fn report(
        &self,
        question: &Question,
        host: Option<&str>,
        window: Span,
        step: Duration,
    ) -> Report {
        let source = Source::new(SourceKind::Local, 1);
        if self.is_empty() {
            return question.empty_report(window.window(step), source);
        }
        let grid = Grid::new(&self.lengths, step);
        let mut totals = Totals { busy: Some(grid.steps(&self.busy)), ..Totals::default() };
        let mut fetched = Fetched::default();
        let here = host.is_none_or(|host| question.filter.has_node(host));
        let node = host.filter(|_| question.per_node).map(str::to_owned);
        for (key, used) in &self.parts {
            let steps = grid.steps(used);
            totals.classes.entry(key.class).or_insert_with(|| grid.absent()).add_all(&steps);
            if here {
                add_part(&mut fetched, question, Key { node: node.clone(), ..key.clone() }, &steps);
            }
        }
        let mut all = grid.nothing();
        totals.classes.values().for_each(|steps| all.add_all(steps));
        totals.unattributed = totals.busy.as_ref().map(|busy| busy.minus(&all));
        let extent = Extent {
            kind: SourceKind::Local,
            window,
            step,
            points: grid.points,
            expected: grid.points as f64,
        };
        let mut assembly = Assembly::new(question, extent, fetched, totals);
        if let Some(at) = assembly.peak_step() {
            let end = Duration::from_secs_f64(grid.step * (at + 1) as f64);
            assembly.add_peak(at, window.start + end, BTreeMap::new());
        }
        let sets = (question.by == By::Cpuset).then(|| self.sets.on_grid(&grid, &self.last, node.as_deref()));
        let mut notes = Vec::new();
        if let Some(mut sets) = sets {
            notes.append(&mut sets.notes);
            let filter = &question.filter;
            sets.strays.iter_mut().for_each(|strays| strays.retain(|key, _| filter.shows(key)));
            assembly.add_cpusets(sets);
        }
        assembly.report(source, notes)
    }
}

/// Drops the intervals before `gone`, and counts the others from there.
fn keep_from(used: &mut Used, gone: usize) {
    used.retain(|(interval, _)| *interval >= gone);
    used.iter_mut().for_each(|(interval, _)| *interval -= gone);
}

/// Adds samples to the results that a server's queries would have for a question.
fn add_part(fetched: &mut Fetched, question: &Question, key: Key, steps: &Steps) {
    let filter = &question.filter;
    let of_each = question.by.is_fine();
    let is_pod = matches!(key.class, Class::Infra | Class::Workload);
    let namespace = key.namespace.clone().unwrap_or_default();
    let mut add = |purpose, key: Key| {
        let part = fetched.parts.entry(purpose).or_default().entry(key);
        match part.or_insert_with(|| Samples::Each(Steps::absent(steps.count()))) {
            Samples::Each(sum) => sum.add_all(steps),
            Samples::Statistics(_) => {}
        }
    };
    let class = Key { node: key.node.clone(), ..Key::of_class(key.class) };
    add(Purpose::OnNodes, class.clone());
    if is_pod {
        let own = is_exporter_pod(&namespace, &key.name);
        let of_namespace = Key { namespace: Some(namespace.clone()), ..class };
        add(Purpose::Namespaces, of_namespace.clone());
        if filter.leaves_out_own() && namespace == OWN_NAMESPACE && own == of_each {
            add(if of_each { Purpose::Own } else { Purpose::Neighbours }, of_namespace);
        }
    }
    if !of_each || !filter.has_class(key.class) {
        return;
    }
    match key.class {
        Class::Infra | Class::Workload if filter.has_pod(&namespace, &key.name) => add(Purpose::Pods, key),
        Class::Infra | Class::Workload => {}
        Class::Pod => add(Purpose::Unnamed, key),
        Class::Host | Class::Kernel if key.thread.is_some() => add(Purpose::Threads, key),
        Class::Host | Class::Kernel => add(Purpose::Groups, key),
    }
}

/// Equal steps over the whole of a recording, whose samples are only about as far apart.
struct Grid {
    points: usize,
    /// Length of a step, seconds.
    step: f64,
    /// Ends of the intervals between samples, in steps; the first one is the beginning.
    ends: Vec<f64>,
}

impl Grid {
    fn new(lengths: &[f64], step: Duration) -> Grid {
        let length: f64 = lengths.iter().sum();
        let points = (length / step.as_secs_f64()).round().max(1.0);
        let step = length / points;
        let mut ends = vec![0.0];
        let mut at = 0.0;
        for length in lengths {
            at += length / step;
            let nearest = at.round();
            ends.push(if (at - nearest).abs() <= JITTER { nearest } else { at });
        }
        Grid { points: points as usize, step, ends }
    }

    fn absent(&self) -> Steps {
        Steps::absent(self.points)
    }

    /// Returns something that was there all the time and used nothing.
    fn nothing(&self) -> Steps {
        let mut nothing = self.absent();
        (0..self.points).for_each(|step| nothing.add(step, 0.0));
        nothing
    }

    /// Spreads the CPU of each interval evenly over its part of the grid, in cores.
    fn steps(&self, used: &Used) -> Steps {
        let mut steps = self.absent();
        for (interval, used) in used {
            let (Some(start), Some(end)) = (self.ends.get(*interval), self.ends.get(interval + 1)) else {
                continue;
            };
            let cores = used / self.step;
            let last = self.points.saturating_sub(1);
            let first = (start.floor() as usize).min(last);
            if end <= start {
                steps.add(first, cores);
                continue;
            }
            for step in first..=(end.ceil() as usize - 1).clamp(first, last) {
                let overlap = end.min(step as f64 + 1.0) - start.max(step as f64);
                steps.add(step, cores * overlap.max(0.0) / (end - start));
            }
        }
        steps
    }
}

fn of_class(class: Counted) -> Key {
    Key::of_class(match class {
        Counted::Host => Class::Host,
        Counted::Kernel => Class::Kernel,
        Counted::Pod => Class::Pod,
        Counted::Infra => Class::Infra,
        Counted::Workload => Class::Workload,
    })
}

#[cfg(test)]
mod tests;
