//! The same question again and again, each time about a window that ends now; only what is new is asked for.
use super::beats::Beats;
use super::inquire;
use super::presence::Presence;
use super::question::Question;
use super::series;
use super::source::Source;
use crate::progress::Progress;
use crate::prometheus::Client;
use crate::query::Cache;
use crate::query::Querier;
use crate::report::Report;
use anyhow::Result;

/// A question that is asked again and again.
#[derive(Debug)]
pub struct Watch<'a> {
    client: &'a Client,
    question: Question,
    cache: Cache,
    found: Option<(Source, Beats)>,
}

impl<'a> Watch<'a> {
    /// Nothing is asked yet.
    pub fn new(client: &'a Client, question: Question) -> Watch<'a> {
        Watch { client, question, cache: Cache::default(), found: None }
    }

    /// The report of the window that ends at `end`, Unix milliseconds. Errors are those of one question; the next one
    /// starts anew.
    pub async fn report(&mut self, end: i64) -> Result<Report> {
        self.question.end = end;
        let asked = self.question.span();
        self.cache.next_round();
        let progress = Progress::none();
        let server = Querier::new(self.client, &progress).with(&self.cache);
        // One request, and the others only if that is not refused.
        server.probe().await?;
        let found = self.found.take();
        let known = async {
            Ok(match found {
                Some((source, beats)) => Some((source.again(&server, asked).await?, beats)),
                None => None,
            })
        };
        let (identity, known) = tokio::try_join!(inquire::identify(&server, asked), known)?;
        let (source, beats) = match known.filter(|(source, _)| !source.is_late()) {
            Some((source, beats)) => (Some(source), beats),
            None => {
                let source = Source::find(&server, asked, Presence::of(series::BUSY, asked));
                let (source, beats) = tokio::try_join!(source, Beats::find(&server, &self.question, asked))?;
                // Of the first round too every sample is remembered.
                match source {
                    Some(source) => (Some(source.again(&server, asked).await?), beats),
                    None => (None, beats),
                }
            }
        };
        let found = source.clone().map(|source| (source, beats.clone()));
        let report = inquire::answer(&server, &self.question, identity, source, beats).await?;
        // Pods that had no samples yet are looked for again.
        self.found = found.filter(|(_, beats)| beats.pods.is_some());
        Ok(report)
    }
}
