//! How often each node answered in a window. Dear where there are many nodes, so asked for once, as early as can be, and
//! waited for where it is needed; cheap where the rules recorded that none was ever silent.
use super::rhythm::{Counted, Rhythm};
use super::series;
use super::singles::Singles;
use crate::prometheus::Size;
use crate::query::Span;
use crate::query::{self, Querier};
use anyhow::Result;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// Nodes, before their number is known.
pub(super) const NODES: usize = 500;
/// The exporter's scrape interval, milliseconds: assumed where a single sample tells none.
pub(super) const EXPORTER_STEP: i64 = 15_000;

/// The samples, in a window, of each series that tells of one node all the time.
#[derive(Debug, Clone)]
pub(super) struct Presence {
    selector: &'static str,
    span: Span,
    totals: Arc<OnceCell<Singles>>,
    counted: Arc<OnceCell<Vec<Counted>>>,
}

impl Presence {
    /// Of such a selector. Nothing is asked yet.
    pub(super) fn of(selector: &'static str, span: Span) -> Presence {
        Presence { selector, span, totals: Arc::default(), counted: Arc::default() }
    }

    /// The same of what was counted already.
    pub(super) fn known_as(self, counted: Vec<Counted>) -> Presence {
        Presence { counted: Arc::new(OnceCell::new_with(Some(counted))), ..self }
    }

    /// The rhythm of the recorded number of the exporter's nodes; none where it has no two samples.
    pub(super) async fn rhythm(&self, server: &Querier<'_>) -> Result<Option<Rhythm>> {
        let rhythm = Rhythm::of_samples(self.recorded(server).await?, EXPORTER_STEP);
        Ok(rhythm.filter(|rhythm| rhythm.samples > 1))
    }

    /// Asks how often each node answered, unless that has been done.
    pub(super) async fn counted(&self, server: &Querier<'_>) -> Result<&[Counted]> {
        let count = async || match self.steady(server).await? {
            Some(counted) => Ok(counted),
            None => {
                let recorded = self.recorded(server).await?.last().map(|(_, nodes)| *nodes as usize);
                Counted::find(server, self.selector, self.span, recorded.unwrap_or(NODES)).await
            }
        };
        Ok(self.counted.get_or_try_init(count).await?)
    }

    /// What is counted already.
    pub(super) fn known(&self) -> &[Counted] {
        self.counted.get().map_or(&[], Vec::as_slice)
    }

    /// How many nodes have series at all, for the load of a question; a guess before they are counted.
    pub(super) fn size(&self) -> usize {
        self.counted.get().map_or(NODES, Vec::len)
    }

    /// What the rules recorded of all of the exporter's nodes together.
    pub(super) async fn totals(&self, server: &Querier<'_>) -> Result<&Singles> {
        let ask = async || match self.selector {
            series::BUSY => Singles::find(server, &series::TOTALS, None, self.span).await,
            _ => Ok(Singles::none(self.span)),
        };
        self.totals.get_or_try_init(ask).await
    }

    /// How many of them there were at each step.
    async fn recorded(&self, server: &Querier<'_>) -> Result<&[(i64, f64)]> {
        Ok(self.totals(server).await?.samples(series::NODES_RECORDED))
    }

    /// Each node with a sample at every step, where as many were recorded at each of them as have series at all: then
    /// they were always the same. None where any may have been silent.
    async fn steady(&self, server: &Querier<'_>) -> Result<Option<Vec<Counted>>> {
        let recorded = self.recorded(server).await?;
        let Some((_, nodes)) = recorded.first() else { return Ok(None) };
        let grid = Rhythm::of_samples(recorded, EXPORTER_STEP).and_then(|rhythm| rhythm.grid(self.span));
        let whole = grid.is_some_and(|grid| recorded.len() == query::points(grid));
        if !whole || recorded.iter().any(|(_, number)| number != nodes) {
            return Ok(None);
        }
        // More than had samples in the window, where the server looks at longer stretches.
        let (times, size) = ((self.span.start, self.span.end), Size::of(*nodes as usize));
        // Where they are not told, the nodes are counted.
        let names = server.client().values("instance", self.selector, times, size).await.unwrap_or_default();
        let counted = |name: String| Counted {
            labels: [("instance".to_owned(), name)].into(),
            samples: recorded.len() as f64,
            last: self.span.end,
        };
        Ok((names.len() as f64 == *nodes).then(|| names.into_iter().map(counted).collect()))
    }
}
