//! Prometheus over HTTP: a question sent, its answer read, and each way of failing in words with a remedy.
//!
//! It knows an address, a token and whom to trust, and nothing of the cluster they were found in.

mod answer;
mod client;
pub(crate) mod failure;
mod front;
pub mod promql;
mod refusal;
mod state;

use serde::{Deserialize, Deserializer};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::time::Duration;

pub use client::Client;
pub use refusal::{Excess, Refusal, excess, is_of_token};
/// A string that no `Debug` output shows: a bearer token.
pub use secrecy::SecretString as Secret;
pub use state::{Rule, RuleGroup, Target};
pub use url::Url;

/// Where and how to ask.
#[derive(Debug)]
pub struct Endpoint {
    /// The base address: up to, but without, `/api/v1`. Its query, such as the `namespace` of a tenant, goes with every request.
    pub url: Url,
    /// The bearer token, if one is asked for there.
    pub token: Option<Secret>,
    /// Whom to trust; of no meaning to an `http` address.
    pub tls: rustls::ClientConfig,
    /// A proxy instead of the environment's (`HTTPS_PROXY`); a loopback address is never asked through either.
    pub proxy: Option<Url>,
    /// How long an answer may keep silent; the server is told to give up a little earlier, and to say so.
    pub timeout: Duration,
}

/// The evaluation times of a range query: Unix milliseconds, both ends inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// The first time, in Unix milliseconds.
    pub start: i64,
    /// The last time, in Unix milliseconds; reached only if it is a whole number of steps after `start`.
    pub end: i64,
    /// Milliseconds from one time to the next, above zero.
    pub step: i64,
}

/// What servers of different versions read differently.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dialect {
    /// Whether a query's own lookback is heeded: by Prometheus 2.43 and later, others ignore it. Not where the server does
    /// not tell what it is.
    pub own_lookback: bool,
    /// Whether a range leaves out its start, as since Prometheus 3.
    pub left_open: bool,
}

/// How large an answer will be, about. Many samples come packed, which costs a server some milliseconds and a megabyte
/// of memory however few they are: too much for those that fit in a few packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Not packed.
    Few,
    /// Packed by gzip, where the server can.
    Many,
}

impl Size {
    /// Of so many samples; one is 20 to 30 bytes unpacked, and its labels beside it where each is of another series.
    pub fn of(samples: usize) -> Size {
        if samples > 1000 { Size::Many } else { Size::Few }
    }
}

/// One time series of an answer. Its text is the answer's own wherever nothing in it is escaped: an answer holds many
/// thousands of labels, of which few are kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Series<'a> {
    /// Label names and values, in the answer's order; `__name__` is the metric's name.
    pub labels: Labels<'a>,
    /// Unix milliseconds and value, in the order of time.
    pub samples: Samples,
}

/// Label names and values; a series of this project has four at most.
pub type Labels<'a> = SmallVec<[(Cow<'a, str>, Cow<'a, str>); 4]>;
/// Times and values; one where a statistic was asked for.
pub type Samples = SmallVec<[(i64, f64); 1]>;

impl Series<'_> {
    /// A label's value; empty where the series has no such label, which Prometheus holds for the same.
    pub fn label(&self, name: &str) -> &str {
        self.find(name).unwrap_or_default()
    }

    /// An instant answer's value, the first sample's; none where there is no sample.
    pub fn value(&self) -> Option<f64> {
        self.samples.first().map(|(_, value)| *value)
    }

    /// A label's value, if the series has that label.
    pub fn find(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| label == name).map(|(_, value)| value.as_ref())
    }
}

/// Reads what a server may write as null if it is empty: a list, a map.
pub(crate) fn null_is_empty<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    from: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

/// Whether `url` names this machine itself, where no proxy and no eavesdropper is in between.
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
    fn only_this_machine_is_loopback() {
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
