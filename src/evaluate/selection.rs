//! Selection: the series that some selectors select, one selector for each metric.
use crate::openmetrics::Labels;
use anyhow::{Result, anyhow, bail};
use promql_parser::label::Matcher;
use promql_parser::parser::{self, Expr};
use std::collections::BTreeMap;

/// Selectors, by their metric.
#[derive(Debug, Default)]
pub struct Selection(BTreeMap<String, Vec<Matcher>>);

impl Selection {
    /// Parses selectors. Errors if one is none, or has no metric.
    pub fn parse<'a>(selectors: impl IntoIterator<Item = &'a str>) -> Result<Selection> {
        let mut of_metrics = BTreeMap::new();
        for text in selectors {
            let parsed = parser::parse(text).map_err(|error| anyhow!("{text} is no selector ({error})"))?;
            let Expr::VectorSelector(selector) = parsed else { bail!("{text} is no selector") };
            let Some(metric) = selector.name else { bail!("{text} names no metric") };
            of_metrics.insert(metric, selector.matchers.matchers);
        }
        Ok(Selection(of_metrics))
    }

    /// Returns true if it may have series of a metric.
    pub fn has_metric(&self, metric: &str) -> bool {
        self.0.contains_key(metric)
    }

    /// Returns true if it has a series.
    pub fn has(&self, metric: &str, labels: &Labels) -> bool {
        self.0.get(metric).is_some_and(|matchers| super::store::has_all(labels, matchers))
    }
}
