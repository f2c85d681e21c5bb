//! Whose series answer for host and kernel, when they were sampled, and which part of the window they cover.
use super::answering::Nodes;
use super::presence::{EXPORTER_STEP, NODES, Presence};
use super::rhythm::{Counted, Rhythm};
use super::series;
use crate::prometheus::Grid;
use crate::query::Cost;
use crate::query::Span;
use crate::query::promql::{self, At};
use crate::query::time::{show_duration, show_time};
use crate::query::{self, Querier};
use crate::report::Steps;
use anyhow::Result;

/// The platform's evaluation interval, milliseconds: assumed where a single sample tells none.
const PLATFORM_STEP: i64 = 30_000;
/// Groups over all nodes, before their number is known.
const GROUPS: usize = 100;
/// Recorded sums that tell the cover of those recorded with them, and their series.
const SUMS: [(&str, usize); 3] =
    [(series::GROUP_SUMS, GROUPS), (series::UNATTRIBUTED, 1), (series::CLUSTER_BUSY, 1)];
/// Steps after which a source without a sample is taken to be gone.
const LATE: i64 = 8;

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
            Whose::Exporter { .. } => series::BUSY,
            Whose::Predecessor => series::PREDECESSOR,
            Whose::Platform => series::PLATFORM_BUSY,
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
    presence: Presence,
    /// The samples of the recorded sums' fullest series in the window: of groups, and of all nodes.
    sums: [f64; 2],
}

impl Source {
    /// The best source that has samples in the window, of which `presence` is the exporter's; none where none has. Not yet
    /// cut to what it covers.
    pub(super) async fn find(
        server: &Querier<'_>,
        asked: Span,
        presence: Presence,
    ) -> Result<Option<Source>> {
        let totals = presence.totals(server).await?;
        let [rest, busy] =
            [series::UNATTRIBUTED, series::CLUSTER_BUSY].map(|name| totals.samples(name).len());
        let cluster = rest.min(busy) as f64;
        let recorded = presence.rhythm(server).await?;
        // The rules are evaluated together: where one has a sample at each step, so have all, unless somebody keeps some
        // of their series only, which shows in what these answer.
        let steps = recorded.and_then(|rhythm| rhythm.grid(asked)).map(|grid| query::points(grid) as f64);
        let groups = if steps.is_some_and(|steps| cluster >= steps) {
            cluster
        } else {
            most(&Counted::find(server, series::GROUP_SUMS, asked, GROUPS).await?)
        };
        let sums = [groups, cluster];
        let source =
            |whose, rhythm, presence| Some(Source { whose, rhythm, span: asked, holes: 0, presence, sums });
        let exporter = Whose::Exporter { sums: Recorded::None };
        // Where it is recorded how many nodes there are, and for as long as anything is, that tells the rhythm; nobody
        // waits for them to be counted.
        let as_long = |rhythm: &Rhythm| groups > 0.0 && rhythm.samples as f64 >= groups.max(cluster);
        if let Some(rhythm) = recorded.filter(as_long) {
            return Ok(source(exporter, rhythm, presence));
        }
        let others = [Whose::Predecessor, Whose::Platform];
        let others = others.map(|whose| (whose, Presence::of(whose.beat(), asked)));
        for (whose, presence) in [(exporter, presence)].into_iter().chain(others) {
            let step = if whose == Whose::Platform { PLATFORM_STEP } else { EXPORTER_STEP };
            // A series of a single sample tells nothing of its rhythm: then a longer window is asked for it.
            let fullest =
                Counted::fullest(presence.counted(server).await?).filter(|series| series.samples > 1.0);
            let rhythm = match fullest {
                Some(series) => Rhythm::of_series(server, whose.beat(), series, asked, step).await?,
                None => Rhythm::find(server, (whose.beat(), NODES), asked, step).await?,
            };
            if let Some(rhythm) = rhythm {
                return Ok(source(whose, rhythm, presence));
            }
        }
        Ok(None)
    }

    /// The same source in another window, from every sample.
    pub(super) async fn again(mut self, server: &Querier<'_>, asked: Span) -> Result<Source> {
        self.span = asked;
        let Some(grid) = self.rhythm.grid(asked) else { return Ok(self) };
        let sums = async |(metric, series): (&str, usize)| match self.whose {
            Whose::Exporter { .. } => Counted::on(server, metric, grid, series).await,
            _ => Ok(Vec::new()),
        };
        let nodes = self.presence.counted(server).await?.len();
        let beat = Counted::on(server, self.whose.beat(), grid, nodes);
        let [groups, rest, busy] = SUMS.map(sums);
        let (counted, groups, rest, busy) = tokio::try_join!(beat, groups, rest, busy)?;
        self.sums = [most(&groups), most(&rest).min(most(&busy))];
        self.presence = self.presence.known_as(counted);
        Ok(self)
    }

