//! PromQL as text: selectors, matchers, ranges, sums. Strings only, no I/O.
//!
//! Samples are the series' own, never carried on past their end: a plain selector would repeat a series' last sample
//! for five minutes. So recorded series are looked back for by one step, which holds the one sample of that step.
//!
//! Ranges are texts that [`Ranges`] writes.
use crate::prometheus::promql::{duration, literal};
use std::collections::BTreeMap;
use std::time::Duration;

/// Ranges of a server, which hold the samples in `(t - length, t]`. The only place that knows how servers differ: those
/// before Prometheus 3 include a range's start, so that theirs have to be a millisecond shorter.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ranges {
    /// True if ranges do not include their start.
    pub left_open: bool,
}

impl Ranges {
    /// Writes a range of so long, or a lookback.
    pub(crate) fn text(self, length: Duration) -> String {
        let start = if self.left_open { Duration::ZERO } else { Duration::from_millis(1) };
        duration(length.saturating_sub(start))
    }
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

/// Selects the series with the most samples in a range.
pub(crate) fn fullest(selector: &str, range: &str) -> String {
    format!("topk(1, {})", statistic("count", selector, range))
}

/// Selects one series by its name and all of its labels.
pub(crate) fn exactly(name: &str, labels: &BTreeMap<String, String>) -> String {
    select(name, &labels.iter().map(|(label, value)| equal(label, value)).collect::<Vec<_>>())
}

/// Lookup of a selector's samples at a step: that step's alone, none if the series has none there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// Selector itself, for a server that heeds the lookback that goes with the query. It is the cheapest.
    Plain,
    /// Range of one step.
    Range,
    /// That range without samples that are no finite numbers, which would spoil the sums that they are a part of. It is
    /// expensive, so only queries whose responses hold such samples use it.
    Finite,
}

/// Lookup of one shard of the series.
#[derive(Debug)]
pub(crate) struct At {
    pub how: How,
    /// Range of one step.
    pub range: String,
    /// Matcher of the shard's series; `None` if it has all.
    pub matcher: Option<String>,
}

impl At {
    /// Returns the lookup of all series by their selector alone.
    pub(crate) fn plain() -> At {
        At { how: How::Plain, range: String::new(), matcher: None }
    }

    /// Writes the samples of a selector.
    pub(crate) fn select(&self, selector: &str) -> String {
        let selector = and(selector, self.matcher.as_deref());
        match self.how {
            How::Plain => selector,
            How::Range => statistic("last", &selector, &self.range),
            How::Finite => format!("({} > -Inf < Inf)", statistic("last", &selector, &self.range)),
        }
    }
}

/// Adds a matcher, if there is one, to a selector.
pub(crate) fn and(selector: &str, matcher: Option<&str>) -> String {
    match (matcher, selector.strip_suffix('}')) {
        (None, _) => selector.to_owned(),
        (Some(matcher), Some(head)) => format!("{head},{matcher}}}"),
        (Some(matcher), None) => format!("{selector}{{{matcher}}}"),
    }
}

/// Writes all samples of a selector in a range.
pub(crate) fn samples(selector: &str, range: &str) -> String {
    format!("{selector}[{range}]")
}

/// Sums by labels; over everything if there are none.
pub(crate) fn sum_by(labels: &str, of: &str) -> String {
    if labels.is_empty() { format!("sum({of})") } else { format!("sum by ({labels}) ({of})") }
}

/// Writes a statistic of each series over a range: `sum`, `min`, `max`, `count`, `avg` or `last`.
pub(crate) fn statistic(name: &str, selector: &str, range: &str) -> String {
    format!("{name}_over_time({selector}[{range}])")
}

/// Writes a quantile (0 to 1) of each series over a range.
pub(crate) fn quantile(share: f64, selector: &str, range: &str) -> String {
    format!("quantile_over_time({share}, {selector}[{range}])")
}

#[cfg(test)]
mod tests {
    use super::{Ranges, and};
    use std::time::Duration;

    #[test]
    fn a_matcher_joins_those_that_are_there() {
        assert_eq!(and("m", Some(r#"a="b""#)), r#"m{a="b"}"#);
        assert_eq!(and(r#"m{c="d"}"#, Some(r#"a="b""#)), r#"m{c="d",a="b"}"#);
        assert_eq!(and("m", None), "m");
    }

    #[test]
    fn a_range_holds_no_sample_at_its_start() {
        let step = Duration::from_secs(15);
        assert_eq!([false, true].map(|left_open| Ranges { left_open }.text(step)), ["14999ms", "15000ms"]);
    }
}
