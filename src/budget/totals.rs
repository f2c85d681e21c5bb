//! Totals: samples of the classes and the busy time of each node, and their sums. Unattributed is a mean over a minute: on
//! CPUs without a tick a step may be off by a second's work.
use super::measured::Measured;
use super::subject::Sum;
use crate::prometheus::Grid;
use crate::report::{Class, Steps};
use std::collections::BTreeMap;
use std::time::Duration;

/// Time over which unattributed is a mean.
const SMOOTH: Duration = Duration::from_secs(60);

/// Classes of the platform.
const PLATFORM: [Class; 4] = [Class::Host, Class::Kernel, Class::Infra, Class::Pod];

/// Samples of one node.
#[derive(Clone, Debug)]
pub(super) struct NodeTotals {
    pub classes: BTreeMap<Class, Steps>,
    /// Pods of other namespaces than the platform's that count as infra; a part of class workload.
    pub management: Steps,
    pub busy: Steps,
}

/// Totals of each node on a grid.
#[derive(Debug)]
pub(super) struct Totals {
    pub grid: Grid,
    /// Number of whole steps of the window that was asked for.
    pub asked: f64,
    /// Unattributed of each node, a mean over a minute.
    unattributed: BTreeMap<String, Steps>,
    nodes: BTreeMap<String, NodeTotals>,
}

/// Returns the number of steps before a window whose samples are a part of means in it.
pub(super) fn steps_before(step: Duration) -> usize {
    (steps_in_mean(step)).saturating_sub(1)
}

fn steps_in_mean(step: Duration) -> usize {
    (SMOOTH.div_duration_f64(step).floor() as usize).max(1)
}

impl NodeTotals {
    /// Makes the totals of a node without any samples.
    pub(super) fn absent(count: usize) -> NodeTotals {
        let absent = || Steps::absent(count);
        NodeTotals { classes: BTreeMap::new(), management: absent(), busy: absent() }
    }

    /// Returns the samples of a class; absent if it has none.
    pub(super) fn class(&mut self, class: Class) -> &mut Steps {
        let count = self.busy.count();
        self.classes.entry(class).or_insert_with(|| Steps::absent(count))
    }

    fn all(&self) -> Steps {
        Steps::total(self.busy.count(), self.classes.values())
    }

    /// Adds up some classes. Infra has the pods that count as infra, and workload has them not.
    fn sum(&self, classes: &[Class]) -> Steps {
        let mut sum = Steps::absent(self.busy.count());
        for class in classes {
            let own = self.classes.get(class);
            match class {
                Class::Infra => sum.add_all(&self.management),
                Class::Workload => {
                    own.into_iter().for_each(|own| sum.add_all(&own.less(&self.management)));
                    continue;
                }
                _ => {}
            }
            own.into_iter().for_each(|own| sum.add_all(own));
        }
        sum
    }

    /// Drops the first steps.
    fn skip(&self, steps: usize) -> NodeTotals {
        NodeTotals {
            classes: self.classes.iter().map(|(class, of)| (*class, of.skip(steps))).collect(),
            management: self.management.skip(steps),
            busy: self.busy.skip(steps),
        }
    }
}

impl Totals {
    /// Makes totals of samples that begin `before` steps before the grid.
    pub(super) fn new(nodes: &BTreeMap<String, NodeTotals>, grid: Grid, asked: f64, before: usize) -> Totals {
        let smooth =
            |of: &NodeTotals| of.busy.less(&of.all()).trailing_mean(steps_in_mean(grid.step)).skip(before);
        let unattributed = nodes.iter().map(|(node, of)| (node.clone(), smooth(of))).collect();
        let nodes = nodes.iter().map(|(node, of)| (node.clone(), of.skip(before))).collect();
        Totals { grid, asked, unattributed, nodes }
    }

