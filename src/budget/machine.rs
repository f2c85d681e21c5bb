//! Measurements of this machine: of a recording in memory.
use super::measured::Measured;
use super::report::{Item, Part};
use super::subject::{Each, Line, Resource, Subject, Sum};
use super::totals::{NodeTotals, Totals};
use crate::report::{Class, Steps};
use crate::top::Recorded;
use std::collections::BTreeMap;
use std::time::Duration;

/// Shortest recording of which anything is known: ten of the kernel's ticks.
const SHORTEST: Duration = Duration::from_millis(100);

/// This machine's samples.
#[derive(Debug)]
pub(super) struct Machine {
    recorded: Recorded,
    pub totals: Totals,
}

impl Machine {
    /// Makes the totals of a recording.
    pub(super) fn new(recorded: Recorded) -> Machine {
        let mut node = NodeTotals::absent(recorded.grid.points());
        node.busy.add_all(&recorded.busy);
        for (key, steps) in &recorded.parts {
            node.class(key.class).add_all(steps);
        }
        let nodes: BTreeMap<String, NodeTotals> = [(recorded.node.clone(), node)].into();
        let totals = Totals::new(&nodes, recorded.grid, recorded.grid.points() as f64, 0);
        Machine { recorded, totals }
    }

    /// Measures a line.
    pub(super) fn measure(&self, line: &Line) -> Vec<Measured> {
        let (subject, node) = (&line.subject, &self.recorded.node);
        if subject.resource == Resource::Memory {
            return vec![Measured::unknown(
                node,
                "--local measures CPU: a cluster's Prometheus tells memory",
            )];
        }
        if matches!(subject.sum, Sum::Cpuset(_)) || !subject.on.is_empty() {
            return vec![Measured::unknown(
                node,
                "--local does not judge sets of CPUs: a cluster's Prometheus tells them, and `top --local --by cpuset`",
            )];
        }
        let length = self.totals.grid.step * self.totals.grid.points() as u32;
        if length < SHORTEST {
            return vec![Measured::unknown(
                node,
                "shorter than a tenth of a second, which ticks of the kernel do not tell",
            )];
        }
        if subject.is_whole() {
            return self.totals.measure(&subject.sum);
        }
        let of = |steps: Steps| {
            let (grid, asked) = (self.totals.grid, self.totals.asked);
            Measured::of_steps(node, steps, grid, asked, self.totals.covered(node))
        };
        let Some(each) = subject.each else {
            let parts = self.parts(subject).map(|(.., steps)| steps);
            return vec![of(Steps::total(self.recorded.grid.points(), parts))];
        };
        let item = |class, namespace: Option<&String>, name: &str| match each {
            Each::Group => Item { class: Some(class), group: Some(name.to_owned()), ..Item::default() },
            Each::Pod => {
                Item { namespace: namespace.cloned(), pod: Some(name.to_owned()), ..Item::default() }
            }
        };
        let parts = self.parts(subject);
        parts
            .map(|(class, namespace, name, steps)| Measured {
                item: item(class, namespace, name),
                ..of(steps.clone())
            })
            .collect()
    }

    /// Returns the parts of a subject at a step.
    pub(super) fn parts_at(&self, subject: &Subject, step: usize) -> Vec<Part> {
        let at = |(class, namespace, name, steps): (Class, Option<&String>, &str, &Steps)| {
            let cores = steps.at(step)?;
            Some(Part { class: Some(class), namespace: namespace.cloned(), name: name.to_owned(), cores })
        };
        self.parts(subject).filter_map(at).collect()
    }

    fn parts<'a>(
        &'a self,
        subject: &'a Subject,
    ) -> impl Iterator<Item = (Class, Option<&'a String>, &'a str, &'a Steps)> {
        let parts = self.recorded.parts.iter().filter(|(key, _)| match (&key.namespace, key.class) {
            (Some(namespace), class) => subject.has_pod(class, namespace),
            (None, Class::Pod) => subject.has_pod(Class::Pod, ""),
            (None, class) => subject.has_group(class, &key.name),
        });
        parts.map(|(key, steps)| (key.class, key.namespace.as_ref(), key.name.as_str(), steps))
    }
}
