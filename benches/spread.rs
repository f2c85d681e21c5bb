//! Figures that were measured several times; the benches' own.

use std::fmt;

use anyhow::{Context, Result};

/// Smallest, middle and biggest of some figures.
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Spread {
    pub(crate) fn from_figures(mut figures: Vec<f64>) -> Result<Spread> {
        figures.sort_by(f64::total_cmp);
        let (min, max) = (figures.first().context("nothing was measured")?, figures.last());
        let median = figures.get(figures.len() / 2).copied().unwrap_or(*min);
        Ok(Spread { min: *min, median, max: max.copied().unwrap_or(*min) })
    }

    pub(crate) fn scaled(&self, by: f64) -> Spread {
        Spread { min: self.min * by, median: self.median * by, max: self.max * by }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:.3} [{:.3} {:.3}]", self.median, self.min, self.max)
    }
}
