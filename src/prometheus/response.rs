//! Parses responses into series, or into one line that says why there are none. No I/O.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::failure::one_line;
use super::front::{Server, is_html, refusal};
use super::refusal::{Excess, Refusal};
use super::{Labels, Samples, Series, null_is_empty};
use crate::time::Timestamp;

/// Result of a successful query.
#[derive(Debug, PartialEq)]
pub(super) struct QueryResult<'a> {
    pub(super) series: Vec<Series<'a>>,
    pub(super) warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Envelope<T> {
    status: String,
    data: Option<T>,
    #[serde(default, rename = "errorType", deserialize_with = "null_is_empty")]
    error_type: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    error: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object that holds the result")]
struct Data<'a> {
    #[serde(borrow, deserialize_with = "null_is_empty")]
    result: Vec<Series<'a>>,
}

/// Parses the response to a query. Errors: one line with the remedy, for every other status and body.
pub(super) fn parse<'a>(
    server: &Server<'_>,
    status: u16,
    location: Option<&str>,
    body: &'a [u8],
) -> Result<QueryResult<'a>, Refusal> {
    if status == 400 && is_other_tenant(body) {
        return Ok(QueryResult { series: Vec::new(), warnings: Vec::new() });
    }
    let (Data { result: series }, warnings) = parse_data(server, status, location, body)?;
    Ok(QueryResult { series, warnings })
}

/// Returns true if prom-label-proxy refuses the selector because it names another namespace than the tenant's. The
/// tenant may see no series with such labels.
fn is_other_tenant(body: &[u8]) -> bool {
    serde_json::from_slice::<Envelope<de::IgnoredAny>>(body).is_ok_and(|response| {
        response.error_type == "prom-label-proxy" && response.error.starts_with("conflicting label matcher")
    })
}

/// Parses the data of a response, of any endpoint, and its warnings. Errors: one line with the remedy.
pub(super) fn parse_data<'a, T: Deserialize<'a>>(
    server: &Server<'_>,
    status: u16,
    location: Option<&str>,
    body: &'a [u8],
) -> Result<(T, Vec<String>), Refusal> {
    let parsed = serde_json::from_slice::<Envelope<T>>(body);
    match (status, parsed) {
        (200..=299, Ok(Envelope { status, data: Some(data), warnings, .. })) if status == "success" => {
            Ok((data, warnings.iter().map(|text| one_line(text)).collect()))
        }
        (_, Ok(Envelope { status, error_type, error, .. })) if status == "error" => {
            Err(query_error(server, &error_type, &error))
        }
        (200..=299, Ok(_)) => Err(Refusal::new(no_prometheus(server, "an object without series"), None)),
        (200..=299, Err(error)) => Err(Refusal::new(malformed(server, &error, body), None)),
        (_, _) => Err(refusal(server, status, location, &String::from_utf8_lossy(body))),
    }
}

/// Parses the data of a response that the caller can do without; `None` if the response is not a success.
pub(super) fn parse_optional<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Option<T> {
    let response = serde_json::from_slice::<Envelope<T>>(body).ok()?;
    response.data.filter(|_| response.status == "success")
}

/// Parses the server's major and minor version from the response of `status/buildinfo`; `None` if it has none.
pub(super) fn parse_version(body: &[u8]) -> Option<(u32, u32)> {
    #[derive(Deserialize)]
    struct Build {
        version: String,
    }
    let Build { version } = parse_optional(body)?;
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// Parses the server's host name from the response of `status/runtimeinfo`; `None` if it has none.
pub(super) fn parse_hostname(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Runtime {
        hostname: String,
    }
    parse_optional(body).map(|Runtime { hostname }| hostname).filter(|host| !host.is_empty())
}

/// Returns the message for a body that ends early, after `length` bytes.
pub(super) fn truncated(url: &str, length: usize) -> String {
    format!("the answer of {url} broke off after {length} bytes: try again, or shorten --interval")
}

/// Turns an error that Prometheus itself reports into a refusal.
fn query_error(server: &Server<'_>, error_type: &str, error: &str) -> Refusal {
    let quote = one_line(&format!("{error_type}: {error}"));
    let url = server.url;
    let excess = match error_type {
        "timeout" => Some(Excess::Time),
        // A timeout while the server reads samples has another error type than one while it computes.
        _ if error.contains("context deadline exceeded") => Some(Excess::Time),
        _ if error.contains("too many samples") => Some(Excess::Size),
        _ => None,
    };
    let message = if excess.is_some() {
        format!("the query is too much for {url} ({quote}): shorten --interval")
    } else {
        format!("Prometheus at {url} refused the query ({quote}): see its own log")
    };
    Refusal::new(message, excess)
}

/// Returns the message for a body that is not the expected JSON.
fn malformed(server: &Server<'_>, error: &serde_json::Error, body: &[u8]) -> String {
    let url = server.url;
    if is_html(&String::from_utf8_lossy(body)) {
        return format!(
            "{url} answered with a web page instead of JSON: give Prometheus's own address with --prometheus URL"
        );
    }
    if error.is_eof() && !body.is_empty() {
        return truncated(url, body.len());
    }
    no_prometheus(server, &one_line(&error.to_string()))
}

/// Returns the message for a server that is not a Prometheus.
fn no_prometheus(server: &Server<'_>, why: &str) -> String {
    let url = server.url;
    format!("{url} is not a Prometheus API ({why}): give Prometheus's own address with --prometheus URL")
}

impl<'de: 'a, 'a> Deserialize<'de> for Series<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(expecting = "a series")]
        struct Wire<'a> {
            #[serde(borrow)]
            metric: Metric<'a>,
            #[serde(default, deserialize_with = "null_is_empty")]
            values: Vec<Sample>,
            value: Option<Sample>,
        }
        let Wire { metric, values, value } = Wire::deserialize(deserializer)?;
        // Collects in place, in the same allocation: there may be many samples.
        let values: Vec<(Timestamp, f64)> = values.into_iter().map(|Sample(at, v)| (at, v)).collect();
        let mut samples = Samples::from_vec(values);
        samples.extend(value.map(|Sample(at, v)| (at, v)));
        Ok(Series { labels: metric.0, samples })
    }
}

/// Labels, parsed from an object into a list: a series has few.
struct Metric<'a>(Labels<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Metric<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// Borrowed from the response if nothing is escaped.
        #[derive(Deserialize)]
        struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
        struct Object<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Object<'a> {
            type Value = Metric<'a>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("labels")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metric<'a>, A::Error> {
                let mut labels = Labels::new();
                while let Some((Text(name), Text(value))) = map.next_entry()? {
                    labels.push((name, value));
                }
                Ok(Metric(labels))
            }
        }
        deserializer.deserialize_map(Object(PhantomData))
    }
}

struct Sample(Timestamp, f64);

impl<'de> Deserialize<'de> for Sample {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (at, Number(value)) = <(f64, Number)>::deserialize(deserializer)?;
        Ok(Sample(Timestamp::from_seconds(at), value))
    }
}

/// Float in a JSON string: `"0.5"`, `"NaN"`, `"+Inf"`.
struct Number(f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Number;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number in a string")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
                text.parse().map(Number).map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests;
