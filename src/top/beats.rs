//! When the pods' series were sampled in a window, and whether the recorded sums of their namespaces do instead.
use super::nodes::{NAMESPACES, PODS};
use super::question::Question;
use super::rhythm::Rhythm;
use super::series;
use super::singles::Singles;
use crate::prometheus::Grid;
use crate::query::Querier;
use crate::query::Span;
use crate::query::promql;
use crate::report::Steps;
use anyhow::Result;

/// The platform's evaluation interval, milliseconds: assumed where a single sample tells none.
const STEP: i64 = 30_000;

/// When the pods' series were sampled in a window.
#[derive(Debug, Clone)]
pub(super) struct Beats {
    /// The pods themselves; the sums' where these cover the window and no row is of single pods.
    pub pods: Option<Rhythm>,
    /// The recorded sums of namespaces.
    sums: Option<Rhythm>,
    /// Those of the namespace that the exporter is in.
    own: Singles,
}

impl Beats {
    /// Asks for a window.
    pub(super) async fn find(server: &Querier<'_>, question: &Question, span: Span) -> Result<Beats> {
        let pods = async {
            match Rhythm::find(server, (series::SOME_PODS, PODS), span, STEP).await? {
                None => Rhythm::find(server, (series::PODS, PODS), span, STEP).await,
                some => Ok(some),
            }
        };
        let sums = async {
            let ours = promql::equal("namespace", series::OWN_NAMESPACE);
            let own = Singles::find(server, &series::POD_SUMS, Some(&ours), span).await?;
            // A namespace that was there all the time tells for all.
            let one = Rhythm::of_samples(own.samples(series::NAMESPACE_SUMS), STEP);
            let sums = match one.filter(|one| one.covers(span)) {
                None => Rhythm::find(server, (series::NAMESPACE_SUMS, NAMESPACES), span, STEP).await?,
                one => one,
            };
            anyhow::Ok((sums, own))
        };
        if question.of_nodes() || question.shows_pods() && question.of_single_pods() {
            let (pods, (sums, own)) = tokio::try_join!(pods, sums)?;
            return Ok(Beats { pods, sums, own });
        }
        // Sums that were recorded at another interval than the pods would not be theirs.
        let one = Rhythm::find_one(server, series::ONE_POD, span, STEP);
        let ((sums, own), one) = tokio::try_join!(sums, one)?;
        let pods = match (sums, one) {
            (Some(sums), Some(one)) if sums.covers(span) && sums.step == one.step => Some(sums),
            _ => pods.await?,
        };
        Ok(Beats { pods, sums, own })
    }

    /// The recorded sum of the exporter's own pods at each step, where it was recorded as often as `sums`: not where
    /// there were none of them, or no rule yet.
    pub(super) async fn exporters(
        &self,
        server: &Querier<'_>,
        sums: Rhythm,
        grid: Grid,
    ) -> Result<Option<Steps>> {
        if self.own.samples(series::EXPORTER_SUMS).len() < sums.samples {
            return Ok(None);
        }
        self.own.total(server, series::EXPORTER_SUMS, grid).await.map(Some)
    }

    /// The sums', where they cover the window as well as the pods and no row is of single samples of pods, which are of
    /// other times.
    pub(super) fn of_sums(&self, question: &Question) -> Option<Rhythm> {
        let no_samples = !question.of_nodes()
            || question.per_node
                && question.of_single_pods()
                && question.filter.nodes.is_none()
                && question.limit.is_none();
        let pods = self.pods.filter(|_| no_samples)?;
        self.sums.filter(|sums| sums.step == pods.step && sums.samples >= pods.samples)
    }
}
