//! Trends as lines of blocks, and bars.

/// Blocks from an eighth of the highest value to all of it.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Draws a block for each part, by its share of the highest; a space if the thing was absent.
pub(super) fn sparks(trend: &[f64]) -> String {
    let highest = trend.iter().copied().filter(|cores| cores.is_finite()).fold(0.0, f64::max);
    let block = |cores: &f64| match (cores / highest * BLOCKS.len() as f64).ceil() {
        _ if !cores.is_finite() => ' ',
        eighths if eighths >= 1.0 => BLOCKS.get(eighths as usize - 1).copied().unwrap_or('█'),
        _ => '▁',
    };
    trend.iter().map(block).collect()
}

/// Draws a bar of so many columns at most, to an eighth of a column.
pub(super) fn bar(share: f64, columns: usize) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share.clamp(0.0, 1.0) * columns as f64 * 8.0).round() as usize;
    "█".repeat(eighths / 8) + PARTS.get(eighths % 8).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{bar, sparks};

    #[test]
    fn the_highest_is_a_whole_block_and_absence_is_none() {
        assert_eq!(sparks(&[0.0, 0.5, f64::NAN, 2.0, 1.0, -0.1]), "▁▂ █▄▁");
        assert_eq!(sparks(&[0.0, 0.0]), "▁▁");
        assert_eq!(sparks(&[]), "");
    }

    #[test]
    fn a_bar_is_as_long_as_its_share() {
        assert_eq!(bar(0.5, 4), "██");
        assert_eq!(bar(0.53125, 4), "██▏");
        assert_eq!(bar(f64::NAN, 4), "");
        assert_eq!(bar(7.0, 2), "██");
    }
}
