//! Watch: one question again and again, each time about a window that ends now.
use super::question::Question;
use super::run::run;
use crate::progress::Progress;
use crate::prometheus::Client;
use crate::query::{Cache, Querier};
use crate::report::Report;
use crate::time::Timestamp;
use anyhow::Result;

/// Repeated question.
#[derive(Debug)]
pub struct Watch<'a> {
    client: &'a Client,
    question: Question,
    cache: Cache,
}

impl<'a> Watch<'a> {
    /// Makes a watch; sends nothing yet.
    pub fn new(client: &'a Client, question: Question) -> Watch<'a> {
        Watch { client, question, cache: Cache::default() }
    }

    /// Reports the window that ends at `end`; only samples that are new since
    /// the last report are fetched. Errors are those of one question; the next one starts anew.
    pub async fn report(&mut self, end: Timestamp) -> Result<Report> {
        self.question.end = end;
        self.cache.next_round();
        let progress = Progress::none();
        run(&Querier::new(self.client, &progress).with(&self.cache), &self.question).await
    }
}
