//! Evaluator: walks a query, and calls back with one series after the other, so that few are held at once.
use super::aggregate::{Aggregation, leave_biggest};
use super::functions::Function;
use super::operators::{between, with_number};
use super::store::{Store, newest, windows};
use super::{Evaluated, Row};
use crate::openmetrics::{Labels, Series};
use crate::time::Timestamp;
use anyhow::{Context, Result, anyhow, bail, ensure};
use promql_parser::parser::token::T_TOPK;
use promql_parser::parser::{self, AggregateExpr, BinaryExpr, Call, Expr, MatrixSelector, VectorSelector};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

/// Distance of a selector to the newest sample that it takes, if a query says nothing else.
const LOOKBACK: Duration = Duration::from_secs(300);

/// Samples in memory, and queries of them.
#[derive(Debug)]
pub struct Evaluator {
    store: Store,
}

/// Times at which something is evaluated, and how far a selector looks back.
#[derive(Debug, Clone, Copy)]
struct At<'t> {
    times: &'t [Timestamp],
    lookback: Duration,
}

type Sink<'s> = &'s mut dyn FnMut(Row<'_>);

impl Evaluator {
    /// Makes one of samples.
    pub fn new(store: Store) -> Evaluator {
        Evaluator { store }
    }

    /// Adds series, whose samples are in order.
    pub fn add(&mut self, all: Vec<Series>) {
        self.store.add(all);
    }

    /// Returns the samples.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Evaluates a query at times, in order. `lookback`: distance of a selector to the newest sample that it takes; five
    /// minutes if `None`. Errors if the query is none that this program writes.
    pub fn range(
        &self,
        query: &str,
        times: &[Timestamp],
        lookback: Option<Duration>,
    ) -> Result<Vec<Evaluated>> {
        let at = At { times, lookback: lookback.unwrap_or(LOOKBACK) };
        let mut all = Vec::new();
        self.each(&parse(query)?, at, &mut |row| {
            let samples =
                times.iter().zip(&row.values).filter_map(|(at, value)| Some((*at, (*value)?))).collect();
            all.push(evaluated(row.metric, &row.labels, samples));
        })
        .with_context(|| format!("cannot evaluate {}", shortened(query)))?;
        all.retain(|series| !series.samples.is_empty());
        Ok(all)
    }

    /// Evaluates a query at a time. Returns the samples themselves if it is a range. Errors as those of `range`.
    pub fn instant(&self, query: &str, at: Timestamp) -> Result<Vec<Evaluated>> {
        if let Expr::MatrixSelector(of) = parse(query)? {
            check(&of.vs)?;
            return Ok(self.store.select(&of.vs).filter_map(|series| raw(series, at, of.range)).collect());
        }
        self.range(query, &[at], None)
    }

    /// Returns the values of a label of the series of a selector that have samples between two times.
    pub fn label_values(
        &self,
        label: &str,
        selector: &str,
        (start, end): (Timestamp, Timestamp),
    ) -> Result<Vec<String>> {
        let Expr::VectorSelector(of) = parse(selector)? else { bail!("{selector} is no selector") };
        let within = |series: &&Series| series.samples.iter().any(|(at, _)| start <= *at && *at <= end);
        let values = self.store.select(&of).filter(within).map(|series| series.label(label).to_owned());
        let values: BTreeSet<String> = values.filter(|value| !value.is_empty()).collect();
        Ok(values.into_iter().collect())
    }

    fn each(&self, expr: &Expr, at: At<'_>, sink: Sink<'_>) -> Result<()> {
        match expr {
            Expr::Paren(inner) => self.each(&inner.expr, at, sink),
            Expr::VectorSelector(selector) => self.select(selector, at, |(_, value)| value, sink),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate, at, sink),
            Expr::Call(call) => self.call(call, at, sink),
            Expr::Binary(binary) => self.binary(binary, at, sink),
            other => bail!("a file does not answer {other}"),
        }
    }

    fn select(
        &self,
        selector: &VectorSelector,
        at: At<'_>,
        value: impl Fn((Timestamp, f64)) -> f64,
        sink: Sink<'_>,
    ) -> Result<()> {
        check(selector)?;
        for series in self.store.select(selector) {
            let values = newest(&series.samples, at.times, at.lookback);
            let values = values.into_iter().map(|sample| sample.map(&value)).collect();
            emit(Row { metric: Some(&series.metric), labels: Cow::Borrowed(&series.labels), values }, sink);
        }
        Ok(())
    }

    fn aggregate(&self, aggregate: &AggregateExpr, at: At<'_>, sink: Sink<'_>) -> Result<()> {
        if aggregate.op.id() == T_TOPK {
            let k = aggregate.param.as_deref().and_then(number).context("topk needs a number")?;
            let mut rows = self.all(&aggregate.expr, at)?;
            leave_biggest(&mut rows, k as usize, at.times.len());
            rows.into_iter().for_each(&mut *sink);
            return Ok(());
        }
        let mut aggregation = Aggregation::new(aggregate.op, aggregate.modifier.as_ref(), at.times.len())?;
        self.each(&aggregate.expr, at, &mut |row| aggregation.add(&row))?;
        aggregation.each(sink);
        Ok(())
    }

    fn call(&self, call: &Call, at: At<'_>, sink: Sink<'_>) -> Result<()> {
        let arguments: Vec<&Expr> = call.args.args.iter().map(|argument| &**argument).collect();
        match (call.func.name, arguments.as_slice()) {
            ("timestamp", [Expr::VectorSelector(selector)]) => {
                self.select(selector, at, |(time, _)| time.as_seconds(), &mut |row| {
                    sink(Row { metric: None, ..row });
                })
            }
            (name, [Expr::MatrixSelector(of)]) => self.over(Function::named(name, None)?, of, at, sink),
            (name, [share, Expr::MatrixSelector(of)]) => {
                self.over(Function::named(name, number(share))?, of, at, sink)
            }
            (name, [Expr::Subquery(of)]) => {
                ensure!(of.offset.is_none() && of.at.is_none(), "a file does not answer offset and @");
                let step = of.step.context("a file does not answer a subquery without its step")?;
                let function = Function::named(name, None)?;
                self.over_subquery(function, &of.expr, (of.range, step), at, sink)
            }
            (name, _) => bail!("a file does not answer {name}() of these arguments"),
        }
    }

    fn over(&self, function: Function, of: &MatrixSelector, at: At<'_>, sink: Sink<'_>) -> Result<()> {
        check(&of.vs)?;
        for series in self.store.select(&of.vs) {
            let values = values_over(function, &series.samples, at.times, of.range);
            let metric = (function == Function::Last).then_some(series.metric.as_str());
            emit(Row { metric, labels: Cow::Borrowed(&series.labels), values }, sink);
        }
        Ok(())
    }

    /// Evaluates a subquery at the multiples of its step, and a function over what comes of it.
    fn over_subquery(
        &self,
        function: Function,
        expr: &Expr,
        (range, step): (Duration, Duration),
        at: At<'_>,
        sink: Sink<'_>,
    ) -> Result<()> {
        let (Some(first), Some(last)) = (at.times.first(), at.times.last()) else { return Ok(()) };
        let start = (*first - range).floor(Timestamp::from_millis(0), step) + step;
        let next = |time: &Timestamp| Some(*time + step).filter(|time| time <= last);
        let times: Vec<Timestamp> = std::iter::successors(Some(start), next).collect();
        self.each(expr, At { times: &times, lookback: at.lookback }, &mut |row| {
            let samples = times.iter().zip(&row.values).filter_map(|(at, value)| Some((*at, (*value)?)));
            let samples: Vec<(Timestamp, f64)> = samples.collect();
            let values = values_over(function, &samples, at.times, range);
            emit(Row { metric: None, labels: row.labels, values }, sink);
        })
    }

    fn binary(&self, binary: &BinaryExpr, at: At<'_>, sink: Sink<'_>) -> Result<()> {
        if let Some(number) = number(&binary.rhs) {
            let mut failed = None;
            self.each(&binary.lhs, at, &mut |mut row| match with_number(binary.op, &mut row, number) {
                Ok(()) => emit(row, sink),
                Err(error) => failed = Some(error),
            })?;
            return failed.map_or(Ok(()), Err);
        }
        let (left, right) = (self.all(&binary.lhs, at)?, self.all(&binary.rhs, at)?);
        let all = between(binary.op, binary.modifier.as_ref(), left, right)?;
        all.into_iter().for_each(|row| emit(row, sink));
        Ok(())
    }

    /// Evaluates an expression, and holds all its series.
    fn all(&self, expr: &Expr, at: At<'_>) -> Result<Vec<Row<'_>>> {
        let mut all = Vec::new();
        self.each(expr, at, &mut |row| {
            let metric = row.metric.and_then(|metric| self.store.name(metric));
            all.push(Row { metric, labels: Cow::Owned(row.labels.into_owned()), values: row.values });
        })?;
        Ok(all)
    }
}

/// Hands a series on, if it has a value.
fn emit(row: Row<'_>, sink: Sink<'_>) {
    if row.values.iter().any(Option::is_some) {
        sink(row);
    }
}

fn values_over(
    function: Function,
    samples: &[(Timestamp, f64)],
    times: &[Timestamp],
    range: Duration,
) -> Vec<Option<f64>> {
    let mut values = vec![None; times.len()];
    windows(samples, times, range, |index, inside| {
        if let (Some(value), Some(at)) = (values.get_mut(index), times.get(index)) {
            *value = function.apply(inside, *at, range);
        }
    });
    values
}

fn parse(query: &str) -> Result<Expr> {
    parser::parse(query).map_err(|error| {
        let why = shortened(&error).to_owned();
        anyhow!("{} is no PromQL ({why}): give fewer names at once", shortened(query))
    })
}

/// Returns the beginning of a text that may hold thousands of names.
fn shortened(text: &str) -> &str {
    text.char_indices().nth(300).map_or(text, |(end, _)| text.get(..end).unwrap_or(text))
}

/// Errors if a selector has what no query of this program has.
fn check(selector: &VectorSelector) -> Result<()> {
    let is_plain =
        selector.offset.is_none() && selector.at.is_none() && selector.matchers.or_matchers.is_empty();
    ensure!(is_plain, "a file does not answer offset, @ and or within a selector");
    Ok(())
}

/// Returns the value of a number, with a sign or none.
fn number(expr: &Expr) -> Option<f64> {
    match expr {
        Expr::NumberLiteral(literal) => Some(literal.val),
        Expr::Unary(unary) => number(&unary.expr).map(|value| -value),
        Expr::Paren(inner) => number(&inner.expr),
        _ => None,
    }
}

fn evaluated(metric: Option<&str>, labels: &Labels, samples: Vec<(Timestamp, f64)>) -> Evaluated {
    let mut labels = labels.clone();
    labels.extend(metric.map(|metric| ("__name__".to_owned(), metric.to_owned())));
    Evaluated { labels, samples }
}

/// Returns the samples of a series in a range; `None` if there are none.
fn raw(series: &Series, at: Timestamp, range: Duration) -> Option<Evaluated> {
    let mut samples = Vec::new();
    windows(&series.samples, &[at], range, |_, inside| {
        samples.extend(inside.iter().filter(|(_, value)| !value.is_nan()));
    });
    (!samples.is_empty()).then(|| evaluated(Some(&series.metric), &series.labels, samples))
}

#[cfg(test)]
mod tests;
