//! Curves on two axes, logarithmic or linear, as an SVG.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
const EDGE: f64 = 56.0;
const COLOURS: [&str; 4] = ["#06c", "#3a3", "#c30", "#888"];

/// Contents of the picture. Every curve has a value for each of `xs`, on logarithmic axes above 0.
pub(crate) struct Picture<'a> {
    pub(crate) x: &'a str,
    pub(crate) y: &'a str,
    pub(crate) xs: &'a [f64],
    pub(crate) curves: &'a [(&'a str, Vec<f64>)],
    /// Positions on the x axis, each with the name of the phase that begins there.
    pub(crate) marks: &'a [(f64, &'a str)],
    pub(crate) logarithmic: bool,
}

/// Writes `target/bench-exporter/NAME.svg`.
pub(crate) fn write(name: &str, picture: &Picture<'_>) -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().context("no target folder")?;
    let folder = folder.join("bench-exporter");
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{name}.svg"));
    fs::write(&path, draw(picture)?)?;
    Ok(path)
}

fn draw(picture: &Picture<'_>) -> Result<String> {
    let Picture { x, y, xs, curves, marks, logarithmic } = *picture;
    let ys: Vec<f64> = curves.iter().flat_map(|(_, ys)| ys.iter().copied()).collect();
    let axis = if logarithmic { Axis::logarithmic } else { Axis::linear };
    let (across, up) = (axis(xs, EDGE, WIDTH - EDGE), axis(&ys, HEIGHT - EDGE, EDGE));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    for &tick in &across.ticks {
        let (at, bottom) = (across.at(tick), HEIGHT - EDGE);
        writeln!(svg, "<path d=\"M{at:.1} {EDGE}V{bottom}\" stroke=\"#ddd\"/>")?;
        writeln!(svg, "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{tick}</text>", bottom + 14.0)?;
    }
    for &tick in &up.ticks {
        let at = up.at(tick);
        writeln!(svg, "<path d=\"M{EDGE} {at:.1}H{}\" stroke=\"#ddd\"/>", WIDTH - EDGE)?;
        writeln!(svg, "<text x=\"{}\" y=\"{at:.1}\" text-anchor=\"end\">{tick}</text>", EDGE - 4.0)?;
    }
    for (at, name) in marks {
        let (at, bottom) = (across.at(*at), HEIGHT - EDGE);
        writeln!(svg, "<path d=\"M{at:.1} {EDGE}V{bottom}\" stroke=\"#888\" stroke-dasharray=\"4\"/>")?;
        writeln!(svg, "<text x=\"{:.1}\" y=\"{}\">{name}</text>", at + 4.0, EDGE + 12.0)?;
    }
    for (number, ((name, ys), colour)) in curves.iter().zip(COLOURS.iter().cycle()).enumerate() {
        let mut points = String::new();
        for (x, y) in xs.iter().zip(ys) {
            write!(points, "{:.1},{:.1} ", across.at(*x), up.at(*y))?;
        }
        writeln!(
            svg,
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
        )?;
        let at = EDGE + 30.0 + 14.0 * number as f64; // top left, where no picture has a curve
        writeln!(svg, "<text x=\"{}\" y=\"{at}\" fill=\"{colour}\">{name}</text>", EDGE + 4.0)?;
    }
    writeln!(svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{x}</text>", WIDTH / 2.0, HEIGHT - 14.0)?;
    writeln!(svg, "<text x=\"{EDGE}\" y=\"{}\">{y}</text>\n</svg>", EDGE - 20.0)?;
    Ok(svg)
}

/// Axis that maps values to positions between two edges, and its named ticks.
struct Axis {
    /// Scale of the axis: returns the value itself, or its logarithm.
    scale: fn(f64) -> f64,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    ticks: Vec<f64>,
}

impl Axis {
    /// Returns an axis from a power of ten to a power of ten.
    fn logarithmic(values: &[f64], from: f64, to: f64) -> Axis {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min).log10().floor() as i32;
        let high = values.iter().copied().fold(0.0, f64::max).log10().ceil() as i32;
        let high = high.max(low + 1);
        let ticks = (low..=high).map(|power| 10_f64.powi(power)).collect();
        Axis { scale: f64::log10, low: low.into(), high: high.into(), from, to, ticks }
    }

    /// Returns an axis from 0, in four to ten steps of one, two or five times a power of ten.
    fn linear(values: &[f64], from: f64, to: f64) -> Axis {
        let most = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let ten = 10_f64.powf(most.log10().floor());
        let step = [0.2, 0.5, 1.0].map(|share| share * ten).into_iter().find(|step| most / step <= 8.0);
        let step = step.unwrap_or(2.0 * ten);
        let steps = (most / step).ceil() as u32;
        let ticks: Vec<f64> =
            (0..=steps).map(|number| (f64::from(number) * step * 1e6).round() / 1e6).collect();
        Axis { scale: |value| value, low: 0.0, high: f64::from(steps) * step, from, to, ticks }
    }

    fn at(&self, value: f64) -> f64 {
        let share = ((self.scale)(value) - self.low) / (self.high - self.low);
        self.from + (self.to - self.from) * share
    }
}
