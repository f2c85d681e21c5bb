//! Places in a picture: of times, of cores, and of texts.
use crate::print::stack::Layer;
use svg::node::element::Text;

/// Size of the whole and of the plot in it: at the width of a phone, letters are still legible.
pub(super) const WIDTH: f64 = 520.0;
pub(super) const LEFT: f64 = 52.0;
pub(super) const RIGHT: f64 = WIDTH - 14.0;
pub(super) const TOP: f64 = 78.0;
pub(super) const BOTTOM: f64 = TOP + 248.0;
/// Number of colours; then they begin again.
const COLOURS: usize = 8;
/// Scales of a plot.
pub(super) struct Plot {
    pub start: f64,
    pub end: f64,
    pub highest: f64,
    pub parts: usize,
}

impl Plot {
    /// Returns the place of a time, Unix seconds.
    pub(super) fn x(&self, at: f64) -> f64 {
        let share = (at - self.start) / (self.end - self.start).max(f64::MIN_POSITIVE);
        LEFT + share * (RIGHT - LEFT)
    }

    /// Returns the place of an amount, cores.
    pub(super) fn y(&self, cores: f64) -> f64 {
        BOTTOM - cores / self.highest * (BOTTOM - TOP)
    }

    /// Returns the two edges of a part.
    pub(super) fn edges(&self, part: usize) -> (f64, f64) {
        let at = |part: usize| LEFT + part as f64 / self.parts as f64 * (RIGHT - LEFT);
        (at(part), at(part + 1))
    }
}

pub(super) fn text(x: f64, y: f64, content: &str) -> Text {
    Text::new(content).set("x", place(x)).set("y", place(y))
}

/// Rounds a place: a tenth of a unit is not seen.
pub(super) fn place(at: f64) -> f64 {
    (at * 10.0).round() / 10.0
}

pub(super) fn number(index: usize) -> String {
    (index + 1).to_string()
}

pub(super) fn colour(index: usize, layer: &Layer) -> String {
    if layer.is_rest { "rest".to_owned() } else { format!("c{}", index % COLOURS) }
}
