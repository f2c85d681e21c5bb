//! Full screen of a report: class totals as bars, rows in the order of a column, each with its trend, and the effects of
//! keys. Nothing here touches a terminal.
use super::chart;
use super::printable;
use super::sparks::{bar, sparks};
use super::stack;
use super::table::{self, Column, GAP, cores, cut_middle};
use crate::report::{Report, Row, SortBy, Stats};
use ratatui::Frame;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{self, Table};

/// Height below which a screen has no bars.
const LOW: u16 = 14;
/// Length of the shortest name that is left of a long one, and of the shortest trend.
const NAME: usize = 9;
const TREND: usize = 8;
const KEYS: &str = "q quit  ←→ sort  ↑↓ scroll  c chart";
/// Height of the chart, and of the lowest screen that has room for it.
const CHART: usize = 10;
const CHART_LOW: u16 = 24;

/// State of the screen.
#[derive(Debug)]
pub struct Screen {
    report: Option<Report>,
    error: Option<String>,
    sort: SortBy,
    first: usize,
    colour: bool,
    /// True if the trends are drawn in place of the bars.
    chart: bool,
}

/// Effect of an event on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It stays.
    Stay,
    /// It ends.
    End,
}

impl Screen {
    /// Makes an empty screen, whose rows will be in this order.
    pub fn new(sort: SortBy, colour: bool) -> Screen {
        Screen { report: None, error: None, sort, first: 0, colour, chart: false }
    }

    /// Draws the trends from the beginning, if `chart` is set.
    pub fn with_chart(self, chart: bool) -> Screen {
        Screen { chart, ..self }
    }

    /// Returns true if there is no report yet.
    pub fn is_empty(&self) -> bool {
        self.report.is_none()
    }

    /// Shows a report from now on.
    pub fn show(&mut self, report: Report) {
        (self.report, self.error) = (Some(report), None);
        self.order();
    }

    /// Shows an error below the last report.
    pub fn fail(&mut self, error: &str) {
        self.error = Some(printable(&error.replace('\n', " ")));
    }

    /// Handles a key.
    pub fn handle(&mut self, event: &Event) -> Next {
        let Event::Key(KeyEvent { code, modifiers, kind: KeyEventKind::Press, .. }) = event else {
            return Next::Stay;
        };
        let rows = self.report.as_ref().map_or(0, |report| report.rows.len());
        match code {
            KeyCode::Char('q') | KeyCode::Esc => return Next::End,
            KeyCode::Char('c') if modifiers.contains(KeyModifiers::CONTROL) => return Next::End,
            KeyCode::Char('c') => self.chart = !self.chart,
            KeyCode::Left => self.sort_by_next(-1),
            KeyCode::Right => self.sort_by_next(1),
            KeyCode::Up => self.first = self.first.saturating_sub(1),
            KeyCode::Down => self.first += 1,
            KeyCode::PageUp => self.first = self.first.saturating_sub(10),
            KeyCode::PageDown => self.first += 10,
            KeyCode::Home => self.first = 0,
            KeyCode::End => self.first = rows,
            _ => {}
        }
        self.first = self.first.min(rows.saturating_sub(1));
        Next::Stay
    }

    /// Sorts by the column so many columns further to the right.
    fn sort_by_next(&mut self, by: isize) {
        let all = self.sorts();
        let at = all.iter().position(|(_, sort)| *sort == self.sort).unwrap_or(0);
        let next = at.saturating_add_signed(by).min(all.len() - 1);
        self.sort = all.into_iter().nth(next).map_or(SortBy::Avg, |(_, sort)| sort);
        self.first = 0;
        self.order();
    }

    /// Returns the columns that rows can be sorted by, from left to right, with their headers.
    fn sorts(&self) -> Vec<(String, SortBy)> {
        let fixed = [SortBy::Name, SortBy::Now, SortBy::Avg, SortBy::Min, SortBy::Max];
        let headers = ["NAME", "NOW", "AVG", "MIN", "MAX"].map(str::to_owned);
        let percentiles = self.report.iter().flat_map(|report| &report.percentiles);
        let percentiles = percentiles.map(|name| (name.to_uppercase(), SortBy::Percentile(name.clone())));
        headers.into_iter().zip(fixed).chain(percentiles).collect()
    }

