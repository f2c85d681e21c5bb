//! The nodes that answered in a window, and the words about those that did not all the time.
use super::rhythm::Counted;
use std::collections::BTreeMap;

/// Nodes that a note names.
const NAMED: usize = 8;

/// The nodes that answered, by how often.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    /// All the time.
    pub complete: Vec<String>,
    /// For a part of the window only.
    pub silent: Vec<String>,
    /// Sentences about those, and about times at which no node answered.
    pub notes: Vec<String>,
}

impl Nodes {
    /// From the samples that each node has of so many steps, at some of which (holes) no node has any.
    pub(super) fn of(counted: &[Counted], steps: usize, holes: usize) -> Nodes {
        let mut samples: BTreeMap<&str, f64> = BTreeMap::new();
        for series in counted {
            // Series of one node follow each other in time.
            *samples.entry(series.labels.get("instance").map_or("", String::as_str)).or_default() +=
                series.samples;
        }
        let mut nodes = Nodes::default();
        if holes > 0 {
            nodes.notes.push(format!("no node answered at {holes} of {steps} samples"));
        }
        let steps = steps as f64;
        let mut silent = Vec::new();
        for (name, samples) in samples {
            if samples < steps {
                silent.push((samples / steps, name));
                nodes.silent.push(name.to_owned());
            } else {
                nodes.complete.push(name.to_owned());
            }
        }
        if !silent.is_empty() {
            nodes.notes.push(format!(
                "nodes that answered for a part of the window only, left out of busy for the rest: {}",
                least(silent)
            ));
        }
        nodes
    }

    /// How many answered at any time.
    pub(super) fn count(&self) -> usize {
        self.complete.len() + self.silent.len()
    }
}

/// The nodes that answered least, by the share of the window, and how many more there are.
fn least(mut silent: Vec<(f64, &str)>) -> String {
    silent.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(b.1)));
    let more = silent.len().saturating_sub(NAMED);
    let named =
        silent.into_iter().take(NAMED).map(|(share, name)| format!("{name} ({:.1} %)", 100.0 * share));
    let named = named.collect::<Vec<_>>().join(", ");
    if more == 0 { named } else { format!("{named} and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::{NAMED, least};

    #[test]
    fn of_many_silent_nodes_those_are_named_that_answered_least() {
        assert_eq!(least(vec![(0.5, "b"), (0.25, "c"), (0.5, "a")]), "c (25.0 %), a (50.0 %), b (50.0 %)");
        let many: Vec<_> = (0..NAMED + 3).map(|number| (1.0 - 0.01 * number as f64, "n")).collect();
        let named = least(many);
        assert!(named.starts_with("n (90.0 %), ") && named.ends_with(" and 3 more"), "{named}");
        assert_eq!(named.matches('%').count(), NAMED);
    }
}
