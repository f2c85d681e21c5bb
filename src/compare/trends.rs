//! Trends of both sides for a picture: the same rows in the same order, the smaller ones together.
use super::blocks::Places;
use super::join::{Key, Pair, Usage};
use super::report::Trends;

/// Number of rows that have a layer of their own.
const ALONE: usize = 11;

/// Makes the trends of joined rows.
pub(super) fn of_pairs(pairs: &[Pair], places: [&Places; 2]) -> Trends {
    let avg = |usage: &Option<Usage>| usage.as_ref().map_or(0.0, |usage| usage.avg);
    let bigger = |pair: &Pair| avg(&pair.a).max(avg(&pair.b));
    let mut sorted: Vec<&Pair> = pairs.iter().filter(|pair| bigger(pair) > 0.0).collect();
    sorted.sort_by(|x, y| bigger(y).total_cmp(&bigger(x)));
    let (alone, rest) = sorted.split_at(sorted.len().min(ALONE));
    let side = |of: fn(&Pair) -> &Option<Usage>, places: &Places| {
        let trend = |usage: &Option<Usage>| trend(usage, places);
        let mut layers: Vec<(String, Vec<f64>)> =
            alone.iter().map(|pair| (name(&pair.key), trend(of(pair)))).collect();
        if !rest.is_empty() {
            let all = rest.iter().map(|pair| trend(of(pair)));
            layers.push((
                format!("{} smaller rows", rest.len()),
                all.reduce(|a, b| sum(&a, &b)).unwrap_or_default(),
            ));
        }
        layers
    };
    let [a, b] = places;
    Trends { a: side(|pair| &pair.a, a), b: side(|pair| &pair.b, b) }
}

/// Returns the means of a row's blocks where they are in the window; its average if there are none.
fn trend(usage: &Option<Usage>, places: &Places) -> Vec<f64> {
    match usage {
        None => Vec::new(),
        Some(usage) if usage.blocks.is_empty() => vec![usage.avg],
        Some(usage) => places.spread(&usage.blocks),
    }
}

/// Adds up two trends; a block that one has not is the other's.
fn sum(a: &[f64], b: &[f64]) -> Vec<f64> {
    let at = |of: &[f64], block: usize| of.get(block).copied().filter(|cores| cores.is_finite());
    let add = |block| match (at(a, block), at(b, block)) {
        (None, None) => f64::NAN,
        (x, y) => x.unwrap_or(0.0) + y.unwrap_or(0.0),
    };
    (0..a.len().max(b.len())).map(add).collect()
}

fn name(key: &Key) -> String {
    let parts = [key.namespace.as_deref(), Some(key.name.as_str()), key.workload_type.as_deref()];
    let parts: Vec<&str> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { key.class.as_str().to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::{Key, Pair, Usage, of_pairs};
    use crate::compare::blocks::align;
    use crate::report::Class;
    use std::time::Duration;

    #[test]
    fn both_sides_have_the_same_rows_and_small_ones_are_together() {
        let usage = |avg: f64| Some(Usage { avg, blocks: vec![avg, f64::NAN, 2.0 * avg] });
        let pair = |row: u32| Pair {
            key: Key { class: Class::Host, namespace: None, name: format!("r{row}"), workload_type: None },
            a: if row == 0 { None } else { usage(f64::from(row)) },
            b: usage(f64::from(row) + 1.0),
        };
        let (_, places) = align(vec![&mut vec![1.0; 3]], Duration::from_secs(3600), false);
        let trends = of_pairs(&(0..14).map(pair).collect::<Vec<_>>(), [&places, &places]);
        let names =
            |side: &[(String, Vec<f64>)]| side.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&trends.a), names(&trends.b));
        assert_eq!((trends.a[0].0.as_str(), trends.a[11].0.as_str()), ("r13", "3 smaller rows"));
        // The rows 0, 1 and 2, of which A has not the first.
        let [first, second, third] = trends.a[11].1[..] else { panic!("{trends:?}") };
        assert!(first == 3.0 && second.is_nan() && third == 6.0);
        assert_eq!(trends.b[11].1[0], 6.0);
    }
}
