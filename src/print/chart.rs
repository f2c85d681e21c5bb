//! Chart of a report or of a budget on a terminal: layers on each other in block characters, with colours or with shades, and their names
//! below.
use super::stack::{self, Layer};
use super::table::{cut_middle, figure};
use super::{BudgetOptions, ChartOf, PageOptions, printable};
use crate::budget::BudgetReport;
use crate::report::{Report, Window};
use std::io::{self, Write};

/// Height of the plot, and its width if there is no terminal.
const HEIGHT: usize = 12;
const WIDTH: usize = 80;
/// Columns that the axis takes.
const AXIS: usize = 8;
/// Number of layers of rows at most.
const LAYERS: usize = 8;
/// Lower blocks, by eighths.
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Line of a limit.
const LIMIT: char = '─';
/// Characters of layers without colours, and colours of a terminal's palette; then they begin again.
const SHADES: [char; 8] = ['█', '▒', '#', '░', '=', '▓', ':', '+'];
const COLOURS: [u8; 8] = [4, 3, 2, 5, 6, 1, 12, 11];

/// One character: a block of one layer, on another one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cell {
    pub block: char,
    pub layer: Option<usize>,
    pub behind: Option<usize>,
}

impl Cell {
    /// Returns the character for a terminal without colours: that of the layer that has the most of the cell.
    pub(super) fn shade(&self) -> char {
        if self.layer.is_none() {
            return self.block;
        }
        let is_less = BLOCKS.iter().position(|block| *block == self.block).unwrap_or(8) < 4;
        let layer = if is_less { self.behind } else { self.layer };
        layer.and_then(|layer| SHADES.get(layer % SHADES.len()).copied()).unwrap_or(' ')
    }
}

/// Returns the colour of a layer, by its number in a terminal's palette.
pub(super) fn colour(layer: usize) -> u8 {
    COLOURS.get(layer % COLOURS.len()).copied().unwrap_or(7)
}

/// What a chart shows.
struct Chart<'a> {
    layers: Vec<Layer>,
    window: &'a Window,
    /// Limit, cores, and what it is of.
    limit: Option<(f64, String)>,
    /// Columns of the terminal; `None` if it goes elsewhere.
    width: Option<u16>,
    colour: bool,
}

/// Writes the chart of a report and a blank line; nothing if none is asked for, or there is nothing to draw.
pub(super) fn write(report: &Report, options: PageOptions, out: &mut impl Write) -> io::Result<()> {
    let layers = match options.chart {
        None => return Ok(()),
        Some(ChartOf::Classes) => stack::of_classes(report),
        Some(ChartOf::Rows) => stack::of_rows(report, LAYERS),
    };
    let (width, colour) = (options.width, options.colour);
    draw(&Chart { layers, window: &report.window, limit: None, width, colour }, out)
}

/// Writes the chart of a budget's worst moment, with its limit; nothing if there is nothing to draw.
pub(super) fn write_budget(
    report: &BudgetReport,
    options: BudgetOptions,
    out: &mut impl Write,
) -> io::Result<()> {
    let Some(trend) = &report.trend else { return Ok(()) };
    writeln!(out, "{}", printable(&format!("{} on {}", trend.line, trend.node)))?;
    let layers = stack::of_parts(&trend.layers);
    let limit = Some((trend.limit, format!("limit of {}", trend.statistic)));
    let (width, colour) = (options.width, options.colour);
    draw(&Chart { layers, window: &report.window, limit, width, colour }, out)
}

fn draw(chart: &Chart<'_>, out: &mut impl Write) -> io::Result<()> {
    let Chart { layers, window, limit, .. } = chart;
    if layers.is_empty() {
        return Ok(());
    }
    let width = chart.width.map_or(WIDTH, usize::from).saturating_sub(AXIS).max(10);
    let at_least = limit.as_ref().map_or(0.0, |(limit, _)| *limit);
    let highest = highest(layers, at_least);
    let mut lines = plot(layers, width, HEIGHT, at_least);
    if let Some((limit, _)) = limit {
        let line = HEIGHT - ((limit / highest * HEIGHT as f64).ceil() as usize).clamp(1, HEIGHT);
        let free = lines.get_mut(line).into_iter().flatten().filter(|cell| cell.layer.is_none());
        free.for_each(|cell| cell.block = LIMIT);
    }
    let axis = |cores: f64| format!("{:<AXIS$}", format!("{:>6}", figure(cores)));
    for (line, cells) in lines.iter().enumerate() {
        let label = match line % 3 {
            0 => axis(highest * (HEIGHT - line) as f64 / HEIGHT as f64),
            _ => " ".repeat(AXIS),
        };
        writeln!(out, "{}", format!("{label}{}", text(cells, chart.colour)).trim_end())?;
    }
    // A time of day alone is not enough if there are several days.
    let format = if window.interval_seconds >= 86_400.0 { "%b %d %H:%M" } else { "%H:%M:%S" };
    let [start, end] = [window.start, window.end].map(|at| at.strftime(format).to_string());
    let space = drawn(layers, width).saturating_sub(start.len());
    writeln!(out, "{}{start}{end:>space$}", axis(0.0))?;
    let mut named = |cores: f64, sample: &str, name: &str| {
        writeln!(out, "{}{sample} {}", axis(cores), cut_middle(name, width.saturating_sub(10)))
    };
    if let Some((limit, of)) = limit {
        named(*limit, &String::from_iter([LIMIT; 2]), of)?;
    }
    for (index, layer) in layers.iter().enumerate().rev() {
        let swatch = Cell { block: '█', layer: Some(index), behind: None };
        named(layer.avg, &text(&[swatch; 2], chart.colour), &layer.name)?;
    }
    writeln!(out)
}