    fn order(&mut self) {
        if let Some(report) = &mut self.report {
            report.rows.sort_by(|a, b| a.order(b, &self.sort));
        }
    }

    /// Draws the screen.
    pub fn draw(&self, frame: &mut Frame<'_>) {
        let area = frame.area();
        let width = usize::from(area.width);
        let mut head = Vec::new();
        match &self.report {
            None => head.push(Line::from("the first samples are on their way")),
            Some(report) => {
                head.push(Line::from(cut_middle(&title(report), width)));
                if self.chart && area.height >= CHART_LOW {
                    head.extend(self.stacked_classes(report, width));
                    head.push(Line::default());
                } else if area.height >= LOW {
                    head.extend(self.bars(report, width));
                    head.push(Line::default());
                }
            }
        }
        let high = u16::try_from(head.len()).unwrap_or(u16::MAX).min(area.height.saturating_sub(1));
        let parts = [Constraint::Length(high), Constraint::Fill(1), Constraint::Length(1)];
        let [top, middle, foot] = Layout::vertical(parts).areas(area);
        frame.render_widget(Text::from(head), top);
        if let Some(report) = &self.report {
            frame.render_widget(self.rows(report, middle), middle);
        }
        frame.render_widget(self.foot(width), foot);
    }

    /// Returns the last line: the error, or the keys and the first note.
    fn foot(&self, width: usize) -> Line<'static> {
        let text = match (&self.error, self.report.as_ref().map(|report| report.notes.as_slice())) {
            (Some(error), _) => format!("error: {error}"),
            (None, Some([note, ..])) => format!("{KEYS}  note: {}", printable(note)),
            (None, _) => KEYS.to_owned(),
        };
        Line::styled(cut_middle(&text, width), Style::new().dim())
    }

    /// Returns a chart of the classes, and their names.
    fn stacked_classes(&self, report: &Report, width: usize) -> Vec<Line<'static>> {
        let layers = stack::of_classes(report);
        let style = |layer: Option<usize>| layer.map(|layer| Color::Indexed(chart::colour(layer)));
        let span = |cell: &chart::Cell| {
            if !self.colour {
                return Span::raw(cell.shade().to_string());
            }
            let (fg, bg) = (style(cell.layer), style(cell.behind));
            Span::styled(cell.block.to_string(), Style { fg, bg, ..Style::new() })
        };
        let plot = chart::plot(&layers, width, CHART, 0.0);
        let mut lines: Vec<Line<'static>> =
            plot.iter().map(|cells| Line::from(cells.iter().map(span).collect::<Vec<_>>())).collect();
        let names = layers.iter().enumerate().flat_map(|(index, layer)| {
            let swatch = chart::Cell { block: '█', layer: Some(index), behind: None };
            [span(&swatch), Span::raw(format!(" {} {}   ", layer.name, cores(layer.avg)))]
        });
        lines.push(Line::from(names.collect::<Vec<_>>()));
        lines
    }

    fn bars(&self, report: &Report, width: usize) -> Vec<Line<'static>> {
        let classes = report.classes.iter().map(|total| (total.class.as_str(), Some(total.stats)));
        let rest = [("unattributed", report.unattributed), ("busy", report.busy)];
        let totals: Vec<(&str, Stats)> =
            classes.chain(rest).filter_map(|(name, stats)| Some((name, stats?))).collect();
        let most = totals.iter().map(|(_, stats)| stats.avg).fold(0.0, f64::max);
        let line = |(name, stats): &(&str, Stats)| {
            let head = format!("{name:12}  {:>9}  ", cores(stats.avg));
            let bar = bar(stats.avg / most, width.saturating_sub(head.len()));
            let style = if self.colour { Style::new().fg(Color::Cyan) } else { Style::new() };
            Line::from(vec![Span::raw(head), Span::styled(bar, style)])
        };
        totals.iter().map(line).collect()
    }

    /// Returns as many rows as there is room for, below the headers. The one that rows are sorted by is marked.
    fn rows(&self, report: &Report, area: Rect) -> Table<'static> {
        let first = self.first.min(report.rows.len().saturating_sub(1));
        let height = usize::from(area.height.saturating_sub(1));
        let shown: Vec<&Row> = report.rows.iter().skip(first).take(height).collect();
        let all: Vec<&Row> = report.rows.iter().collect();
        let mut columns: Vec<Column> = table::columns(&all);
        let mut figures = self.sorts().split_off(1);
        let width = usize::from(area.width);
        let room = width.saturating_sub(TREND + GAP);
        let (mut headers, mut rows, mut widths) = lay_out(&shown, &columns, &figures, room);
        while total_width(&widths) > room + GAP {
            // First goes the node, unless it tells rows apart; then the figures, the last first.
            let node =
                columns.iter().position(|(header, _)| *header == "NODE").filter(|_| !is_per_node(report));
            match node {
                Some(node) => drop(columns.remove(node)),
                None if figures.len() > 2 => drop(figures.pop()),
                None => break,
            }
            (headers, rows, widths) = lay_out(&shown, &columns, &figures, room);
        }
        // A figure without its first digits would be another one: a column is there as a whole, or not.
        while total_width(&widths) > width + GAP && widths.pop().is_some() {}
        let parts = width.saturating_sub(total_width(&widths));
        let sorted = self.sorts().into_iter().find(|(_, sort)| *sort == self.sort).map(|(header, _)| header);
        let placed = |index: usize, span: Span<'static>| {
            let line = Line::from(span);
            if index < columns.len() { line } else { line.right_aligned() }
        };
        let header = headers.into_iter().take(widths.len()).enumerate().map(|(index, header)| {
            let style = Style::new().bold();
            let style = if sorted.as_ref() == Some(&header) { style.reversed() } else { style };
            placed(index, Span::styled(header, style))
        });
        let body = rows.iter().zip(shown).map(|(cells, row)| {
            let cells = cells.iter().zip(&widths).map(|(cell, width)| Span::raw(cut_middle(cell, *width)));
            let cells = cells.enumerate().map(|(index, span)| placed(index, span));
            let trend = row.trend.get(row.trend.len().saturating_sub(parts)..).unwrap_or_default();
            widgets::Row::new(cells.chain([Line::from(sparks(trend))]))
        });
        let lengths =
            widths.iter().map(|width| Constraint::Length(u16::try_from(*width).unwrap_or(u16::MAX)));
        // Without room for a trend, its gap would be taken from a name.
        let trend = (parts > 0).then_some(Constraint::Fill(1));
        Table::new(body, lengths.chain(trend)).header(widgets::Row::new(header)).column_spacing(GAP as u16)
    }
}

