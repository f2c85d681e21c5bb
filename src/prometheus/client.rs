//! Client: queries of a server, or of a file's samples, which are evaluated here as a server would.
use super::{Dialect, Endpoint, Grid, HttpClient, Labels, RuleGroup, Secret, Series, Size, Target};
use crate::evaluate::{Evaluated, Evaluator};
use crate::time::{Timestamp, parse_duration};
use anyhow::{Result, bail};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Where series come from.
#[derive(Debug)]
pub struct Client(Backend);

#[derive(Debug)]
enum Backend {
    Server(HttpClient),
    File { name: String, evaluator: Evaluator },
}

use Backend::{File, Server};

impl Client {
    /// Makes a client of a server; sends nothing yet. Errors if a token would go to an `http` address that is not this
    /// machine.
    pub fn new(endpoint: Endpoint) -> Result<Client> {
        HttpClient::new(endpoint).map(Server).map(Client)
    }

    /// Makes a client of a file's samples. `name`: the file's, for messages.
    pub fn of_file(name: &str, evaluator: Evaluator) -> Client {
        Client(File { name: name.to_owned(), evaluator })
    }

    /// Returns the server's base address, without `/api/v1`, or the file's name.
    pub fn address(&self) -> &str {
        match &self.0 {
            Server(server) => server.url(),
            File { name, .. } => name,
        }
    }

    /// Returns true if it is of a file.
    pub fn is_file(&self) -> bool {
        matches!(self.0, File { .. })
    }

    /// Replaces the token, if the client has one. Returns true if the new one differs. Errors if no header can hold it.
    pub fn replace_token(&self, token: &Secret) -> Result<bool> {
        match &self.0 {
            Server(server) => server.replace_token(token),
            File { .. } => Ok(false),
        }
    }

    /// Returns the warnings of all queries so far, each once, sorted.
    pub fn warnings(&self) -> Vec<String> {
        match &self.0 {
            Server(server) => server.warnings(),
            File { .. } => Vec::new(),
        }
    }

    /// Fetches the values of `query` at the times of `grid`. `lookback` is a duration literal: a plain selector's value
    /// is its newest sample within that, or within five minutes if `None`. `extract` takes what the caller keeps from
    /// the series. Errors: one line with the cause and the remedy.
    pub async fn range<T>(
        &self,
        query: &str,
        grid: Grid,
        lookback: Option<&str>,
        size: Size,
        extract: impl FnOnce(&[Series<'_>]) -> T,
    ) -> Result<T> {
        match &self.0 {
            Server(server) => server.range(query, grid, lookback, size, extract).await,
            File { evaluator, .. } => {
                let times: Vec<Timestamp> =
                    (0..grid.points()).map(|step| grid.start + grid.step * step as u32).collect();
                let lookback = lookback.map(parse_duration).transpose()?;
                Ok(extract(&series(&evaluator.range(query, &times, lookback)?)))
            }
        }
    }

    /// Fetches the value of `query` at a time, one sample per series, or the raw samples of a range selector. `extract`
    /// takes what the caller keeps from the series. Errors: one line with the cause and the remedy.
    pub async fn instant<T>(
        &self,
        query: &str,
        at: Timestamp,
        size: Size,
        extract: impl FnOnce(&[Series<'_>]) -> T,
    ) -> Result<T> {
        match &self.0 {
            Server(server) => server.instant(query, at, size, extract).await,
            File { evaluator, .. } => Ok(extract(&series(&evaluator.instant(query, at)?))),
        }
    }

    /// Fetches the values at a time of a `query` with one series for each key. A value that is not finite is left out.
    /// Errors: one line with the cause and the remedy.
    pub async fn instant_by<K: Ord>(
        &self,
        query: &str,
        at: Timestamp,
        key: impl Fn(&Series<'_>) -> K,
    ) -> Result<BTreeMap<K, f64>> {
        let read = |series: &[Series<'_>]| {
            let finite = |series: &Series<'_>| series.value().filter(|value| value.is_finite());
            series.iter().filter_map(|series| Some((key(series), finite(series)?))).collect()
        };
        self.instant(query, at, Size::Many, read).await
    }

    /// Fetches the value at a time of a `query` with one series; `None` if there is none. Errors: one line with the
    /// cause and the remedy.
    pub async fn one(&self, query: &str, at: Timestamp) -> Result<Option<f64>> {
        self.instant(query, at, Size::Few, |series| series.first()?.value()).await
    }

    /// Fetches the values of a label of the series of `selector` between two times; empty if the server does not list
    /// them. No samples are read for that. Errors if the server does not respond.
    pub async fn label_values(
        &self,
        label: &str,
        selector: &str,
        times: (Timestamp, Timestamp),
        size: Size,
    ) -> Result<Vec<String>> {
        match &self.0 {
            Server(server) => server.label_values(label, selector, times, size).await,
            File { evaluator, .. } => evaluator.label_values(label, selector, times),
        }
    }

    /// Finds out how queries are evaluated. Errors if the server does not respond, or if a proxy in front of it refuses
    /// this user: one request shows that.
    pub async fn dialect(&self) -> Result<Dialect> {
        match &self.0 {
            Server(server) => server.dialect().await,
            File { .. } => Ok(Dialect { own_lookback: true, left_open: true }),
        }
    }

    /// Fetches the server's host name, in a cluster its pod's; `None` if it does not report it, as before Prometheus 3.
    /// Errors if it does not respond.
    pub async fn host(&self) -> Result<Option<String>> {
        match &self.0 {
            Server(server) => server.host().await,
            File { .. } => Ok(None),
        }
    }

    /// Checks that an empty result can be trusted. Errors if the server has no series at all because none of its stores
    /// responds, as a Thanos that has lost them.
    pub async fn require_stores(&self) -> Result<()> {
        match &self.0 {
            Server(server) => server.require_stores().await,
            File { .. } => Ok(()),
        }
    }

    /// Fetches the loaded groups of recording rules with these names. Errors: one line with the cause and the remedy.
    pub async fn rule_groups(&self, names: &[&str]) -> Result<Vec<RuleGroup>> {
        self.server("rules")?.rule_groups(names).await
    }

    /// Fetches the targets of one scrape pool, up or down. Errors: one line with the cause and the remedy.
    pub async fn targets(&self, pool: &str) -> Result<Vec<Target>> {
        self.server("targets")?.targets(pool).await
    }

    fn server(&self, what: &str) -> Result<&HttpClient> {
        match &self.0 {
            Server(server) => Ok(server),
            File { name, .. } => bail!("{name} has samples alone, and no {what}"),
        }
    }
}

/// Lends what was evaluated as a server's response.
fn series(all: &[Evaluated]) -> Vec<Series<'_>> {
    all.iter()
        .map(|one| Series { labels: labels(one), samples: one.samples.iter().copied().collect() })
        .collect()
}

fn labels(one: &Evaluated) -> Labels<'_> {
    one.labels
        .iter()
        .map(|(name, value)| (Cow::Borrowed(name.as_str()), Cow::Borrowed(value.as_str())))
        .collect()
}
