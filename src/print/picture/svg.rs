//! The picture: layers on two axes, the busy time as a line, the peak, and a legend with each layer's figures.
use super::layer::{area, busy_line};
use super::letters::cut;
use super::plot::{BOTTOM, LEFT, Plot, RIGHT, TOP, WIDTH, colour, number, place, text};
use super::{Scene, axis};
use crate::print::table::figure;
use svg::Document;
use svg::node::element::{Group, Line, Rectangle, Style, Title};

const STYLE: &str = include_str!("style.css");
/// Height of a line of the legend.
const LINE: f64 = 20.0;
/// Room for a layer's name, and for text of a whole line.
const NAME: f64 = RIGHT - 70.0 - LEFT - 65.0;
const LINE_OF_TEXT: f64 = RIGHT - LEFT;

/// Draws scenes, one below the other.
pub(super) fn draw(scenes: &[Scene]) -> Document {
    let height: f64 = scenes.iter().map(height).sum();
    // Opened by itself it would be made as small as the window is low. A picture in a page, in which no scripts run, takes its
    // height from its width.
    let alone = format!(
        "@media (scripting: enabled) {{ .cpu:root {{ height: calc(min(100vw, 780px) * {:.4}); }} }}\n",
        height / WIDTH
    );
    let mut document = Document::new()
        .set("class", "cpu")
        .set("viewBox", (0.0, 0.0, WIDTH, height))
        .set("width", "100%")
        .set("style", "max-width: 780px")
        .set("role", "img")
        .add(Style::new(alone + STYLE))
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
    BOTTOM + 48.0 + LINE * ((scene.layers.len().max(1) + lines) as f64 + 1.0)
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
        .add(text(LEFT, 18.0, &cut(&scene.heading, LINE_OF_TEXT)))
        .add(text(LEFT, 36.0, &cut(&scene.when, LINE_OF_TEXT)).set("class", "faint"))
        .add(text(LEFT, 54.0, &cut(&scene.provenance, LINE_OF_TEXT)).set("class", "faint"))
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

fn axes(plot: &Plot, marks: &[f64]) -> Group {
    let mut group = Group::new();
    let unit = axis::unit(plot.highest);
    for mark in marks {
        let y = place(plot.y(*mark));
        let line =
            Line::new().set("class", "grid").set("x1", LEFT).set("x2", RIGHT).set("y1", y).set("y2", y);
        let label = text(LEFT - 5.0, y + 5.0, &axis::show(*mark, unit)).set("text-anchor", "end");
        group = group.add(line).add(label);
    }
    for (at, label) in axis::of_time(plot.start, plot.end) {
        let x = place(plot.x(at));
        let tick =
            Line::new().set("class", "grid").set("x1", x).set("x2", x).set("y1", TOP).set("y2", BOTTOM + 4.0);
        // A label at the right edge ends there.
        let anchor = if x > RIGHT - 22.0 { "end" } else { "middle" };
        let label = text(x, BOTTOM + 20.0, &label).set("text-anchor", anchor);
        group = group.add(tick).add(label);
    }
    group
}

/// Marks the peak with its time, in the half of the plot that has room for that.
fn peak_mark(plot: &Plot, at: f64, peak: f64) -> Group {
    let x = place(plot.x(at).clamp(LEFT, RIGHT));
    let line = Line::new().set("class", "peak").set("x1", x).set("x2", x).set("y1", TOP).set("y2", BOTTOM);
    let (anchor, shift) = if x > (LEFT + RIGHT) / 2.0 { ("end", -4.0) } else { ("start", 4.0) };
    // A time of day alone is not enough if there are several days.
    let format = if plot.end - plot.start >= 86_400.0 { "%b %d %H:%M" } else { "%H:%M:%S" };
    let time = axis::text(at as i64, format);
    let label = text(x + shift, TOP - 5.0, &format!("peak {} at {time}", figure(peak)));
    Group::new().add(line).add(label.set("text-anchor", anchor))
}

/// Lists the lines and the layers with their figures, the layers from the highest to the lowest as they lie in the plot.
fn legend(scene: &Scene) -> Group {
    let mut y = BOTTOM + 48.0;
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
        let sample = Line::new().set("class", class).set("x1", LEFT - 44.0).set("x2", LEFT - 10.0);
        (group.add(sample.set("y1", y - 5.0).set("y2", y - 5.0)).add(text(LEFT, y, &cut(name, NAME))), y)
    };
    if let Some((limit, of)) = &scene.limit {
        let (with, at) = line(group, "limit", of);
        group = figures(with, at, [figure(*limit), String::new()]);
    }
    if let Some((_, [avg, max])) = &scene.busy {
        let (with, at) = line(group, "busy", "busy");
        group = figures(with, at, [figure(*avg), figure(*max)]);
    }
    for (index, layer) in scene.layers.iter().enumerate().rev() {
        y += LINE;
        let swatch = Rectangle::new().set("class", format!("layer {}", colour(index, layer)));
        let swatch = swatch.set("x", LEFT - 44.0).set("y", y - 13.0).set("width", 34).set("height", 17);
        group = group.add(swatch);
        let number = text(LEFT - 27.0, y, &number(index)).set("class", "on").set("text-anchor", "middle");
        let name = text(LEFT, y, &cut(&layer.name, NAME)).add(Title::new(layer.name.clone()));
        group = group.add(number).add(name);
        let max = layer.max.map_or_else(String::new, figure);
        group = figures(group, y, [figure(layer.avg), max]);
    }
    if scene.layers.is_empty() {
        group = group.add(text(LEFT, y + LINE, &cut(&scene.why_empty, LINE_OF_TEXT)));
    }
    group
}