/// Returns the first line: source and window.
fn title(report: &Report) -> String {
    let (window, source) = (&report.window, &report.source);
    let nodes = if source.nodes == 1 { String::new() } else { format!("{} nodes, ", source.nodes) };
    format!(
        "{}, {nodes}{} to {} UTC, every {} s, in {}",
        source.kind.as_str(),
        window.start.strftime("%H:%M:%S"),
        window.end.strftime("%H:%M:%S"),
        window.step_seconds,
        report.unit,
    )
}

/// Returns headers, cells, and the width of each column. Names make room for a trend, as far as they can.
fn lay_out(
    rows: &[&Row],
    columns: &[Column],
    figures: &[(String, SortBy)],
    room: usize,
) -> (Vec<String>, Vec<Vec<String>>, Vec<usize>) {
    let names = columns.iter().map(|(header, _)| (*header).to_owned());
    let headers: Vec<String> = names.chain(figures.iter().map(|(header, _)| header.clone())).collect();
    let rows: Vec<Vec<String>> = rows.iter().map(|row| cells(row, columns, figures.len())).collect();
    let mut widths = table::widths(&headers, &rows);
    table::narrow(&mut widths, columns.len(), room, NAME);
    (headers, rows, widths)
}

/// Returns the width of all columns, with the spaces after each.
fn total_width(widths: &[usize]) -> usize {
    widths.iter().map(|width| width + GAP).sum()
}

/// Returns true if each node has rows of its own.
fn is_per_node(report: &Report) -> bool {
    report.rows.iter().any(|row| row.namespace.is_none() && row.node.is_some())
}

/// Returns the cells of a row: names, and so many figures.
fn cells(row: &Row, columns: &[Column], figures: usize) -> Vec<String> {
    let names = columns.iter().map(|(_, text)| printable(text(row)));
    let now = row.now().map_or_else(String::new, cores);
    names.chain([now].into_iter().chain(row.figures().map(cores)).take(figures)).collect()
}

#[cfg(test)]
mod tests;
