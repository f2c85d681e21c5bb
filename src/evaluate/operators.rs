//! Operators between two vectors, or a vector and a number.
use super::Row;
use super::aggregate::group_labels;
use crate::openmetrics::Labels;
use anyhow::{Result, bail};
use promql_parser::parser::token::{
    T_ADD, T_DIV, T_EQLC, T_GTE, T_GTR, T_LAND, T_LOR, T_LSS, T_LTE, T_LUNLESS, T_MUL, T_NEQ, T_SUB,
    TokenType,
};
use promql_parser::parser::{BinModifier, LabelModifier, VectorMatchCardinality};
use std::collections::BTreeMap;

/// Computes a value of two; `None` if a comparison does not hold.
pub(super) fn value_of(operator: TokenType, a: f64, b: f64) -> Result<Option<f64>> {
    let when = |holds: bool| holds.then_some(a);
    Ok(match operator.id() {
        T_ADD => Some(a + b),
        T_SUB => Some(a - b),
        T_MUL => Some(a * b),
        T_DIV => Some(a / b),
        T_EQLC => when(a == b),
        T_NEQ => when(a != b),
        T_GTR => when(a > b),
        T_LSS => when(a < b),
        T_GTE => when(a >= b),
        T_LTE => when(a <= b),
        _ => bail!("a file does not answer the operator {operator}"),
    })
}

/// Computes each of a vector with a number after it, in place. Only a comparison leaves the metric's name.
pub(super) fn with_number(operator: TokenType, row: &mut Row<'_>, number: f64) -> Result<()> {
    for value in &mut row.values {
        *value = value.map(|value| value_of(operator, value, number)).transpose()?.flatten();
    }
    if !operator.is_comparison_operator() {
        row.metric = None;
    }
    Ok(())
}

/// Computes two vectors, series by series whose labels match.
pub(super) fn between<'a>(
    operator: TokenType,
    modifier: Option<&BinModifier>,
    left: Vec<Row<'a>>,
    right: Vec<Row<'a>>,
) -> Result<Vec<Row<'a>>> {
    let matching = modifier.and_then(|modifier| modifier.matching.as_ref());
    match operator.id() {
        T_LOR => Ok(or(matching, left, right)),
        T_LAND => Ok(kept(matching, left, &right, true)),
        T_LUNLESS => Ok(kept(matching, left, &right, false)),
        _ => one_to_one(operator, modifier, left, right),
    }
}

/// Returns the labels by which a series is matched: all, if nothing else is said.
fn key(row: &Row<'_>, matching: Option<&LabelModifier>) -> Labels {
    match matching {
        None => row.labels.clone().into_owned(),
        some => group_labels(&row.labels, some),
    }
}

/// Finds at which times any series of each key has a value.
fn times_of(rows: &[Row<'_>], matching: Option<&LabelModifier>) -> BTreeMap<Labels, Vec<bool>> {
    let mut times: BTreeMap<Labels, Vec<bool>> = BTreeMap::new();
    for row in rows {
        let of = times.entry(key(row, matching)).or_insert_with(|| vec![false; row.values.len()]);
        of.iter_mut().zip(&row.values).for_each(|(any, value)| *any |= value.is_some());
    }
    times
}

/// Leaves the values of a vector at which the other has a match (`with`), or has none.
fn kept<'a>(
    matching: Option<&LabelModifier>,
    mut rows: Vec<Row<'a>>,
    others: &[Row<'_>],
    with: bool,
) -> Vec<Row<'a>> {
    let times = times_of(others, matching);
    for row in &mut rows {
        let of = times.get(&key(row, matching));
        for (index, value) in row.values.iter_mut().enumerate() {
            let is_matched = of.and_then(|times| times.get(index)).copied().unwrap_or(false);
            if is_matched != with {
                *value = None;
            }
        }
    }
    rows
}

fn or<'a>(matching: Option<&LabelModifier>, left: Vec<Row<'a>>, right: Vec<Row<'a>>) -> Vec<Row<'a>> {
    let added = kept(matching, right, &left, false);
    left.into_iter().chain(added).collect()
}

fn one_to_one<'a>(
    operator: TokenType,
    modifier: Option<&BinModifier>,
    left: Vec<Row<'a>>,
    right: Vec<Row<'a>>,
) -> Result<Vec<Row<'a>>> {
    let is_plain = modifier
        .is_none_or(|modifier| modifier.card == VectorMatchCardinality::OneToOne && !modifier.return_bool);
    if !is_plain {
        bail!("a file does not answer group_left, group_right and bool");
    }
    let matching = modifier.and_then(|modifier| modifier.matching.as_ref());
    let mut others: BTreeMap<Labels, Row<'_>> = BTreeMap::new();
    for row in right {
        if others.insert(key(&row, matching), row).is_some() {
            bail!("{operator} finds several series of the same labels on its right");
        }
    }
    let mut all = Vec::new();
    for mut row in left {
        let of = key(&row, matching);
        let Some(other) = others.get(&of) else { continue };
        for (value, other) in row.values.iter_mut().zip(&other.values) {
            *value = value.zip(*other).map(|(a, b)| value_of(operator, a, b)).transpose()?.flatten();
        }
        if !operator.is_comparison_operator() {
            row.metric = None;
            if matching.is_some() {
                row.labels = std::borrow::Cow::Owned(of);
            }
        }
        all.push(row);
    }
    Ok(all)
}
