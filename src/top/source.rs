//! Whose series answer for host and kernel, when they were sampled, and which part of the window they cover.
use super::ask::{self, Server};
use super::pieces::Load;
use super::queries::{self, At};
use super::rhythm::{Counted, Rhythm};
use super::span::Span;
use super::time::{show_duration, show_time};
use crate::prometheus::Grid;
use anyhow::Result;
use std::collections::BTreeMap;

/// Distances that are assumed where a single sample tells none, milliseconds: the exporter's scrape interval, and the
/// platform's evaluation interval.
const EXPORTER_STEP: i64 = 15_000;
const PLATFORM_STEP: i64 = 30_000;
/// Nodes, before their number is known; and groups over all of them.
const NODES: usize = 500;
const GROUPS: usize = 100;
/// Recorded sums that tell the cover of those recorded with them, and their series.
const SUMS: [(&str, usize); 2] = [(queries::GROUP_SUMS, GROUPS), (queries::UNATTRIBUTED, 1)];
/// Steps after which a source without a sample is taken to be gone.
const LATE: i64 = 8;
/// Nodes that a note names.
const NAMED: usize = 8;

/// Whose series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// The exporter's.
    Exporter { sums: Recorded },
    /// The predecessor's exporter: no classes, no busy time.
    Predecessor,
    /// The platform's own: services of the host, busy time; no kernel threads.
    Platform,
}

/// Which recorded sums cover all of the window that the rates do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recorded {
    /// None.
    None,
    /// Of groups over all nodes, and of classes on each node.
    Groups,
    /// These, and of all nodes' busy time.
    Cluster,
}

impl Whose {
    /// The series that tell its rhythm and its cover: one a node, all the time.
    pub(super) fn beat(self) -> &'static str {
        match self {
            Whose::Exporter { .. } => queries::BUSY,
            Whose::Predecessor => queries::PREDECESSOR,
            Whose::Platform => queries::PLATFORM_BUSY,
        }
    }
}

/// A source and the part of the window that it covers.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub whose: Whose,
    pub rhythm: Rhythm,
    pub span: Span,
    /// Steps without a sample of any node, between the first and the last with one.
    holes: usize,
    /// The samples of each series of its beat in the window.
    counted: Vec<Counted>,
    /// The samples of the recorded sums' fullest series in the window: of groups, and of all nodes.
    sums: [f64; 2],
}

/// The nodes that answered, by how often.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    /// All the time.
    pub complete: Vec<String>,
    /// For a part of the window only.
    pub silent: Vec<String>,
}

impl Nodes {
    /// How many answered at any time.
    pub(super) fn count(&self) -> usize {
        self.complete.len() + self.silent.len()
    }
}

impl Source {
    /// The best source that has samples in the window; none where none has. Not yet cut to what it covers.
    pub(super) async fn find(server: &Server<'_>, asked: Span) -> Result<Option<Source>> {
        // Two chains of questions side by side: where the sum over all nodes is recorded, it tells their rhythm.
        let recorded = async {
            let sums = recorded_sums(server, asked).await?;
            let [_, cluster] = &sums;
            let rhythm = match Counted::fullest(cluster).filter(|series| series.samples > 1.0) {
                Some(series) => {
                    Rhythm::of_series(server, queries::UNATTRIBUTED, series, asked, EXPORTER_STEP).await?
                }
                None => None,
            };
            Ok((sums.map(|counted| most(&counted)), rhythm))
        };
        let exporter = Whose::Exporter { sums: Recorded::None };
        let nodes = Counted::find(server, exporter.beat(), asked, NODES);
        let (counted, (sums, rhythm)) = tokio::try_join!(nodes, recorded)?;
        let rhythm = rhythm.filter(|_| !counted.is_empty());
        let mut first = Some((counted, rhythm));
        for whose in [exporter, Whose::Predecessor, Whose::Platform] {
            let step = if whose == Whose::Platform { PLATFORM_STEP } else { EXPORTER_STEP };
            let (counted, rhythm) = match first.take() {
                Some(first) => first,
                None => (Counted::find(server, whose.beat(), asked, NODES).await?, None),
            };
            // A series of a single sample tells nothing of its rhythm: then a longer window is asked for it.
            let fullest = Counted::fullest(&counted).filter(|series| series.samples > 1.0);
            let rhythm = match (rhythm, fullest) {
                (Some(rhythm), _) => Some(rhythm),
                (None, Some(series)) => Rhythm::of_series(server, whose.beat(), series, asked, step).await?,
                (None, None) => Rhythm::find(server, (whose.beat(), NODES), asked, step).await?,
            };
            if let Some(rhythm) = rhythm {
                return Ok(Some(Source { whose, rhythm, span: asked, holes: 0, counted, sums }));
            }
        }
        Ok(None)
    }

