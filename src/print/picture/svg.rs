//! The picture: layers on two axes, the busy time as a line, the peak, and a legend with each layer's figures.
use super::axis;
use crate::print::stack::{self, Layer};
use crate::print::table::{cores, cut_middle};
use crate::report::Report;
use svg::Document;
use svg::node::element::{Group, Line, Path, Rectangle, Style, Text, Title};

const STYLE: &str = include_str!("style.css");
/// Size of the whole and of the plot in it. Text of 14 is readable at the width of a phone.
const WIDTH: f64 = 520.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = WIDTH - 14.0;
const TOP: f64 = 52.0;
const BOTTOM: f64 = 300.0;
/// Height of a line of the legend.
const LINE: f64 = 20.0;
/// Number of layers at most; smaller rows are one together.
const LAYERS: usize = 40;
/// Number of colours; then they begin again.
const COLOURS: usize = 8;
/// Columns of text for a layer's name.
const NAME: usize = 40;

/// Scales of a plot.
struct Plot {
    start: f64,
    end: f64,
    highest: f64,
    parts: usize,
}

impl Plot {
    /// Returns the place of a time, Unix seconds.
    fn x(&self, at: f64) -> f64 {
        let share = (at - self.start) / (self.end - self.start).max(f64::MIN_POSITIVE);
        LEFT + share * (RIGHT - LEFT)
    }

    fn y(&self, cores: f64) -> f64 {
        BOTTOM - cores / self.highest * (BOTTOM - TOP)
    }

    /// Returns the two edges of a part.
    fn edges(&self, part: usize) -> (f64, f64) {
        let at = |part: usize| LEFT + part as f64 / self.parts as f64 * (RIGHT - LEFT);
        (at(part), at(part + 1))
    }
}

/// Draws a report.
pub(super) fn draw(report: &Report) -> Document {
    let layers = stack::of_rows(report, LAYERS);
    let window = &report.window;
    let busy = report.course.as_ref().map_or(&[][..], |course| &course.busy);
    let parts = layers.iter().map(|layer| layer.edges.len()).max().unwrap_or(busy.len()).max(1);
    let tops = layers.last().into_iter().flat_map(|layer| &layer.edges).flatten().map(|(_, upper)| *upper);
    let highest = tops.chain(busy.iter().copied().filter(|cores| cores.is_finite())).fold(0.0, f64::max);
    let marks = axis::of_cores(highest);
    let end = seconds(window.end);
    let length =
        report.course.as_ref().map_or(window.interval_seconds, |course| course.step_seconds * parts as f64);
    let plot = Plot { start: end - length, end, highest: marks.last().copied().unwrap_or(1.0), parts };
    let height = BOTTOM + 44.0 + LINE * (layers.len().max(1) as f64 + 2.0);
    let mut document = Document::new()
        .set("class", "cpu")
        .set("viewBox", (0.0, 0.0, WIDTH, height))
        .set("width", "100%")
        .set("style", "max-width: 780px")
        .set("role", "img")
        .add(Style::new(STYLE))
        .add(Title::new("CPU, cores, one on the other"))
        .add(Rectangle::new().set("class", "paper").set("width", WIDTH).set("height", height));
    document = document
        .add(text(LEFT, 18.0, &heading(report)))
        .add(text(LEFT, 36.0, &subheading(report)).set("class", "faint").set("font-size", 12));
    document = document.add(axes(&plot, &marks));
    for (index, layer) in layers.iter().enumerate() {
        document = document.add(area(&plot, index, layer));
    }
    document = document.add(busy_line(&plot, busy));
    if let Some(peak) = &report.peak {
        // The step ends with its time.
        let half = window.step_seconds / 2.0;
        document = document.add(peak_mark(&plot, seconds(peak.time), half, peak.cores));
    }
    document.add(legend(&layers, report))
}

fn seconds(at: jiff::Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}

fn text(x: f64, y: f64, content: &str) -> Text {
    Text::new(content).set("x", place(x)).set("y", place(y))
}

/// Rounds a place: a tenth of a unit is not seen.
fn place(at: f64) -> f64 {
    (at * 10.0).round() / 10.0
}

fn heading(report: &Report) -> String {
    let busy = report.busy.map_or_else(String::new, |busy| format!(", busy {} on average", cores(busy.avg)));
    format!("CPU in cores{busy}")
}

