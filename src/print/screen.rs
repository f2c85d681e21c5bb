//! A report on a full screen: class totals as bars, rows in the order of a column, each with its course; what a key does to
//! it. No terminal is touched here.
use super::printable;
use super::sparks::{bar, sparks};
use super::table::{self, Column, GAP, aligned, cores, cut_middle};
use crate::report::{Report, Row, SortBy, Stats};
use ratatui::Frame;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

/// A screen lower than this has no bars.
const LOW: u16 = 14;
/// No name is cut shorter than this, and no course is shorter where there is room for any.
const NAME: usize = 9;
const COURSE: usize = 8;
const KEYS: &str = "q quit  ←→ sort  ↑↓ scroll";

/// What is shown.
#[derive(Debug)]
pub struct Screen {
    report: Option<Report>,
    error: Option<String>,
    sort: SortBy,
    first: usize,
    colour: bool,
}

/// What becomes of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It stays.
    Stay,
    /// It ends.
    End,
}

impl Screen {
    /// Nothing yet, later in this order.
    pub fn new(sort: SortBy, colour: bool) -> Screen {
        Screen { report: None, error: None, sort, first: 0, colour }
    }

    /// Whether there is anything to see.
    pub fn is_empty(&self) -> bool {
        self.report.is_none()
    }

    /// Shows a report from now on.
    pub fn show(&mut self, report: Report) {
        (self.report, self.error) = (Some(report), None);
        self.order();
    }

    /// Says why the report is that of before.
    pub fn fail(&mut self, error: &str) {
        self.error = Some(printable(&error.replace('\n', " ")));
    }

    /// Does what a key says.
    pub fn take(&mut self, event: &Event) -> Next {
        let Event::Key(KeyEvent { code, modifiers, kind: KeyEventKind::Press, .. }) = event else {
            return Next::Stay;
        };
        let rows = self.report.as_ref().map_or(0, |report| report.rows.len());
        match code {
            KeyCode::Char('q') | KeyCode::Esc => return Next::End,
            KeyCode::Char('c') if modifiers.contains(KeyModifiers::CONTROL) => return Next::End,
            KeyCode::Left => self.turn(-1),
            KeyCode::Right => self.turn(1),
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

    /// Sorts by the column so many further to the right.
    fn turn(&mut self, by: isize) {
        let all = self.sorts();
        let at = all.iter().position(|(_, sort)| *sort == self.sort).unwrap_or(0);
        let next = at.saturating_add_signed(by).min(all.len() - 1);
        self.sort = all.into_iter().nth(next).map_or(SortBy::Avg, |(_, sort)| sort);
        self.first = 0;
        self.order();
    }

    /// The columns that there can be an order by, from left to right, with their headers.
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

    /// Draws all of it.
    pub fn draw(&self, frame: &mut Frame<'_>) {
        let area = frame.area();
        let (width, height) = (usize::from(area.width), usize::from(area.height));
        let mut lines = Vec::new();
        match &self.report {
            None => lines.push(Line::from("the first samples are on their way")),
            Some(report) => {
                lines.push(Line::from(cut_middle(&title(report), width)));
                if area.height >= LOW {
                    lines.extend(self.bars(report, width));
                    lines.push(Line::default());
                }
                let room = height.saturating_sub(lines.len() + 2);
                lines.extend(self.rows(report, width, room));
            }
        }
        lines.truncate(height.saturating_sub(1));
        for (line, y) in lines.into_iter().zip(0..) {
            frame.render_widget(line, Rect { y, height: 1, ..area });
        }
        let foot = Rect { y: area.height.saturating_sub(1), height: 1.min(area.height), ..area };
        frame.render_widget(self.foot(width), foot);
    }

    /// The last line: what went wrong, or what there is to read and to press.
    fn foot(&self, width: usize) -> Line<'static> {
        let text = match (&self.error, self.report.as_ref().map(|report| report.notes.as_slice())) {
            (Some(error), _) => format!("error: {error}"),
            (None, Some([note, ..])) => format!("{KEYS}  note: {}", printable(note)),
            (None, _) => KEYS.to_owned(),
        };
        Line::styled(cut_middle(&text, width), Style::new().dim())
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

    fn rows(&self, report: &Report, width: usize, room: usize) -> Vec<Line<'static>> {
        let first = self.first.min(report.rows.len().saturating_sub(1));
        let shown: Vec<&Row> = report.rows.iter().skip(first).take(room).collect();
        let mut columns: Vec<Column> = table::columns(&report.rows);
        let mut figures = self.sorts().split_off(1);
        let room = width.saturating_sub(COURSE + GAP);
        let (mut headers, mut rows, mut widths) = laid_out(&shown, &columns, &figures, room);
        while widths.iter().map(|width| width + GAP).sum::<usize>() > room + GAP {
            // A pod's node is told by no other column, and tells no rows apart; then go the figures, the last first.
            let node =
                columns.iter().position(|(header, _)| *header == "NODE").filter(|_| !is_per_node(report));
            match node {
                Some(node) => drop(columns.remove(node)),
                None if figures.len() > 2 => drop(figures.pop()),
                None => break,
            }
            (headers, rows, widths) = laid_out(&shown, &columns, &figures, room);
        }
        let used: usize = widths.iter().map(|width| width + GAP).sum();
        let mut lines = vec![self.header(&headers, &widths, columns.len())];
        for (cells, row) in rows.iter_mut().zip(shown) {
            for (cell, width) in cells.iter_mut().zip(&widths).take(columns.len()) {
                *cell = cut_middle(cell, *width);
            }
            let mut text = aligned(cells, &widths, columns.len());
            let parts = width.saturating_sub(used);
            let course = row.course.get(row.course.len().saturating_sub(parts)..).unwrap_or_default();
            text.push_str(&sparks(course));
            lines.push(Line::from(text));
        }
        lines
    }

    /// The headers, the one that is sorted by marked.
    fn header(&self, headers: &[String], widths: &[usize], texts: usize) -> Line<'static> {
        let sorted = self.sorts().into_iter().find(|(_, sort)| *sort == self.sort).map(|(header, _)| header);
        let mut spans = Vec::new();
        for (index, (header, width)) in headers.iter().zip(widths).enumerate() {
            let is_sorted = sorted.as_ref() == Some(header);
            let style = if is_sorted { Style::new().bold().reversed() } else { Style::new().bold() };
            let pad = " ".repeat(width.saturating_sub(header.width()));
            let (before, after) = if index < texts { (String::new(), pad) } else { (pad, String::new()) };
            spans.push(Span::raw(before));
            spans.push(Span::styled(header.clone(), style));
            spans.push(Span::raw(after + &" ".repeat(GAP)));
        }
        Line::from(spans)
    }
}