    /// The same source in another window, from every sample.
    pub(super) async fn again(mut self, server: &Server<'_>, asked: Span) -> Result<Source> {
        self.span = asked;
        let Some(grid) = self.rhythm.grid(asked) else { return Ok(self) };
        let sums = async |(metric, series): (&str, usize)| match self.whose {
            Whose::Exporter { .. } => Counted::on(server, metric, grid, series).await,
            _ => Ok(Vec::new()),
        };
        let beat = Counted::on(server, self.whose.beat(), grid, self.size());
        let [groups, cluster] = SUMS.map(sums);
        let (counted, groups, cluster) = tokio::try_join!(beat, groups, cluster)?;
        self.sums = [groups, cluster].map(|counted| most(&counted));
        self.counted = counted;
        Ok(self)
    }

    /// Whether it has no samples near the window's end, so that another may be better.
    pub(super) fn is_late(&self) -> bool {
        let last = self.counted.iter().map(|series| series.last).max();
        last.is_none_or(|last| self.span.end - last > LATE * self.rhythm.step)
    }

    /// Cuts the window to what any node's samples cover, and finds out whether the recorded sums cover that.
    pub(super) async fn cut(&mut self, server: &Server<'_>) -> Result<()> {
        let (asked, step) = (self.span, self.rhythm.step);
        let Some(grid) = self.rhythm.grid(asked) else { return Ok(()) };
        let mut steps = ask::points(grid);
        // A series that has a sample at every step leaves nothing to cut.
        if self.counted.iter().all(|series| series.samples < steps as f64) {
            let beat = self.whose.beat();
            let load = Load::of(1, self.counted.len());
            let present = server.one(&|at: &At| format!("count({})", at.of(beat)), grid, load).await?;
            let there: Vec<i64> = (0..present.count())
                .filter(|index| present.at(*index).is_some())
                .map(|index| grid.start + index as i64 * step)
                .collect();
            let (Some(first), Some(last)) = (there.first(), there.last()) else { return Ok(()) };
            // A sample stands for the step before it. The window keeps its ends where the next sample would be outside.
            let end = if asked.end - last >= step { *last } else { asked.end };
            self.span = Span { start: asked.start.max(first - step), end };
            self.holes = ((last - first) / step) as usize + 1 - there.len();
            steps = there.len();
        }
        if matches!(self.whose, Whose::Exporter { .. }) {
            let [groups, cluster] = self.sums.map(|samples| samples >= steps as f64);
            let sums = match (groups, cluster) {
                (true, true) => Recorded::Cluster,
                (true, false) => Recorded::Groups,
                (false, _) => Recorded::None,
            };
            self.whose = Whose::Exporter { sums };
        }
        Ok(())
    }

    /// The nodes that answered; a note names those that did not all the time.
    pub(super) fn nodes(&self, grid: Grid, notes: &mut Vec<String>) -> Nodes {
        let mut samples: BTreeMap<&str, f64> = BTreeMap::new();
        for series in &self.counted {
            // Series of one node follow each other in time.
            *samples.entry(series.labels.get("instance").map_or("", String::as_str)).or_default() +=
                series.samples;
        }
        let steps = ask::points(grid) as f64;
        if self.holes > 0 {
            notes.push(format!("no node answered at {} of {steps} samples", self.holes));
        }
        let mut nodes = Nodes::default();
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
            notes.push(format!(
                "nodes that answered for a part of the window only, left out of busy for the rest: {}",
                least(silent)
            ));
        }
        nodes
    }

    /// Whether any node did not answer for a part of the window, once that is cut.
    pub(super) fn has_gaps(&self) -> bool {
        let Some(grid) = self.rhythm.grid(self.span) else { return false };
        self.holes > 0 || self.counted.iter().any(|series| series.samples < ask::points(grid) as f64)
    }

    /// How many nodes have series at all, for the load of a question.
    pub(super) fn size(&self) -> usize {
        self.counted.len()
    }

    /// What a reader must know of the cover.
    pub(super) fn note(&self, asked: Span) -> Option<String> {
        (self.span != asked).then(|| {
            format!(
                "the window was cut to what the {} series cover, {} of {}: {} to {}",
                if self.whose == Whose::Platform { "platform's" } else { "exporter's" },
                show_duration(self.span.length()),
                show_duration(asked.length()),
                show_time(self.span.start),
                show_time(self.span.end),
            )
        })
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

/// The samples of the recorded sums in a window; the rules of one group are evaluated together, so the fullest series has
/// one wherever any of them has.
async fn recorded_sums(server: &Server<'_>, span: Span) -> Result<[Vec<Counted>; 2]> {
    let [groups, cluster] = SUMS.map(|(metric, series)| Counted::find(server, metric, span, series));
    tokio::try_join!(groups, cluster).map(<[_; 2]>::from)
}

fn most(counted: &[Counted]) -> f64 {
    Counted::fullest(counted).map_or(0.0, |series| series.samples)
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
