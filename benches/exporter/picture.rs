//! Curves on two logarithmic axes, as an SVG.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
const EDGE: f64 = 56.0;
const COLOURS: [&str; 4] = ["#06c", "#3a3", "#c30", "#888"];

/// Writes `target/bench-exporter/NAME.svg`; every curve has a value above 0 for each of `xs`.
pub(crate) fn write(
    name: &str,
    x: &str,
    y: &str,
    xs: &[f64],
    curves: &[(&str, Vec<f64>)],
) -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().context("no target folder")?;
    let folder = folder.join("bench-exporter");
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{name}.svg"));
    fs::write(&path, draw(x, y, xs, curves)?)?;
    Ok(path)
}

fn draw(x: &str, y: &str, xs: &[f64], curves: &[(&str, Vec<f64>)]) -> Result<String> {
    let ys: Vec<f64> = curves.iter().flat_map(|(_, ys)| ys.iter().copied()).collect();
    let (across, up) = (Axis::of(xs, EDGE, WIDTH - EDGE), Axis::of(&ys, HEIGHT - EDGE, EDGE));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    for tick in across.ticks() {
        let (at, bottom) = (across.at(tick), HEIGHT - EDGE);
        writeln!(svg, "<path d=\"M{at:.1} {EDGE}V{bottom}\" stroke=\"#ddd\"/>")?;
        writeln!(svg, "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{tick}</text>", bottom + 14.0)?;
    }
    for tick in up.ticks() {
        let at = up.at(tick);
        writeln!(svg, "<path d=\"M{EDGE} {at:.1}H{}\" stroke=\"#ddd\"/>", WIDTH - EDGE)?;
        writeln!(svg, "<text x=\"{}\" y=\"{at:.1}\" text-anchor=\"end\">{tick}</text>", EDGE - 4.0)?;
    }
    for ((name, ys), colour) in curves.iter().zip(COLOURS.iter().cycle()) {
        let mut points = String::new();
        for (x, y) in xs.iter().zip(ys) {
            write!(points, "{:.1},{:.1} ", across.at(*x), up.at(*y))?;
        }
        writeln!(
            svg,
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
        )?;
        let (x, y) = (xs.last().copied().unwrap_or(1.0), ys.last().copied().unwrap_or(1.0));
        let (x, y) = (across.at(x), up.at(y) - 5.0);
        writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"end\" fill=\"{colour}\">{name}</text>")?;
    }
    writeln!(svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{x}</text>", WIDTH / 2.0, HEIGHT - 14.0)?;
    writeln!(svg, "<text x=\"{EDGE}\" y=\"{}\">{y}</text>\n</svg>", EDGE - 20.0)?;
    Ok(svg)
}

/// From a power of ten to a power of ten.
struct Axis {
    low: i32,
    high: i32,
    from: f64,
    to: f64,
}

impl Axis {
    fn of(values: &[f64], from: f64, to: f64) -> Axis {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min).log10().floor() as i32;
        let high = values.iter().copied().fold(0.0, f64::max).log10().ceil() as i32;
        Axis { low, high: high.max(low + 1), from, to }
    }

    fn at(&self, value: f64) -> f64 {
        let share = (value.log10() - f64::from(self.low)) / f64::from(self.high - self.low);
        self.from + (self.to - self.from) * share
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        (self.low..=self.high).map(|power| 10_f64.powi(power))
    }
}
