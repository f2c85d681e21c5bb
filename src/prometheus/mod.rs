//! Client of Prometheus: sends queries to its HTTP API or to a file of samples, parses responses, and words each failure
//! with its remedy.
//!
//! It takes an address, a token and certificate authorities, and knows nothing of the cluster that they come from.

mod client;
pub(crate) mod failure;
mod front;
mod http_client;
pub mod promql;
mod refusal;
mod response;
mod state;

use crate::time::{Timestamp, is_multiple};
use serde::{Deserialize, Deserializer};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::time::Duration;

pub use client::Client;
use http_client::HttpClient;
pub use refusal::{Excess, Refusal, excess, is_token_refused};
/// String that no `Debug` output shows: a bearer token.
pub use secrecy::SecretString as Secret;
pub use state::{Rule, RuleGroup, Target};
pub use url::Url;

/// Address of a Prometheus, and the means to connect to it.
#[derive(Debug)]
pub struct Endpoint {
    /// Base address, without `/api/v1`. Its query, such as a tenant's `namespace`, goes with every request.
    pub url: Url,
    /// Bearer token, if the server needs one.
    pub token: Option<Secret>,
    /// TLS settings with the trusted authorities; unused for an `http` address.
    pub tls: rustls::ClientConfig,
    /// Proxy to use instead of the environment's (`HTTPS_PROXY`). The client reaches a loopback address without any.
    pub proxy: Option<Url>,
    /// Longest silence of the server, also within a response. The server gets a shorter limit, so that it reports its
    /// timeout itself.
    pub timeout: Duration,
}

/// Evaluation times of a range query, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// First time.
    pub start: Timestamp,
    /// Last time, if it is a whole number of steps after `start`; else the last time is before it.
    pub end: Timestamp,
    /// Time between two of them, above zero.
    pub step: Duration,
}

impl Grid {
    /// Returns the number of times.
    pub fn points(self) -> usize {
        self.end.since(self.start).div_duration_f64(self.step) as usize + 1
    }

    /// Returns the index of a time, from 0; `None` if the grid has no such time.
    pub fn index(self, at: Timestamp) -> Option<usize> {
        let after = at.since(self.start);
        let is_on = self.start <= at && at <= self.end && is_multiple(after, self.step);
        is_on.then(|| after.div_duration_f64(self.step).round() as usize)
    }
}

/// Semantics of queries that differ between versions of the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dialect {
    /// True if the server heeds a query's own lookback, as Prometheus does since 2.43. False if its version is unknown.
    pub own_lookback: bool,
    /// True if a range excludes its start, as since Prometheus 3.
    pub left_open: bool,
}

/// Rough size of a response. Gzip costs the server some milliseconds and a megabyte of memory for even the smallest
/// response. That is too much for one that fits in a few packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Not compressed.
    Few,
    /// Compressed by gzip, if the server supports it.
    Many,
}

impl Size {
    /// Returns the size of a response with so many samples. Uncompressed, a sample takes 20 to 30 bytes, and its labels
    /// come on top if each is of another series.
    pub fn from_samples(samples: usize) -> Size {
        if samples > 1000 { Size::Many } else { Size::Few }
    }
}

/// One time series of a response. Its text borrows from the response unless it has an escape. A response holds many
/// thousands of labels, and callers keep few.
#[derive(Debug, Clone, PartialEq)]
pub struct Series<'a> {
    /// Label names and values, in the response's order; `__name__` is the metric's name.
    pub labels: Labels<'a>,
    /// Times and values, ordered by time.
    pub samples: Samples,
}

/// Label names and values. Four fit inline, the most that a series of this project has.
pub type Labels<'a> = SmallVec<[(Cow<'a, str>, Cow<'a, str>); 4]>;
/// Times and values. One fits inline, all that the query of a statistic returns per series.
pub type Samples = SmallVec<[(Timestamp, f64); 1]>;

impl Series<'_> {
    /// Returns a label's value; empty if the series lacks the label. Prometheus does not distinguish the two.
    pub fn label(&self, name: &str) -> &str {
        self.get_label(name).unwrap_or_default()
    }

    /// Returns the first sample's value, the only one of an instant query; `None` if there is no sample.
    pub fn value(&self) -> Option<f64> {
        self.samples.first().map(|(_, value)| *value)
    }

    /// Returns a label's value; `None` if the series lacks the label.
    pub fn get_label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| label == name).map(|(_, value)| value.as_ref())
    }
}

/// Deserializes a list or map that a server may write as null if it is empty.
pub(crate) fn null_is_empty<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    from: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

/// Returns true if `url` names this machine itself, with no proxy and no eavesdropper in between.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_only_this_machine() {
        for (url, expected) in [
            ("http://127.0.0.1:9090", true),
            ("http://127.8.9.1", true),
            ("http://[::1]:9090", true),
            ("http://LOCALHOST:9090", true),
            ("http://localhost.example.com", false),
            ("http://127.0.0.1.example.com", false),
            ("http://10.0.0.1", false),
            ("http://[::2]", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