/// Whose figures, of when.
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

/// Headers, cells, and how wide each column is: names give way to a course, as far as they can.
fn laid_out(
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

/// Whether a node has rows of its own.
fn is_per_node(report: &Report) -> bool {
    report.rows.iter().any(|row| row.namespace.is_none() && row.node.is_some())
}

/// Names, and so many figures.
fn cells(row: &Row, columns: &[Column], figures: usize) -> Vec<String> {
    let names = columns.iter().map(|(_, text)| printable(text(row)));
    let percentiles = row.percentiles.iter().flat_map(|all| all.0.iter().map(|(_, value)| *value));
    let others = [row.stats.avg, row.stats.min, row.stats.max].into_iter().chain(percentiles).map(cores);
    let now = row.now().map_or_else(String::new, cores);
    names.chain([now].into_iter().chain(others).take(figures)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Next, Screen};
    use crate::print::table::tests::example;
    use crate::report::SortBy;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

    fn press(screen: &mut Screen, code: KeyCode) -> Next {
        screen.take(&Event::Key(KeyEvent::new(code, KeyModifiers::NONE)))
    }

    fn drawn(screen: &Screen, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| screen.draw(frame)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn every_size_is_drawn_and_no_name_obeyed() {
        let mut screen = Screen::new(SortBy::Avg, true);
        for (width, height) in [(80, 24), (200, 50), (20, 5), (1, 1), (7, 2)] {
            drawn(&screen, width, height);
        }
        screen.show(example());
        for (width, height) in [(80, 24), (200, 50), (20, 5), (1, 1), (7, 2)] {
            drawn(&screen, width, height);
        }
        let page = drawn(&screen, 120, 24);
        assert!(page.contains("crio-worker") && page.contains("\\u{1b}[1mc"), "{page}");
    }

    #[test]
    fn keys_sort_scroll_and_end() {
        let mut screen = Screen::new(SortBy::Avg, false);
        screen.show(example());
        press(&mut screen, KeyCode::Left);
        assert_eq!(screen.sort, SortBy::Now);
        for _ in 0..9 {
            press(&mut screen, KeyCode::Right);
        }
        assert_eq!(screen.sort, SortBy::Percentile("p95".to_owned()));
        for _ in 0..9 {
            press(&mut screen, KeyCode::Left);
        }
        let page = drawn(&screen, 100, 24);
        assert!(page.find("crio ") > page.find("a \\\"b\\\"").or(page.find("a \"b\"")), "by name: {page}");
        press(&mut screen, KeyCode::End);
        assert!(!drawn(&screen, 100, 24).contains("a \"b\""), "scrolled to the last row");
        assert_eq!(press(&mut screen, KeyCode::Char('q')), Next::End);
        let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(screen.take(&Event::Key(ctrl_c)), Next::End);
    }
}
