//! Noise: whether the means of two windows' blocks are of one distribution. Mann and Whitney's U test, corrected for blocks
//! that follow from those before them, and for many rows (Holm).

/// Probability below which two rows are told apart, over all rows of a comparison together.
pub(super) const ALPHA: f64 = 0.05;
/// Number of values of each side up to which all ways are counted; beyond, the normal distribution is as good.
const COUNTED: usize = 12;
/// Highest correlation of neighbouring blocks that is believed: beyond it nothing would ever be told apart.
const MOST: f64 = 0.95;

/// Returns the probability that two sets of values in the order of time, of one distribution, differ as much: the U test,
/// two-sided, with mean ranks for equal values; 1 if the set of the higher mean has the lower ranks, as one burst does.
/// `None` if either set is empty.
pub(super) fn u_test(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let ranks = doubled_ranks(a, b);
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let rank = |ranks: &[usize]| ranks.iter().sum::<usize>() as f64 / ranks.len().max(1) as f64;
    let (of_a, of_b) = ranks.split_at_checked(a.len())?;
    if (mean(b) - mean(a)) * (rank(of_b) - rank(of_a)) < 0.0 {
        return Some(1.0);
    }
    let p = normal(&ranks, a.len(), inflation(a, b));
    let is_small = a.len() <= COUNTED && b.len() <= COUNTED;
    Some(if is_small { p.max(counted(&ranks, a.len())) } else { p })
}

/// Returns the factor by which the test's variance is higher, if neighbouring blocks are correlated.
fn inflation(a: &[f64], b: &[f64]) -> f64 {
    let (mut products, mut squares) = (0.0, 0.0);
    for side in [a, b] {
        let mean = side.iter().sum::<f64>() / side.len() as f64;
        let deviations: Vec<f64> = side.iter().map(|value| value - mean).collect();
        products +=
            deviations.iter().zip(deviations.iter().skip(1)).map(|(one, next)| one * next).sum::<f64>();
        squares += deviations.iter().map(|one| one * one).sum::<f64>();
    }
    if squares <= 0.0 {
        return 1.0;
    }
    let found = products / squares;
    // Of few values it comes out too low, by about this.
    let bias = 2.0 * (1.0 + 3.0 * found.max(0.0)) / (a.len() + b.len()) as f64;
    let correlation = (found + bias).clamp(0.0, MOST);
    (1.0 + correlation) / (1.0 - correlation)
}

/// Returns the probability by the normal distribution, for sums of ranks whose variance is inflated.
fn normal(ranks: &[usize], chosen: usize, inflation: f64) -> f64 {
    let (number, chosen_number) = (ranks.len() as f64, chosen as f64);
    let mean = ranks.iter().sum::<usize>() as f64 / number;
    let spread = ranks.iter().map(|rank| (*rank as f64 - mean).powi(2)).sum::<f64>() / (number - 1.0);
    let variance = spread * chosen_number * (number - chosen_number) / number * inflation;
    if variance.is_nan() || variance <= 0.0 {
        return 1.0;
    }
    let observed = ranks.iter().take(chosen).sum::<usize>() as f64;
    // Half of the distance of two sums, which are whole numbers, of ranks that are doubled.
    let distance = ((observed - chosen_number * mean).abs() - 1.0).max(0.0);
    libm::erfc(distance / (2.0 * variance).sqrt())
}

/// Returns the probability by counting all ways to choose so many of the ranks.
fn counted(ranks: &[usize], chosen: usize) -> f64 {
    let all: usize = ranks.iter().sum();
    let observed: usize = ranks.iter().take(chosen).sum();
    // Times the number of values, so that the mean is a whole number too.
    let distance = |sum: usize| (sum * ranks.len()).abs_diff(all * chosen);
    let (mut far, mut total) = (0.0, 0.0);
    for (sum, ways) in sums_of(ranks, chosen).iter().enumerate() {
        total += ways;
        far += if distance(sum) >= distance(observed) { *ways } else { 0.0 };
    }
    far / total
}

/// Returns the smallest probability that the test can return of so many values.
pub(super) fn smallest(a: usize, b: usize) -> f64 {
    let ways: f64 = (1..=a).map(|n| (b + n) as f64 / n as f64).product();
    (2.0 / ways).min(1.0)
}

/// Returns twice the rank of each value among all, those of `a` first. Equal values have the mean of their ranks.
fn doubled_ranks(a: &[f64], b: &[f64]) -> Vec<usize> {
    let of = |value: &f64| {
        let all = || a.iter().chain(b);
        let below = all().filter(|other| *other < value).count();
        let equal = all().filter(|other| *other == value).count();
        2 * below + equal + 1
    };
    a.iter().chain(b).map(of).collect()
}

