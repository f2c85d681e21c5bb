//! When the pods' series were sampled in a window, and whether the recorded sums of their namespaces do instead.
use super::ask::Server;
use super::nodes::{NAMESPACES, PODS};
use super::queries;
use super::question::Question;
use super::rhythm::{Counted, Rhythm};
use super::span::Span;
use anyhow::Result;

/// The platform's evaluation interval, milliseconds: assumed where a single sample tells none.
const STEP: i64 = 30_000;

/// When the pods' series were sampled in a window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beats {
    /// The pods themselves; the sums' where these cover the window and no row is of single pods.
    pub pods: Option<Rhythm>,
    /// The recorded sums of namespaces.
    sums: Option<Rhythm>,
    /// The samples of the recorded sum of the exporter's own pods.
    pub exporters: f64,
}

impl Beats {
    /// Asks for a window.
    pub(super) async fn find(server: &Server<'_>, question: &Question, span: Span) -> Result<Beats> {
        let pods = async {
            match Rhythm::find(server, (queries::SOME_PODS, PODS), span, STEP).await? {
                None => Rhythm::find(server, (queries::PODS, PODS), span, STEP).await,
                some => Ok(some),
            }
        };
        let sums = Rhythm::find(server, (queries::NAMESPACE_SUMS, NAMESPACES), span, STEP);
        let rhythms = async {
            if question.of_nodes() || question.shows_pods() && question.of_single_pods() {
                return tokio::try_join!(pods, sums);
            }
            // Sums that were recorded at another interval than the pods would not be theirs.
            let one = Rhythm::find_one(server, queries::ONE_POD, span, STEP);
            let (sums, one) = tokio::try_join!(sums, one)?;
            match (sums, one) {
                (Some(sums), Some(one)) if sums.covers(span) && sums.step == one.step => {
                    Ok((Some(sums), Some(sums)))
                }
                _ => Ok((pods.await?, sums)),
            }
        };
        let exporters = Counted::find(server, queries::EXPORTER_SUMS, span, 1);
        let ((pods, sums), exporters) = tokio::try_join!(rhythms, exporters)?;
        Ok(Beats { pods, sums, exporters: exporters.iter().map(|series| series.samples).sum() })
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
