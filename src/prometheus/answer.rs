//! What a server said, made into series or into one line that says why there are none. No I/O.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::failure::one_line;
use super::front::{is_page, refusal};
use super::refusal::{Excess, Refusal};
use super::{Labels, Samples, Series, null_is_empty};

/// Whom was asked, for messages.
pub(super) struct Asked<'a> {
    pub(super) url: &'a str,
    pub(super) with_token: bool,
}

/// A successful answer.
#[derive(Debug, PartialEq)]
pub(super) struct Reply<'a> {
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

/// Reads the answer to a query. Errors: one line with the remedy, for every status and body.
pub(super) fn read<'a>(
    asked: &Asked<'_>,
    status: u16,
    location: Option<&str>,
    body: &'a [u8],
) -> Result<Reply<'a>, Refusal> {
    if status == 400 && is_of_another_tenant(body) {
        return Ok(Reply { series: Vec::new(), warnings: Vec::new() });
    }
    let (Data { result: series }, warnings) = data(asked, status, location, body)?;
    Ok(Reply { series, warnings })
}

/// Whether prom-label-proxy refuses a selector since it is of another namespace than the tenant's: nothing that the tenant
/// may see has its labels.
fn is_of_another_tenant(body: &[u8]) -> bool {
    serde_json::from_slice::<Envelope<de::IgnoredAny>>(body).is_ok_and(|answer| {
        answer.error_type == "prom-label-proxy" && answer.error.starts_with("conflicting label matcher")
    })
}

/// Reads what an answer holds, whatever was asked, and the warnings that go with it. Errors as above.
pub(super) fn data<'a, T: Deserialize<'a>>(
    asked: &Asked<'_>,
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
            Err(own_error(asked, &error_type, &error))
        }
        (200..=299, Ok(_)) => Err(Refusal::new(foreign(asked, "an object without series"), None)),
        (200..=299, Err(error)) => Err(Refusal::new(unreadable(asked, &error, body), None)),
        (_, _) => Err(refusal(asked, status, location, &String::from_utf8_lossy(body))),
    }
}

/// What a successful answer holds, whatever was asked; none where it is none, which is no error for who can do without.
pub(super) fn told<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Option<T> {
    let answer = serde_json::from_slice::<Envelope<T>>(body).ok()?;
    answer.data.filter(|_| answer.status == "success")
}

/// Major and minor version of the Prometheus that says so, from the answer of `status/buildinfo`.
pub(super) fn version(body: &[u8]) -> Option<(u32, u32)> {
    #[derive(Deserialize)]
    struct Build {
        version: String,
    }
    let Build { version } = told(body)?;
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// The host's name, from the answer of `status/runtimeinfo`; none where it is not in it.
pub(super) fn host(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Runtime {
        hostname: String,
    }
    told(body).map(|Runtime { hostname }| hostname).filter(|host| !host.is_empty())
}

/// The message for a body that ended before the answer did.
pub(super) fn cut_short(url: &str, length: usize) -> String {
    format!("the answer of {url} broke off after {length} bytes: try again, or shorten --interval")
}

/// Prometheus's own refusal of a query.
fn own_error(asked: &Asked<'_>, error_type: &str, error: &str) -> Refusal {
    let said = one_line(&format!("{error_type}: {error}"));
    let url = asked.url;
    let excess = match error_type {
        "timeout" => Some(Excess::Time),
        // Its time was up while it read, not while it computed.
        _ if error.contains("context deadline exceeded") => Some(Excess::Time),
        _ if error.contains("too many samples") => Some(Excess::Size),
        _ => None,
    };
    let words = if excess.is_some() {
        format!("the query is too much for {url} ({said}): shorten --interval")
    } else {
        format!("Prometheus at {url} refused the query ({said}): see its own log")
    };
    Refusal::new(words, excess)
}

fn unreadable(asked: &Asked<'_>, error: &serde_json::Error, body: &[u8]) -> String {
    let url = asked.url;
    if is_page(&String::from_utf8_lossy(body)) {
        return format!(
            "{url} answered with a web page instead of JSON: give Prometheus's own address with --prometheus URL"
        );
    }
    if error.is_eof() && !body.is_empty() {
        return cut_short(url, body.len());
    }
    foreign(asked, &one_line(&error.to_string()))
}

fn foreign(asked: &Asked<'_>, why: &str) -> String {
    let url = asked.url;
    format!(
        "{url} answered what no Prometheus does ({why}): give Prometheus's own address with --prometheus URL"
    )
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
        // In the place that they are in: there may be many.
        let values: Vec<(i64, f64)> = values.into_iter().map(|Sample(at, v)| (at, v)).collect();
        let mut samples = Samples::from_vec(values);
        samples.extend(value.map(|Sample(at, v)| (at, v)));
        Ok(Series { labels: metric.0, samples })
    }
}

/// An object of strings, as a list: a series has few labels.
struct Metric<'a>(Labels<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Metric<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// Borrowed from the answer where nothing is escaped.
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

struct Sample(i64, f64);

impl<'de> Deserialize<'de> for Sample {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (at, Number(value)) = <(f64, Number)>::deserialize(deserializer)?;
        // Whole milliseconds within an i64's range for the next 292 million years.
        #[expect(clippy::cast_possible_truncation)]
        let milliseconds = (at * 1000.0).round() as i64;
        Ok(Sample(milliseconds, value))
    }
}

/// A float in a JSON string: `"0.5"`, `"NaN"`, `"+Inf"`.
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