/// Returns the lines of the plot from the top, each a cell for each column. It has room for so many cores at least.
pub(super) fn plot(layers: &[Layer], width: usize, height: usize, at_least: f64) -> Vec<Vec<Cell>> {
    let (columns, highest) = (columns(layers, width), highest(layers, at_least));
    let eighth = highest / (height * 8) as f64;
    let line =
        |line: usize| columns.iter().map(|edges| cell(edges, (height - 1 - line) * 8, eighth)).collect();
    (0..height).map(line).collect()
}

/// Returns the number of columns that are drawn: equally many of each part, if there are more than parts.
fn drawn(layers: &[Layer], width: usize) -> usize {
    let parts = layers.first().map_or(0, |layer| layer.edges.len());
    let times = width.checked_div(parts).unwrap_or(0);
    (times * parts).max(parts.min(width))
}

/// Returns the upper edges of the layers in each column; none where nothing is known.
fn columns(layers: &[Layer], width: usize) -> Vec<Vec<f64>> {
    let parts = layers.first().map_or(0, |layer| layer.edges.len());
    let count = drawn(layers, width);
    let column = |column: usize| {
        let start = column * parts / count;
        let range = start..((column + 1) * parts / count).max(start + 1);
        let mean = |layer: &Layer| {
            let known = layer.edges.get(range.clone()).unwrap_or_default().iter().flatten();
            let number = known.clone().count();
            (number > 0).then(|| known.map(|(_, upper)| upper).sum::<f64>() / number as f64)
        };
        layers.iter().filter_map(mean).collect()
    };
    (0..count).map(column).collect()
}

fn highest(layers: &[Layer], at_least: f64) -> f64 {
    let tops = layers.last().into_iter().flat_map(|layer| &layer.edges).flatten().map(|(_, upper)| *upper);
    tops.fold(at_least.max(f64::MIN_POSITIVE), f64::max)
}

/// Returns the cell that begins so many eighths above 0: its lowest layer, and the one above that in it.
fn cell(edges: &[f64], from: usize, eighth: f64) -> Cell {
    let edge = |layer: usize| edges.get(layer).map_or(0, |upper| (upper / eighth).round() as usize);
    let Some(lowest) = (0..edges.len()).find(|layer| edge(*layer) > from) else {
        return Cell { block: ' ', layer: None, behind: None };
    };
    let filled = (edge(lowest) - from).min(8);
    let behind = (0..edges.len()).find(|layer| edge(*layer) > edge(lowest)).filter(|_| filled < 8);
    Cell { block: BLOCKS.get(filled).copied().unwrap_or('█'), layer: Some(lowest), behind }
}

/// Writes cells, in colour or by shades: then a cell is of the layer that has the most of it.
fn text(cells: &[Cell], colour_is_on: bool) -> String {
    let mut text = String::new();
    if !colour_is_on {
        return cells.iter().map(|cell| cell.shade()).collect();
    }
    let mut before = (None, None);
    for cell in cells {
        let now = (cell.layer, cell.behind);
        if now != before {
            text.push_str("\u{1b}[0m");
            text.extend(cell.layer.map(|layer| format!("\u{1b}[38;5;{}m", colour(layer))));
            text.extend(cell.behind.map(|layer| format!("\u{1b}[48;5;{}m", colour(layer))));
            before = now;
        }
        text.push(cell.block);
    }
    text + "\u{1b}[0m"
}

#[cfg(test)]
mod tests {
    use super::{Cell, Layer, plot, text};

    /// Two layers over four parts, of which the third is not known.
    fn layers() -> Vec<Layer> {
        let layer = |edges: [Option<(f64, f64)>; 4]| Layer {
            name: String::new(),
            avg: 0.0,
            max: None,
            edges: edges.to_vec(),
            is_rest: false,
        };
        vec![
            layer([Some((0.0, 1.0)), Some((0.0, 0.5)), None, Some((0.0, 0.25))]),
            layer([Some((1.0, 2.0)), Some((0.5, 0.5)), None, Some((0.25, 2.0))]),
        ]
    }

    #[test]
    fn a_cell_has_the_layers_that_lie_in_it() {
        let lines = plot(&layers(), 7, 2, 0.0);
        let cell = |block, layer, behind| Cell { block, layer, behind };
        let none = cell(' ', None, None);
        let second = cell('█', Some(1), None);
        assert_eq!(lines[0], [second, none, none, second]);
        let [full, half] = [cell('█', Some(0), None), cell('▄', Some(0), None)];
        assert_eq!(lines[1], [full, half, none, cell('▂', Some(0), Some(1))]);
        let shades: Vec<String> = lines.iter().map(|cells| text(cells, false)).collect();
        assert_eq!(shades, ["▒  ▒", "██ ▒"]);
        assert!(text(&lines[1], true).contains("\u{1b}[38;5;4m\u{1b}[48;5;3m▂"));
    }

    #[test]
    fn columns_are_means_of_parts_if_there_are_more() {
        assert_eq!(plot(&layers(), 2, 4, 0.0).iter().map(|cells| cells.len()).collect::<Vec<_>>(), [2; 4]);
        assert_eq!(plot(&layers(), 9, 1, 0.0)[0].len(), 8, "two columns of each part");
        assert!(plot(&[], 10, 2, 0.0).iter().all(Vec::is_empty));
    }
}