/// Counts the ways to choose so many of the ranks, by the sum of those that are chosen.
fn sums_of(ranks: &[usize], chosen: usize) -> Vec<f64> {
    let most: usize = ranks.iter().sum();
    let mut ways = vec![vec![0.0; most + 1]; chosen + 1];
    if let Some(none) = ways.first_mut().and_then(|sums| sums.first_mut()) {
        *none = 1.0;
    }
    for rank in ranks {
        for number in (1..=chosen).rev() {
            let (fewer, more) = ways.split_at_mut(number);
            if let (Some(before), Some(with)) = (fewer.last(), more.first_mut()) {
                with.iter_mut().skip(*rank).zip(before).for_each(|(with, before)| *with += before);
            }
        }
    }
    ways.pop().unwrap_or_default()
}

/// Corrects the probabilities of some rows for the number of all rows (Holm): the chance that any of the rows of two equal
/// windows is told apart stays below the limit, however many there are. Each is returned in its place.
pub(super) fn holm(each: &[f64], rows: usize) -> Vec<f64> {
    let mut order: Vec<(usize, f64)> = each.iter().copied().enumerate().collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let (mut corrected, mut highest) = (vec![1.0; each.len()], 0.0_f64);
    for (rank, (place, p)) in order.into_iter().enumerate() {
        highest = highest.max(p * rows.saturating_sub(rank).max(1) as f64).min(1.0);
        if let Some(slot) = corrected.get_mut(place) {
            *slot = highest;
        }
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::{counted, doubled_ranks, holm, inflation, normal, smallest, u_test};

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    fn exact(a: &[f64], b: &[f64]) -> f64 {
        counted(&doubled_ranks(a, b), a.len())
    }

    /// Figures of counting by hand.
    #[test]
    fn small_sets_are_counted() {
        // All of one below all of the other: 2 of C(8, 4) = 70 ways are as far.
        let (low, high) = ([1.0, 4.0, 2.0, 3.0], [8.0, 5.0, 7.0, 6.0]);
        assert!(close(exact(&low, &high), 2.0 / 70.0) && close(exact(&high, &low), 2.0 / 70.0));
        assert!(close(smallest(4, 4), 2.0 / 70.0));
        // Rank sums of {1, 2, 4} are 7 or less in 2 of 20 ways, and as far above in 2.
        assert!(close(exact(&[1.0, 2.0, 4.0], &[3.0, 5.0, 6.0]), 4.0 / 20.0));
        // Equal values have mean ranks: {1, 2.5} of {1, 2.5, 2.5, 4}.
        assert!(close(exact(&[1.0, 2.0], &[2.0, 3.0]), 4.0 / 6.0));
        assert_eq!((u_test(&[1.0; 4], &[1.0; 4]), u_test(&[], &[1.0])), (Some(1.0), None));
        assert!(u_test(&low, &high).unwrap() >= 2.0 / 70.0);
        // One burst makes the mean higher, and nearly all ranks lower.
        assert_eq!(u_test(&[1.0; 5], &[0.0, 0.0, 90.0, 0.0, 0.0]), Some(1.0));
    }

    /// The normal distribution agrees with counting as far as it is used.
    #[test]
    fn big_sets_are_as_if_counted() {
        let a: Vec<f64> = (0..13).map(|n| f64::from(n * 7 % 13)).collect();
        for shift in [0.5, 2.5, 4.5] {
            let b: Vec<f64> = a.iter().map(|value| value + shift).collect();
            let ranks = doubled_ranks(&a, &b);
            let (normal, exact) = (normal(&ranks, 13, 1.0), counted(&ranks, 13));
            assert!((0.9..1.2).contains(&(normal / exact)), "{shift}: {normal} and {exact}");
        }
    }

    #[test]
    fn blocks_that_follow_from_each_other_count_less() {
        let alternating: Vec<f64> = (0..48).map(|n| f64::from(n % 2)).collect();
        let rising: Vec<f64> = (0..48).map(f64::from).collect();
        assert_eq!((inflation(&alternating, &alternating), inflation(&[1.0; 9], &[2.0; 9])), (1.0, 1.0));
        assert!(inflation(&rising, &rising) > 20.0);
        let higher: Vec<f64> = rising.iter().map(|value| value + 12.0).collect();
        assert!(u_test(&rising, &higher).unwrap() > 0.1);
    }

    #[test]
    fn many_rows_are_corrected_for() {
        let corrected = holm(&[0.04, 0.001, 0.02], 10);
        assert!(close(corrected[1], 0.01) && close(corrected[2], 0.18) && close(corrected[0], 0.32));
        assert_eq!(holm(&[0.5, 0.4], 2), [0.8, 0.8]);
        assert_eq!(holm(&[0.9, 0.9, 0.9], 9), [1.0; 3]);
    }
}
