//! PromQL as text: selectors, matchers, ranges, sums. Strings only, no I/O.
//!
//! Samples are the series' own, never carried on past their end: a plain selector would repeat a series' last sample
//! for five minutes. So recorded series are looked back for by one step less a millisecond, which holds the one sample of
//! that step whether the server's ranges are closed (Prometheus 2) or left-open (3).
use crate::prometheus::promql::{duration, literal};
use std::collections::BTreeMap;

/// Writes a range that holds the samples in `(t - ms, t]`.
pub(crate) fn range(ms: i64) -> String {
    duration((ms - 1).max(1))
}

/// Selects all series of some metrics that have `matcher`, if there is one.
pub(crate) fn any_metric(names: &[&str], matcher: Option<&str>) -> String {
    and(&select("", &[any_of("__name__", names.iter().copied())]), matcher)
}

/// Writes `name{matchers}`.
pub(crate) fn select(name: &str, matchers: &[String]) -> String {
    if matchers.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", matchers.join(",")) }
}

/// Matches a label with one of some values.
pub(crate) fn any_of<'a>(label: &str, values: impl IntoIterator<Item = &'a str>) -> String {
    format!("{label}=~{}", alternatives(values))
}

fn alternatives<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    let values: Vec<String> = values.into_iter().map(regex::escape).collect();
    literal(&values.join("|"))
}

/// Matches a label with a value.
pub(crate) fn equal(label: &str, value: &str) -> String {
    format!("{label}={}", literal(value))
}

/// Selects the series with the most samples in a window.
pub(crate) fn fullest(selector: &str, window: i64) -> String {
    format!("topk(1, count_over_time({selector}[{}]))", range(window))
}

/// Selects one series by its name and all of its labels.
pub(crate) fn exactly(name: &str, labels: &BTreeMap<String, String>) -> String {
    select(name, &labels.iter().map(|(label, value)| equal(label, value)).collect::<Vec<_>>())
}

/// Lookup of a selector's samples at a step: that step's alone, none if the series has none there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// The selector itself, for a server that heeds the lookback that goes with the query. The cheapest.
    Plain,
    /// A range of one step less a millisecond.
    Range,
    /// That range without samples that are no finite numbers, which would spoil the sums that they are a part of. It is
    /// expensive, so only queries whose responses hold such samples use it.
    Finite,
}

/// Lookup of one shard of the series.
#[derive(Debug)]
pub(crate) struct At {
    pub how: How,
    /// Distance of two steps, milliseconds.
    pub step: i64,
    /// Matcher of the shard's series; `None` if it has all.
    pub matcher: Option<String>,
}

impl At {
    /// Writes the samples of a selector.
    pub(crate) fn of(&self, selector: &str) -> String {
        let selector = and(selector, self.matcher.as_deref());
        match self.how {
            How::Plain => selector,
            How::Range => format!("last_over_time({selector}[{}])", range(self.step)),
            How::Finite => format!("(last_over_time({selector}[{}]) > -Inf < Inf)", range(self.step)),
        }
    }
}

/// Adds a matcher to a selector, if there is one.
pub(crate) fn and(selector: &str, matcher: Option<&str>) -> String {
    match (matcher, selector.strip_suffix('}')) {
        (None, _) => selector.to_owned(),
        (Some(matcher), Some(head)) => format!("{head},{matcher}}}"),
        (Some(matcher), None) => format!("{selector}{{{matcher}}}"),
    }
}

/// Writes all samples of a selector in a window.
pub(crate) fn samples(selector: &str, window: i64) -> String {
    format!("{selector}[{}]", range(window))
}

/// Sums by labels; over everything if there are none.
pub(crate) fn sum_by(labels: &str, of: &str) -> String {
    if labels.is_empty() { format!("sum({of})") } else { format!("sum by ({labels}) ({of})") }
}

/// Writes a statistic of each series over a window: `sum`, `min`, `max` or `count`.
pub(crate) fn statistic(name: &str, selector: &str, window: i64) -> String {
    format!("{name}_over_time({})", samples(selector, window))
}

/// Writes a quantile (0 to 1) of a range, of each series.
pub(crate) fn quantile(share: f64, range: &str) -> String {
    format!("quantile_over_time({share}, {range})")
}

#[cfg(test)]
mod tests {
    use super::and;

    #[test]
    fn a_matcher_joins_those_that_are_there() {
        assert_eq!(and("m", Some(r#"a="b""#)), r#"m{a="b"}"#);
        assert_eq!(and(r#"m{c="d"}"#, Some(r#"a="b""#)), r#"m{c="d",a="b"}"#);
        assert_eq!(and("m", None), "m");
    }
}