/// Tells the window and the source.
fn subheading(report: &Report) -> String {
    let (window, source) = (&report.window, &report.source);
    let show = |at: jiff::Timestamp, format: &str| at.strftime(format).to_string();
    let day = |at: jiff::Timestamp| show(at, "%Y-%m-%d");
    let end = if day(window.start) == day(window.end) { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
    let nodes = match source.nodes {
        1 => "1 node".to_owned(),
        nodes => format!("{nodes} nodes"),
    };
    let (start, end) = (show(window.start, "%Y-%m-%d %H:%M:%S"), show(window.end, end));
    format!("{start} to {end} UTC, {nodes}, source {}", source.kind.as_str())
}

fn axes(plot: &Plot, marks: &[f64]) -> Group {
    let mut group = Group::new();
    for mark in marks {
        let y = place(plot.y(*mark));
        let line =
            Line::new().set("class", "grid").set("x1", LEFT).set("x2", RIGHT).set("y1", y).set("y2", y);
        let label = text(LEFT - 6.0, y + 4.0, &shown(*mark)).set("text-anchor", "end").set("font-size", 12);
        group = group.add(line).add(label);
    }
    for (at, label) in axis::of_time(plot.start, plot.end) {
        let x = place(plot.x(at));
        let tick =
            Line::new().set("class", "grid").set("x1", x).set("x2", x).set("y1", TOP).set("y2", BOTTOM + 4.0);
        // A label at the right edge ends there.
        let anchor = if x > RIGHT - 20.0 { "end" } else { "middle" };
        let label = text(x, BOTTOM + 18.0, &label).set("text-anchor", anchor).set("font-size", 12);
        group = group.add(tick).add(label);
    }
    group
}

/// Writes a mark without the digits that its binary form adds.
fn shown(mark: f64) -> String {
    let text = format!("{mark:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Draws a layer: a step for each part, a hole where nothing is known; its number where it is thickest.
fn area(plot: &Plot, index: usize, layer: &Layer) -> Group {
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
    let thickest = layer.edges.iter().enumerate().filter_map(|(part, edge)| Some((part, (*edge)?)));
    let thickest = thickest.max_by(|(_, a), (_, b)| (a.1 - a.0).total_cmp(&(b.1 - b.0)));
    if let Some((part, (lower, upper))) = thickest
        && plot.y(lower) - plot.y(upper) >= 13.0
    {
        let ((left, right), middle) = (plot.edges(part), plot.y((lower + upper) / 2.0));
        let x = ((left + right) / 2.0).clamp(LEFT + 8.0, RIGHT - 8.0);
        group =
            group.add(text(x, middle + 4.0, &number(index)).set("class", "on").set("text-anchor", "middle"));
    }
    group
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

fn number(index: usize) -> String {
    (index + 1).to_string()
}

fn colour(index: usize, layer: &Layer) -> String {
    if layer.is_rest { "rest".to_owned() } else { format!("c{}", index % COLOURS) }
}

fn busy_line(plot: &Plot, busy: &[f64]) -> Path {
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

/// Marks the peak with its time, in the half of the plot that has room for that.
fn peak_mark(plot: &Plot, at: f64, half: f64, peak: f64) -> Group {
    let x = place(plot.x(at - half).clamp(LEFT, RIGHT));
    let line = Line::new().set("class", "peak").set("x1", x).set("x2", x).set("y1", TOP).set("y2", BOTTOM);
    let (anchor, shift) = if x > (LEFT + RIGHT) / 2.0 { ("end", -4.0) } else { ("start", 4.0) };
    let time = jiff::Timestamp::from_second(at as i64)
        .map_or_else(|_| String::new(), |at| at.strftime("%H:%M:%S").to_string());
    let label = text(x + shift, TOP - 3.0, &format!("peak {} at {time}", cores(peak)));
    Group::new().add(line).add(label.set("text-anchor", anchor).set("font-size", 12))
}

/// Lists the busy time and the layers with their figures, from the highest to the lowest as they lie in the plot.
fn legend(layers: &[Layer], report: &Report) -> Group {
    let top = BOTTOM + 44.0;
    let columns = [RIGHT - 70.0, RIGHT];
    let figures = |group: Group, y: f64, figures: [String; 2]| {
        columns
            .iter()
            .zip(figures)
            .fold(group, |group, (x, figure)| group.add(text(*x, y, &figure).set("text-anchor", "end")))
    };
    let mut group = figures(Group::new(), top, ["AVG".to_owned(), "MAX".to_owned()]);
    let lines = usize::from(report.busy.is_some());
    if let Some(busy) = report.busy {
        let y = top + LINE;
        let sample = Line::new().set("class", "busy").set("x1", LEFT - 38.0).set("x2", LEFT - 8.0);
        group = group.add(sample.set("y1", y - 5.0).set("y2", y - 5.0)).add(text(LEFT, y, "busy"));
        group = figures(group, y, [cores(busy.avg), cores(busy.max)]);
    }
    for (line, (index, layer)) in layers.iter().enumerate().rev().enumerate() {
        let y = top + LINE * ((line + lines) as f64 + 1.0);
        let swatch = Rectangle::new().set("class", format!("layer {}", colour(index, layer)));
        let swatch = swatch.set("x", LEFT - 38.0).set("y", y - 13.0).set("width", 30).set("height", 17);
        group = group.add(swatch);
        let number = text(LEFT - 23.0, y, &number(index)).set("class", "on").set("text-anchor", "middle");
        group = group
            .add(number)
            .add(text(LEFT, y, &cut_middle(&layer.name, NAME)).add(Title::new(layer.name.clone())));
        let max = layer.max.map_or_else(String::new, cores);
        group = figures(group, y, [cores(layer.avg), max]);
    }
    if layers.is_empty() {
        let why = report.notes.last().map_or("no rows", String::as_str);
        group = group.add(text(LEFT, top + LINE * (lines as f64 + 1.0), &cut_middle(why, 60)));
    }
    group
}
