//! Whose series answer for host and kernel, when they were sampled, and which part of the window they cover.
use super::ask::{self, Server};
use super::queries::{self, At};
use super::rhythm::{Rhythm, Span};
use super::time::{show_duration, show_time};
use crate::prometheus::{Client, Grid, Series};
use anyhow::Result;

/// Distances that are assumed where a single sample tells none, milliseconds: the exporter's scrape interval, and the
/// platform's evaluation interval.
const EXPORTER_STEP: i64 = 15_000;
const PLATFORM_STEP: i64 = 30_000;

/// Whose series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// The exporter's.
    Exporter {
        /// Whether the recorded sums cover all of the window that the rates do.
        sums: bool,
    },
    /// The predecessor's exporter: no classes, no busy time.
    Predecessor,
    /// The platform's own: services of the host, busy time; no kernel threads.
    Platform,
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
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    pub whose: Whose,
    pub rhythm: Rhythm,
    pub span: Span,
    /// Steps without a sample of any node, between the first and the last with one.
    pub holes: usize,
}

/// The nodes that answered.
#[derive(Debug)]
pub(super) struct Nodes {
    /// At any time of the window.
    pub count: usize,
    /// All the time: their names.
    pub complete: Vec<String>,
}

impl Source {
    /// The best source that has samples in the window; none where none has.
    pub(super) async fn find(server: &Server<'_>, asked: Span) -> Result<Option<Source>> {
        for whose in [Whose::Exporter { sums: false }, Whose::Predecessor, Whose::Platform] {
            let step = if whose == Whose::Platform { PLATFORM_STEP } else { EXPORTER_STEP };
            let Some(rhythm) = Rhythm::find(server.client, whose.beat(), asked, step).await? else {
                continue;
            };
            let mut source = Source { whose, rhythm, span: asked, holes: 0 };
            source.cut(server).await?;
            if matches!(whose, Whose::Exporter { .. }) {
                let host = queries::select(queries::CLASS_SUMS, &[queries::equal("class", "host")]);
                let missing = queries::missing(&host, queries::BUSY, source.span.length());
                let missing = server.client.instant(&missing, source.span.end).await?;
                let sums = missing.first().and_then(value).is_some_and(|missing| missing <= 0.0);
                source.whose = Whose::Exporter { sums };
            }
            return Ok(Some(source));
        }
        Ok(None)
    }

    /// Cuts the window to what any node's samples cover.
    async fn cut(&mut self, server: &Server<'_>) -> Result<()> {
        let (asked, step) = (self.span, self.rhythm.step);
        let Some(grid) = self.rhythm.grid(asked) else { return Ok(()) };
        let beat = self.whose.beat();
        let present = server.one(&|at: At| format!("count({})", at.of(beat)), grid).await?;
        let there: Vec<i64> = (0..present.count())
            .filter(|index| present.at(*index).is_some())
            .map(|index| grid.start + index as i64 * step)
            .collect();
        let (Some(first), Some(last)) = (there.first(), there.last()) else { return Ok(()) };
        // A sample stands for the step before it. The window keeps its ends where the next sample would be outside.
        let end = if asked.end - last >= step { *last } else { asked.end };
        self.span = Span { start: asked.start.max(first - step), end };
        self.holes = ((last - first) / step) as usize + 1 - there.len();
        Ok(())
    }

    /// How many nodes answered at any time; a note names those that did not all the time.
    pub(super) async fn nodes(&self, client: &Client, grid: Grid, notes: &mut Vec<String>) -> Result<Nodes> {
        let query = queries::samples_by_node(self.whose.beat(), self.span.length());
        let answer = client.instant(&query, self.span.end).await?;
        let steps = ask::points(grid) as f64;
        if self.holes > 0 {
            notes.push(format!("no node answered at {} of {steps} samples", self.holes));
        }
        let (mut silent, mut complete) = (Vec::new(), Vec::new());
        for node in &answer {
            let (name, samples) = (node.label("instance"), value(node).unwrap_or_default());
            if samples < steps {
                silent.push(format!("{name} ({:.1} %)", 100.0 * samples / steps));
            } else {
                complete.push(name.to_owned());
            }
        }
        if !silent.is_empty() {
            let silent = silent.join(", ");
            notes.push(format!(
                "nodes that answered for a part of the window only, left out of busy for the rest: {silent}"
            ));
        }
        Ok(Nodes { count: answer.len(), complete })
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

/// The single value of an instant answer's series.
fn value(series: &Series) -> Option<f64> {
    series.samples.first().map(|(_, value)| *value)
}
