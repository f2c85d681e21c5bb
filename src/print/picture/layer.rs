//! Layers of a picture as paths, each with its number on it, and the line of the busy time.
use super::letters::LETTERS;
use super::plot::{LEFT, Plot, RIGHT, colour, number, text};
use crate::print::stack::Layer;
use crate::print::table::cores;
use svg::node::element::{Group, Path, Title};

/// Room that a layer's number takes, units: its height, and half of the width of each digit.
const NUMBER: (f64, f64) = (0.82 * LETTERS, 0.33 * LETTERS);

/// Draws a layer: a step for each part, a hole where nothing is known; its number where it has most room.
pub(super) fn area(plot: &Plot, index: usize, layer: &Layer) -> Group {
    let known = |part: usize| layer.edges.get(part).copied().flatten();
    let (mut outline, mut part) = (Outline::default(), 0);
    while part < layer.edges.len() {
        let first = part;
        let run: Vec<(f64, f64)> = (first..).map_while(known).collect();
        part += run.len().max(1);
        for (offset, (_, upper)) in run.iter().enumerate() {
            let (left, right) = plot.edges(first + offset);
            outline.go(left, plot.y(*upper), offset == 0);
            outline.go(right, plot.y(*upper), false);
        }
        for (offset, (lower, _)) in run.iter().enumerate().rev() {
            let (left, right) = plot.edges(first + offset);
            outline.go(right, plot.y(*lower), false);
            outline.go(left, plot.y(*lower), false);
        }
        if !run.is_empty() {
            outline.path.push('Z');
        }
    }
    let max = layer.max.map_or_else(String::new, |max| format!(", at most {}", cores(max)));
    let title = format!("{}: {} on average{max}", layer.name, cores(layer.avg));
    let class = format!("layer {}", colour(index, layer));
    let mut group =
        Group::new().add(Path::new().set("class", class).set("d", outline.path)).add(Title::new(title));
    let number = number(index);
    if let Some((x, y)) = room(plot, layer, number.len()) {
        let number = text(x, y + 0.36 * LETTERS, &number);
        group = group.add(number.set("class", "on").set("text-anchor", "middle"));
    }
    group
}

/// Returns the middle of the place at which a layer has most room for a number of so many digits, which is then on no other layer and over no
/// other number. `None` if it has not enough anywhere.
fn room(plot: &Plot, layer: &Layer, digits: usize) -> Option<(f64, f64)> {
    let (height, half) = (NUMBER.0, NUMBER.1 * digits as f64);
    let unit = plot.edges(0).1 - plot.edges(0).0;
    let around = |part: usize| {
        let (left, right) = plot.edges(part);
        let x = ((left + right) / 2.0).clamp(LEFT + half, RIGHT - half);
        let (first, end) = (((x - half - LEFT) / unit).floor(), ((x + half - LEFT) / unit).ceil());
        let (mut bottom, mut top) = (f64::INFINITY, f64::NEG_INFINITY);
        for edge in layer.edges.get(first as usize..(end as usize).min(layer.edges.len()))? {
            let (lower, upper) = (*edge)?;
            (bottom, top) = (bottom.min(plot.y(lower)), top.max(plot.y(upper)));
        }
        Some((bottom - top, x, (bottom + top) / 2.0))
    };
    let all = (0..layer.edges.len()).filter_map(around).filter(|(room, ..)| *room >= height);
    all.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, x, y)| (x, y))
}

/// Path along horizontal and vertical lines, in few letters: a day's picture is some hundred thousand of them.
#[derive(Default)]
struct Outline {
    path: String,
    /// Place of the pen, in tenths of a unit.
    x: i64,
    y: i64,
}

impl Outline {
    /// Moves the pen there: with a line, or without one to begin.
    fn go(&mut self, x: f64, y: f64, begins: bool) {
        let tenths = |at: f64| (at * 10.0).round() as i64;
        let (x, y) = (tenths(x), tenths(y));
        let show = |tenths: i64| (tenths as f64 / 10.0).to_string();
        if begins {
            self.path.push_str(&format!("M{} {}", show(x), show(y)));
        } else {
            if x != self.x {
                self.path.push_str(&format!("h{}", show(x - self.x)));
            }
            if y != self.y {
                self.path.push_str(&format!("v{}", show(y - self.y)));
            }
        }
        (self.x, self.y) = (x, y);
    }
}

pub(super) fn busy_line(plot: &Plot, busy: &[f64]) -> Path {
    let (mut outline, mut begins) = (Outline::default(), true);
    for (part, cores) in busy.iter().enumerate() {
        if cores.is_finite() {
            let (left, right) = plot.edges(part);
            outline.go(left, plot.y(*cores), begins);
            outline.go(right, plot.y(*cores), false);
        }
        begins = !cores.is_finite();
    }
    Path::new().set("class", "busy").set("d", outline.path).add(Title::new("busy time of the nodes"))
}
