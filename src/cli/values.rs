//! Parsers of the values of flags. Their errors say what is wrong with the value.
use crate::report::SortBy;
use crate::time::{self, Timestamp};
use crate::top::{Namespaces, Percentile};
use clap::builder::{OsStringValueParser, PossibleValue, PossibleValuesParser, TypedValueParser};
use node_cpu::CpuList;
use std::path::PathBuf;
use std::time::Duration;

pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    time::parse_duration(text).map_err(|error| format!("{error:#}"))
}

/// Time limit, if given. Zero is no limit.
#[derive(Clone, Copy)]
pub(super) struct Limit(pub(super) Option<Duration>);

/// Parses a limit as kubectl does: `0` is no limit, a bare number is seconds, empty is not given.
pub(super) fn parse_timeout(text: &str) -> Result<Limit, String> {
    // As for kubectl, below zero is no limit either.
    if let Some(below) = text.strip_prefix('-') {
        return parse_timeout(below).map(|_| Limit(Some(Duration::ZERO)));
    }
    match text.parse::<u32>() {
        Ok(seconds) => Ok(Limit(Some(Duration::from_secs(u64::from(seconds))))),
        Err(_) if text.is_empty() => Ok(Limit(None)),
        Err(_) if text == "0s" => Ok(Limit(Some(Duration::ZERO))),
        Err(_) => {
            // Go's durations have fractions, ours have years.
            let fraction = text.contains('.').then(|| text.parse::<jiff::SignedDuration>().ok()).flatten();
            let limit = fraction.and_then(|limit| Duration::try_from(limit).ok());
            limit.map_or_else(|| parse_duration(text), Ok).map(|limit| Limit(Some(limit)))
        }
    }
}

/// Makes a parser of booleans, in all of Go's spellings.
pub(super) fn flag_parser() -> impl TypedValueParser<Value = bool> {
    let word = |name: &'static str, others: [&'static str; 5]| PossibleValue::new(name).aliases(others);
    let words =
        [word("true", ["1", "t", "T", "TRUE", "True"]), word("false", ["0", "f", "F", "FALSE", "False"])];
    PossibleValuesParser::new(words).map(|text| text.starts_with(['1', 't', 'T']))
}

/// Makes a parser of paths that may be empty, as scripts leave them.
pub(super) fn path_parser() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

pub(super) fn parse_namespaces(text: &str) -> Result<Namespaces, String> {
    Namespaces::parse(text).map_err(|error| format!("{error:#}"))
}

pub(super) fn parse_percentile(text: &str) -> Result<Percentile, String> {
    Percentile::parse(text).map_err(|error| format!("{error:#}"))
}

pub(super) fn parse_sort(text: &str) -> Result<SortBy, String> {
    match text {
        "avg" => Ok(SortBy::Avg),
        "min" => Ok(SortBy::Min),
        "max" => Ok(SortBy::Max),
        "name" => Ok(SortBy::Name),
        _ => match Percentile::parse(text) {
            Ok(percentile) if text.starts_with('p') => Ok(SortBy::Percentile(percentile.name)),
            _ => Err("give avg, min, max, name, or a percentile such as p95".to_owned()),
        },
    }
}

pub(super) fn parse_limit(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "give a whole number such as 20".to_owned())
}

/// End of a window, as it is given.
#[derive(Clone, Copy)]
pub(super) enum End {
    /// At this time.
    At(Timestamp),
    /// So long before now, which is the newest sample of a file.
    Ago(Duration),
}

impl End {
    /// Returns the time of an end, which is now if none is given.
    pub(super) fn time(given: Option<End>, now: Timestamp) -> Timestamp {
        match given {
            None => now,
            Some(End::At(at)) => at,
            Some(End::Ago(duration)) => now - duration,
        }
    }
}

pub(super) fn parse_end(text: &str) -> Result<End, String> {
    let at = Timestamp::parse(text, now()).map_err(|error| format!("{error:#}"))?;
    let ago = text.strip_prefix('-').and_then(|ago| time::parse_duration(ago).ok());
    Ok(ago.map_or(End::At(at), End::Ago))
}

pub(super) fn parse_cpus(text: &str) -> Result<CpuList, String> {
    CpuList::parse(text).map_err(|error| format!("{error:#}"))
}

/// Parses a number of cores: `10m` or `0.5`.
pub(super) fn parse_cores(text: &str) -> Result<f64, String> {
    let (digits, unit) = text.strip_suffix('m').map_or((text, 1.0), |digits| (digits, 1000.0));
    let cores = not_below_zero(digits).map(|number| number / unit);
    cores.ok_or_else(|| "give cores such as 10m or 0.5".to_owned())
}

/// Parses a percentage such as `10%` to a share.
pub(super) fn parse_percentage(text: &str) -> Result<f64, String> {
    let percent = text.strip_suffix('%').and_then(|digits| not_below_zero(digits.trim_end()));
    percent.map(|percent| percent / 100.0).ok_or_else(|| "give a percentage such as 10%".to_owned())
}

fn not_below_zero(digits: &str) -> Option<f64> {
    let number = digits.parse().ok().filter(|number: &f64| number.is_finite());
    number.filter(|_| digits.starts_with(|c: char| c.is_ascii_digit()))
}

/// Parses a label and its value.
pub(super) fn parse_pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("give a label and its value, such as node-role.kubernetes.io/worker=".to_owned()),
    }
}

/// Returns the end of the current second. A whole second reads well, and its end includes the newest samples. Right
/// after an installation there are no others.
pub(super) fn now() -> Timestamp {
    Timestamp::now().end_of_second()
}
