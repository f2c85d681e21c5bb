//! Chart of a report on a terminal: layers on each other in block characters, with colours or with shades, and their names
//! below.
use super::stack::{self, Layer};
use super::table::{cores, cut_middle};
use super::{ChartOf, PageOptions};
use crate::report::Report;
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
        let is_less = BLOCKS.iter().position(|block| *block == self.block).unwrap_or(8) < 4;
        let layer = if is_less { self.behind } else { self.layer };
        layer.and_then(|layer| SHADES.get(layer % SHADES.len()).copied()).unwrap_or(' ')
    }
}

/// Returns the colour of a layer, by its number in a terminal's palette.
pub(super) fn colour(layer: usize) -> u8 {
    COLOURS.get(layer % COLOURS.len()).copied().unwrap_or(7)
}

/// Writes the chart and a blank line; nothing if none is asked for, or there is nothing to draw.
pub(super) fn write(report: &Report, options: PageOptions, out: &mut impl Write) -> io::Result<()> {
    let layers = match options.chart {
        None => return Ok(()),
        Some(ChartOf::Classes) => stack::of_classes(report),
        Some(ChartOf::Rows) => stack::of_rows(report, LAYERS),
    };
    if layers.is_empty() {
        return Ok(());
    }
    let width = options.width.map_or(WIDTH, usize::from).saturating_sub(AXIS).max(10);
    let highest = highest(&layers);
    for (line, cells) in plot(&layers, width, HEIGHT).iter().enumerate() {
        let label = if line % 3 == 0 {
            cores(highest * (HEIGHT - line) as f64 / HEIGHT as f64)
        } else {
            String::new()
        };
        writeln!(out, "{}", format!("{label:>6}  {}", text(cells, options.colour)).trim_end())?;
    }
    let window = &report.window;
    let [start, end] = [window.start, window.end].map(|at| at.strftime("%H:%M:%S").to_string());
    writeln!(
        out,
        "{:>6}  {start}{end:>space$}",
        cores(0.0),
        space = drawn(&layers, width).saturating_sub(start.len())
    )?;
    for (index, layer) in layers.iter().enumerate().rev() {
        let swatch = Cell { block: '█', layer: Some(index), behind: None };
        let name = cut_middle(&layer.name, width.saturating_sub(10));
        writeln!(out, "{:>6}  {} {name}", cores(layer.avg), text(&[swatch; 2], options.colour))?;
    }
    writeln!(out)
}

/// Returns the lines of the plot from the top, each a cell for each column.
pub(super) fn plot(layers: &[Layer], width: usize, height: usize) -> Vec<Vec<Cell>> {
    let (columns, highest) = (columns(layers, width), highest(layers));
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

fn highest(layers: &[Layer]) -> f64 {
    let tops = layers.last().into_iter().flat_map(|layer| &layer.edges).flatten().map(|(_, upper)| *upper);
    tops.fold(f64::MIN_POSITIVE, f64::max)
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
        let lines = plot(&layers(), 7, 2);
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
        assert_eq!(plot(&layers(), 2, 4).iter().map(|cells| cells.len()).collect::<Vec<_>>(), [2; 4]);
        assert_eq!(plot(&layers(), 9, 1)[0].len(), 8, "two columns of each part");
        assert!(plot(&[], 10, 2).iter().all(Vec::is_empty));
    }
}
