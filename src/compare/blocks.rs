//! Blocks: equal parts of a window, by whose means noise is judged. Single samples follow from those before them, and longer
//! blocks do less.
use std::time::Duration;

/// Number of blocks that a window is cut into.
pub const BLOCKS: usize = 48;
/// Number of blocks below which no row can be told apart: of three and three a tenth of all ways are as far.
const FEWEST: usize = 4;
/// Length of the rates that the platform records: shorter blocks would share samples.
const PLATFORM_RATE: Duration = Duration::from_secs(300);

/// Places in the window of the blocks that were left, for a picture.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// Number of blocks of the window.
    count: usize,
    /// Those that any row has.
    there: Vec<usize>,
    /// Number of blocks that each mean is of.
    joined: usize,
}

impl Places {
    /// Returns a mean for each block of the window, NaN where no row had any. Blocks at the end that were too few to be joined
    /// have the last mean.
    pub(super) fn spread(&self, means: &[f64]) -> Vec<f64> {
        let mut all = vec![f64::NAN; self.count];
        for (index, place) in self.there.iter().enumerate() {
            let mean = means.get(index / self.joined.max(1)).or(means.last());
            if let (Some(slot), Some(mean)) = (all.get_mut(*place), mean) {
                *slot = *mean;
            }
        }
        all
    }
}

/// Makes the means of rows comparable: a row that is absent from a block used nothing in it, and blocks without any row are
/// left out. Joins blocks that are shorter than the platform's rates if `is_platform`. Returns the number of blocks, 0 if
/// there are too few: then no row has any; and their places.
pub(super) fn align(mut rows: Vec<&mut Vec<f64>>, window: Duration, is_platform: bool) -> (usize, Places) {
    let count = rows.iter().map(|row| row.len()).max().unwrap_or(0);
    let is_there = |block: usize| rows.iter().any(|row| row.get(block).is_some_and(|mean| mean.is_finite()));
    let there: Vec<usize> = (0..count).filter(|block| is_there(*block)).collect();
    let length = window.div_duration_f64(PLATFORM_RATE) / count.max(1) as f64;
    let joined = if is_platform && length < 1.0 { (1.0 / length.max(1e-3)).ceil() as usize } else { 1 };
    let blocks = there.len() / joined;
    for row in &mut rows {
        let of = |block: &usize| row.get(*block).copied().filter(|mean| mean.is_finite()).unwrap_or(0.0);
        let all: Vec<f64> = there.iter().map(of).collect();
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
        **row = if blocks < FEWEST { Vec::new() } else { all.chunks_exact(joined).map(mean).collect() };
    }
    (if blocks < FEWEST { 0 } else { blocks }, Places { count, there, joined })
}

#[cfg(test)]
mod tests {
    use super::align;
    use std::time::Duration;

    const HOUR: Duration = Duration::from_secs(3600);

    /// Aligns rows in place, and returns the number of blocks.
    fn aligned(rows: &mut [Vec<f64>], window: Duration, is_platform: bool) -> usize {
        align(rows.iter_mut().collect(), window, is_platform).0
    }

    #[test]
    fn means_go_back_to_their_places() {
        let no = f64::NAN;
        let mut row = vec![1.0, 2.0, no, no, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0];
        let (count, places) = align(vec![&mut row], HOUR, false);
        assert_eq!(count, 10);
        let spread = places.spread(&row);
        assert!(spread[2].is_nan() && spread[3].is_nan());
        assert_eq!((spread.len(), spread[1], spread[4], spread[11]), (12, 2.0, 5.0, 12.0));
        // Two and a half minutes each: pairs of them.
        let mut row = vec![1.0, 3.0, no, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0, 99.0];
        let (count, places) = align(vec![&mut row], HOUR * 10 / 24, true);
        assert_eq!((count, &row[..]), (4, &[2.0, 6.0, 10.0, 14.0][..]));
        let spread = places.spread(&row);
        assert!(spread[2].is_nan());
        assert_eq!(spread[3..], [6.0, 6.0, 10.0, 10.0, 14.0, 14.0, 14.0]);
    }

    #[test]
    fn absence_is_nothing_and_a_hole_is_skipped() {
        let no = f64::NAN;
        let mut rows = [vec![1.0, no, no, 4.0, 5.0, 6.0], vec![1.0, 2.0, no, 4.0, 5.0, 6.0], vec![]];
        assert_eq!(aligned(&mut rows, HOUR, false), 5);
        assert_eq!(rows[0], [1.0, 0.0, 4.0, 5.0, 6.0]);
        assert_eq!(rows[2], [0.0; 5]);
    }

    #[test]
    fn few_blocks_are_none() {
        let mut few = [vec![1.0, 2.0, 3.0]];
        assert_eq!((aligned(&mut few, HOUR, false), few[0].len()), (0, 0));
        assert_eq!(aligned(&mut [vec![], vec![]], HOUR, false), 0);
    }

    #[test]
    fn blocks_are_no_shorter_than_the_platforms_rates() {
        for (window, blocks) in [(24 * HOUR, 48), (HOUR, 12), (HOUR / 4, 0)] {
            assert_eq!(aligned(&mut [vec![1.0; 48]], window, true), blocks, "{window:?}");
        }
    }
}
