//! The picture: layers on two axes, the busy time as a line, the peak, and a legend with each layer's figures.
use super::{Scene, axis};
use crate::print::stack::Layer;
use crate::print::table::{cores, cut_middle};
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

/// Draws scenes, one below the other.
pub(super) fn draw(scenes: &[Scene]) -> Document {
    let height: f64 = scenes.iter().map(height).sum();
    let mut document = Document::new()
        .set("class", "cpu")
        .set("viewBox", (0.0, 0.0, WIDTH, height))
        .set("width", "100%")
        .set("style", "max-width: 780px")
        .set("role", "img")
        .add(Style::new(STYLE))
        .add(Title::new("CPU, cores, one on the other"))
        .add(Rectangle::new().set("class", "paper").set("width", WIDTH).set("height", height));
    let mut top = 0.0;
    for scene in scenes {
        let at = format!("translate(0 {top})");
        let group = draw_one(scene);
        document = document.add(if top > 0.0 { group.set("transform", at) } else { group });
        top += self::height(scene);
    }
    document
}

/// Returns the height of a scene.
fn height(scene: &Scene) -> f64 {
    let lines = usize::from(scene.busy.is_some()) + usize::from(scene.limit.is_some());
    BOTTOM + 44.0 + LINE * ((scene.layers.len().max(1) + lines) as f64 + 1.0)
}

fn draw_one(scene: &Scene) -> Group {
    let layers = &scene.layers;
    let busy = scene.busy.as_ref().map_or(&[][..], |(parts, _)| parts);
    let parts = layers.iter().map(|layer| layer.edges.len()).max().unwrap_or(busy.len()).max(1);
    let tops = layers.last().into_iter().flat_map(|layer| &layer.edges).flatten().map(|(_, upper)| *upper);
    let lines = busy.iter().copied().chain(scene.limit.iter().map(|(limit, _)| *limit));
    let highest = tops.chain(lines.filter(|cores| cores.is_finite())).fold(scene.at_least, f64::max);
    let marks = axis::of_cores(highest);
    let highest = marks.last().copied().unwrap_or(1.0);
    let plot = Plot { start: scene.end - scene.length, end: scene.end, highest, parts };
    let mut group = Group::new()
        .add(text(LEFT, 18.0, &cut_middle(&scene.heading, 62)))
        .add(text(LEFT, 36.0, &scene.subheading).set("class", "faint").set("font-size", 12))
        .add(axes(&plot, &marks));
    for (index, layer) in layers.iter().enumerate() {
        group = group.add(area(&plot, index, layer));
    }
    group = group.add(busy_line(&plot, busy));
    if let Some((limit, _)) = &scene.limit {
        let y = place(plot.y(*limit));
        let line = Line::new().set("class", "limit").set("x1", LEFT).set("x2", RIGHT);
        group = group.add(line.set("y1", y).set("y2", y));
    }
    if let Some((at, cores)) = scene.peak {
        group = group.add(peak_mark(&plot, at, cores));
    }
    group.add(legend(scene))
}

fn text(x: f64, y: f64, content: &str) -> Text {
    Text::new(content).set("x", place(x)).set("y", place(y))
}

/// Rounds a place: a tenth of a unit is not seen.
fn place(at: f64) -> f64 {
    (at * 10.0).round() / 10.0
}

fn axes(plot: &Plot, marks: &[f64]) -> Group {
    let mut group = Group::new();
    for mark in marks {
        let y = place(plot.y(*mark));
        let line =
            Line::new().set("class", "grid").set("x1", LEFT).set("x2", RIGHT).set("y1", y).set("y2", y);
        let label =
            text(LEFT - 6.0, y + 4.0, &mark_text(*mark)).set("text-anchor", "end").set("font-size", 12);
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
fn mark_text(mark: f64) -> String {
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
fn peak_mark(plot: &Plot, at: f64, peak: f64) -> Group {
    let x = place(plot.x(at).clamp(LEFT, RIGHT));
    let line = Line::new().set("class", "peak").set("x1", x).set("x2", x).set("y1", TOP).set("y2", BOTTOM);
    let (anchor, shift) = if x > (LEFT + RIGHT) / 2.0 { ("end", -4.0) } else { ("start", 4.0) };
    let time = jiff::Timestamp::from_second(at as i64)
        .map_or_else(|_| String::new(), |at| at.strftime("%H:%M:%S").to_string());
    let label = text(x + shift, TOP - 3.0, &format!("peak {} at {time}", cores(peak)));
    Group::new().add(line).add(label.set("text-anchor", anchor).set("font-size", 12))
}

/// Lists the lines and the layers with their figures, the layers from the highest to the lowest as they lie in the plot.
fn legend(scene: &Scene) -> Group {
    let mut y = BOTTOM + 44.0;
    let columns = [RIGHT - 70.0, RIGHT];
    let figures = |group: Group, y: f64, figures: [String; 2]| {
        columns
            .iter()
            .zip(figures)
            .fold(group, |group, (x, figure)| group.add(text(*x, y, &figure).set("text-anchor", "end")))
    };
    let mut group = figures(Group::new(), y, ["AVG".to_owned(), "MAX".to_owned()]);
    let mut line = |group: Group, class: &str, name: &str| {
        y += LINE;
        let sample = Line::new().set("class", class).set("x1", LEFT - 38.0).set("x2", LEFT - 8.0);
        (group.add(sample.set("y1", y - 5.0).set("y2", y - 5.0)).add(text(LEFT, y, name)), y)
    };
    if let Some((limit, of)) = &scene.limit {
        let (with, at) = line(group, "limit", of);
        group = figures(with, at, [cores(*limit), String::new()]);
    }
    if let Some((_, [avg, max])) = &scene.busy {
        let (with, at) = line(group, "busy", "busy");
        group = figures(with, at, [cores(*avg), cores(*max)]);
    }
    for (index, layer) in scene.layers.iter().enumerate().rev() {
        y += LINE;
        let swatch = Rectangle::new().set("class", format!("layer {}", colour(index, layer)));
        let swatch = swatch.set("x", LEFT - 38.0).set("y", y - 13.0).set("width", 30).set("height", 17);
        group = group.add(swatch);
        let number = text(LEFT - 23.0, y, &number(index)).set("class", "on").set("text-anchor", "middle");
        let name = text(LEFT, y, &cut_middle(&layer.name, NAME)).add(Title::new(layer.name.clone()));
        group = group.add(number).add(name);
        let max = layer.max.map_or_else(String::new, cores);
        group = figures(group, y, [cores(layer.avg), max]);
    }
    if scene.layers.is_empty() {
        group = group.add(text(LEFT, y + LINE, &cut_middle(&scene.why_empty, 60)));
    }
    group
}