    /// Iterates over the nodes that have samples.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &str> {
        self.nodes.keys().map(String::as_str)
    }

    /// Returns the number of steps at which a node answered.
    pub(super) fn covered(&self, node: &str) -> usize {
        self.nodes.get(node).map_or(0, |of| {
            let mut any = of.all();
            any.add_all(&of.busy);
            any.samples()
        })
    }

    /// Measures a sum on each node.
    pub(super) fn measure(&self, of: &Sum) -> Vec<Measured> {
        self.nodes().map(|node| self.measure_node(of, node)).collect()
    }

    fn measure_node(&self, of: &Sum, node: &str) -> Measured {
        let steps = self.steps(of, node);
        let covered = match of {
            // They are known only if the node told its busy time.
            Sum::Platform | Sum::Busy | Sum::Unattributed => steps.samples(),
            _ => self.covered(node),
        };
        match covered {
            0 => Measured::unknown(node, "the node told no busy time in this window"),
            _ => Measured::of_steps(node, steps, self.grid, self.asked, covered),
        }
    }

    /// Returns the samples of a sum on a node.
    pub(super) fn steps(&self, of: &Sum, node: &str) -> Steps {
        let absent = || Steps::absent(self.grid.points());
        let Some(totals) = self.nodes.get(node) else { return absent() };
        let unattributed = || self.unattributed.get(node).cloned().unwrap_or_else(absent);
        match of {
            Sum::Platform => totals.sum(&PLATFORM).plus(&unattributed()),
            Sum::Busy => totals.busy.clone(),
            Sum::Unattributed => unattributed(),
            Sum::Classes(classes) => totals.sum(classes),
            Sum::Cpuset(_) => absent(),
        }
    }

    /// Returns what a sum adds up on a node, by name; nothing if it is of no classes.
    pub(super) fn parts(&self, of: &Sum, node: &str) -> Vec<(&'static str, Steps)> {
        let Some(totals) = self.nodes.get(node) else { return Vec::new() };
        let classes = |classes: &[Class]| -> Vec<(&'static str, Steps)> {
            classes.iter().map(|class| (class.as_str(), totals.sum(&[*class]))).collect()
        };
        let rest = |steps: Option<Steps>| steps.map(|steps| ("unattributed", steps));
        match of {
            Sum::Platform => {
                classes(&PLATFORM).into_iter().chain(rest(self.unattributed.get(node).cloned())).collect()
            }
            Sum::Busy => {
                let all = [&PLATFORM[..], &[Class::Workload]].concat();
                classes(&all).into_iter().chain(rest(Some(totals.busy.less(&totals.all())))).collect()
            }
            Sum::Unattributed => rest(self.unattributed.get(node).cloned()).into_iter().collect(),
            Sum::Classes(of) => classes(of),
            Sum::Cpuset(_) => Vec::new(),
        }
    }

    /// Returns what of a sum no class accounts for, at a step.
    pub(super) fn unattributed_at(&self, of: &Sum, node: &str, step: usize) -> Option<f64> {
        match of {
            Sum::Platform => self.unattributed.get(node)?.at(step),
            Sum::Busy => {
                let totals = self.nodes.get(node)?;
                totals.busy.less(&totals.all()).at(step)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NodeTotals, Sum, Totals};
    use crate::budget::measured::Samples;
    use crate::budget::subject::Statistic;
    use crate::prometheus::Grid;
    use crate::report::Class;
    use crate::time::Timestamp;
    use std::time::Duration;

    /// Three steps before a window of four.
    #[test]
    fn unattributed_is_a_mean_over_a_minute_and_pods_that_count_as_infra_are_no_workload() {
        let mut of = NodeTotals::absent(7);
        for step in 0..7 {
            of.busy.add(step, if step == 4 { 9.0 } else { 5.0 });
            for (class, cores) in [(Class::Host, 1.0), (Class::Infra, 0.5), (Class::Workload, 3.0)] {
                of.class(class).add(step, cores);
            }
            of.management.add(step, 0.25);
        }
        let step = Duration::from_secs(15);
        let start = Timestamp::from_millis(45_000);
        let grid = Grid { start, end: start + 3 * step, step };
        let totals = Totals::new(&[("a".to_owned(), of)].into(), grid, 4.0, 3);
        let each = |of: &Sum| (0..4).map(|step| totals.steps(of, "a").at(step).unwrap()).collect::<Vec<_>>();
        assert_eq!(each(&Sum::Unattributed), [0.5, 1.5, 1.5, 1.5]);
        assert_eq!(each(&Sum::Platform), [2.25, 3.25, 3.25, 3.25]);
        assert_eq!(each(&Sum::Classes(vec![Class::Infra])), [0.75; 4]);
        assert_eq!(each(&Sum::Classes(vec![Class::Workload])), [2.75; 4]);
        assert_eq!(totals.unattributed_at(&Sum::Busy, "a", 1), Some(4.5));
        let measured = totals.measure(&Sum::Platform);
        assert_eq!(measured[0].figure(&Statistic::Avg), Ok(3.0));
        assert!(matches!(measured[0].samples, Samples::Each { .. }));
    }

    #[test]
    fn a_node_without_busy_time_has_no_platform() {
        let mut of = NodeTotals::absent(4);
        of.class(Class::Host).add(3, 1.0);
        let start = Timestamp::from_millis(0);
        let grid = Grid { start, end: start, step: Duration::from_secs(15) };
        let totals = Totals::new(&[("a".to_owned(), of)].into(), grid, 1.0, 3);
        assert!(totals.measure(&Sum::Platform)[0].figure(&Statistic::Max).is_err());
        assert_eq!(totals.measure(&Sum::Classes(vec![Class::Host]))[0].figure(&Statistic::Max), Ok(1.0));
    }
}
