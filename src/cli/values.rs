//! Values of flags, from strings to types; errors are what is wrong with the value.
use crate::query::time;
use crate::report::SortBy;
use crate::top::{Namespaces, Percentile};
use clap::builder::{OsStringValueParser, PossibleValue, PossibleValuesParser, TypedValueParser};
use std::path::PathBuf;

pub(super) fn parse_duration(text: &str) -> Result<i64, String> {
    time::duration_ms(text).map_err(|error| format!("{error:#}"))
}

/// A time limit in milliseconds, if one is given; zero is none.
#[derive(Clone, Copy)]
pub(super) struct Limit(pub(super) Option<i64>);

/// As kubectl has it: `0` is no limit, a bare number is seconds, empty is not given.
pub(super) fn parse_timeout(text: &str) -> Result<Limit, String> {
    // Below zero it is no limit either, as kubectl's.
    if let Some(below) = text.strip_prefix('-') {
        return parse_timeout(below).map(|_| Limit(Some(0)));
    }
    match text.parse::<u32>() {
        Ok(seconds) => Ok(Limit(Some(i64::from(seconds) * 1000))),
        Err(_) if text.is_empty() => Ok(Limit(None)),
        Err(_) if text == "0s" => Ok(Limit(Some(0))),
        Err(_) => {
            // Go's durations have fractions, ours have years.
            let fraction = text.contains('.').then(|| text.parse::<jiff::SignedDuration>().ok()).flatten();
            let milliseconds = fraction.and_then(|limit| i64::try_from(limit.as_millis()).ok());
            milliseconds.map_or_else(|| parse_duration(text), Ok).map(|limit| Limit(Some(limit)))
        }
    }
}

/// True or false, in each of Go's words for them.
pub(super) fn flag_parser() -> impl TypedValueParser<Value = bool> {
    let word = |name: &'static str, others: [&'static str; 5]| PossibleValue::new(name).aliases(others);
    let words =
        [word("true", ["1", "t", "T", "TRUE", "True"]), word("false", ["0", "f", "F", "FALSE", "False"])];
    PossibleValuesParser::new(words).map(|text| text.starts_with(['1', 't', 'T']))
}

/// A path that may be empty, as scripts leave it.
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

pub(super) fn parse_time(text: &str) -> Result<i64, String> {
    time::time_ms(text, now()).map_err(|error| format!("{error:#}"))
}

/// A label and its value.
pub(super) fn parse_pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("give a label and its value, such as node-role.kubernetes.io/worker=".to_owned()),
    }
}

/// Returns the end of the second that it is, Unix milliseconds. A whole second reads well, and its end holds what was sampled
/// just now: right after an installation that is all there is.
pub(super) fn now() -> i64 {
    end_of_second(jiff::Timestamp::now().as_millisecond())
}

fn end_of_second(at: i64) -> i64 {
    at + (-at).rem_euclid(1000)
}

#[cfg(test)]
mod tests {
    use super::end_of_second;

    #[test]
    fn a_window_that_ends_now_holds_what_was_sampled_just_now() {
        assert_eq!([7000, 7001, 7999, 8000].map(end_of_second), [7000, 8000, 8000, 8000]);
    }
}
