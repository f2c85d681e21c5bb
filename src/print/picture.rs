//! Pictures of a report: the trend of its rows, one on the other, as an SVG or a page of HTML. Nothing in them is loaded
//! from elsewhere.
//!
//! ```text
//! html     the page: the picture, and the table's text
//!  |
//! svg      the picture
//! layer    its layers
//!  |
//! plot     places in it
//! scene    what it shows, of a report or of a budget
//! axis     marks of an axis
//! letters  how wide a text may be
//! ```
mod axis;
mod html;
mod layer;
mod letters;
mod plot;
mod scene;
mod svg;

pub(super) use html::write as write_html;

pub(super) use scene::Scene;

use std::io::{self, Write};

/// Writes the picture alone.
pub(super) fn write_svg(scenes: &[Scene], out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}", svg::draw(scenes))
}

#[cfg(test)]
mod pages;
#[cfg(test)]
mod tests;