    /// Whether it has no samples near the window's end, so that another may be better.
    pub(super) fn is_late(&self) -> bool {
        let last = self.presence.known().iter().map(|series| series.last).max();
        last.is_none_or(|last| self.span.end - last > LATE * self.rhythm.step)
    }

    /// Cuts the window to what any node's samples cover, and finds out whether the recorded sums cover that.
    pub(super) async fn cut(&mut self, server: &Querier<'_>) -> Result<()> {
        let (asked, step) = (self.span, self.rhythm.step);
        let Some(grid) = self.rhythm.grid(asked) else { return Ok(()) };
        let mut steps = query::points(grid);
        // A series that has a sample at every step leaves nothing to cut.
        let [_, cluster] = self.sums;
        let whole = |samples: f64| samples >= steps as f64;
        if !whole(cluster) && !self.presence.counted(server).await?.iter().any(|series| whole(series.samples))
        {
            let beat = self.whose.beat();
            let cost = Cost::of(1, self.size());
            let present = server.one(&|at: &At| format!("count({})", at.of(beat)), grid, cost).await?;
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

    /// The nodes that answered, once they are counted.
    pub(super) async fn nodes(&self, server: &Querier<'_>, grid: Grid) -> Result<Nodes> {
        Ok(Nodes::of(self.presence.counted(server).await?, query::points(grid), self.holes))
    }

    /// Whether any node did not answer for a part of the window, once that is cut.
    pub(super) fn has_gaps(&self) -> bool {
        let Some(grid) = self.rhythm.grid(self.span) else { return false };
        self.holes > 0
            || self.presence.known().iter().any(|series| series.samples < query::points(grid) as f64)
    }

    /// A total that the rules recorded of all nodes, at each step.
    pub(super) async fn total(&self, server: &Querier<'_>, name: &str, grid: Grid) -> Result<Steps> {
        self.presence.totals(server).await?.total(server, name, grid).await
    }

    /// Whether any node has samples between the steps, as after a change of the interval, once they are counted.
    pub(super) fn has_surplus(&self) -> bool {
        let Some(grid) = self.rhythm.grid(self.span) else { return false };
        self.presence.known().iter().any(|series| series.samples > query::points(grid) as f64)
    }

    /// Whether a recorded metric of so many series a node has a sample wherever busy time has: somebody may keep some of
    /// the sums only. The node that has most tells for all.
    pub(super) async fn keeps(&self, server: &Querier<'_>, (metric, series): (&str, usize)) -> Result<bool> {
        let Some(node) = Counted::fullest(self.presence.counted(server).await?) else { return Ok(false) };
        let instance = node.labels.get("instance").map_or("", String::as_str);
        let selector = promql::select(metric, &[promql::equal("instance", instance)]);
        let counted = match self.rhythm.grid(self.span) {
            Some(grid) if server.has_cache() => Counted::on(server, &selector, grid, series).await?,
            _ => Counted::find(server, &selector, self.span, series).await?,
        };
        Ok(most(&counted) >= node.samples)
    }

    /// Waits until the nodes are counted.
    pub(super) async fn counted(&self, server: &Querier<'_>) -> Result<()> {
        self.presence.counted(server).await.map(drop)
    }

    /// How many nodes have series at all, for the load of a question; a guess before they are counted.
    pub(super) fn size(&self) -> usize {
        self.presence.size()
    }

    /// How many steps of the window any node has a sample at; none where it has no step at all.
    pub(super) fn steps(&self) -> Option<usize> {
        self.rhythm.grid(self.span).map(|grid| query::points(grid) - self.holes)
    }

    /// The same, without the recorded sums of groups.
    pub(super) fn without_sums(&self) -> Source {
        Source { whose: Whose::Exporter { sums: Recorded::None }, ..self.clone() }
    }

    /// Whether the recorded sum of each group has a sample at each step and none between them, as after a change of the
    /// interval: then what the server makes of its samples is what the steps tell.
    pub(super) fn has_regular_sums(&self) -> bool {
        let steps = self.rhythm.grid(self.span).map(query::points);
        let [groups, _] = self.sums;
        steps.is_some_and(|steps| groups == steps as f64)
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

/// The samples of the fullest series: the rules of one group are evaluated together, so it has one wherever any of them
/// has.
fn most(counted: &[Counted]) -> f64 {
    Counted::fullest(counted).map_or(0.0, |series| series.samples)
}
