//! Comparison as a table: what differs, the totals below, and where both sides are from. One small file for JUnit.
mod junit;

use super::budget::columns;
use super::picture::{self, Scene};
use super::printable;
use super::table::cores;
use crate::compare::{Change, Comparison, RowComparison, SideReport, Verdict};
use crate::time::show_duration;
use std::io::{self, Write};
use std::time::Duration;

/// Format of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ComparisonFormat {
    /// For people: what differs, the totals below
    Table,
    /// One object, with all rows
    Json,
    /// The same object
    Yaml,
    /// A picture: the courses of both windows, one below the other; in a file
    Svg,
    /// A page of HTML with that picture and the table
    Html,
    /// JUnit's XML, a test case for each row
    Junit,
}

/// Findings that a caller fails on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum FailOn {
    /// Rows that are worse or new
    Worse,
    /// Any finding
    Any,
}

impl FailOn {
    /// Returns true if a verdict is a finding to fail on.
    pub fn has(self, verdict: Verdict) -> bool {
        match self {
            FailOn::Worse => verdict.is_worse(),
            FailOn::Any => verdict.is_finding(),
        }
    }
}

/// Format of a page, and its options.
#[derive(Clone, Copy, Debug)]
pub struct ComparisonOptions {
    /// Format.
    pub format: ComparisonFormat,
    /// True if a table has the rows that are the same too.
    pub all_rows: bool,
    /// True if a table may use colour.
    pub colour: bool,
    /// Findings that are failures in JUnit.
    pub fail_on: FailOn,
}

impl ComparisonFormat {
    /// Returns true if the format holds a comparison's notes.
    pub fn has_notes(self) -> bool {
        matches!(self, ComparisonFormat::Json | ComparisonFormat::Yaml | ComparisonFormat::Html)
    }

    /// Returns true if it is a picture, which no terminal shows.
    pub fn is_picture(self) -> bool {
        matches!(self, ComparisonFormat::Svg | ComparisonFormat::Html)
    }
}

/// Writes a comparison. Errors are the writer's.
pub fn comparison(of: &Comparison, options: ComparisonOptions, out: &mut impl Write) -> io::Result<()> {
    match options.format {
        ComparisonFormat::Json => {
            serde_json::to_writer_pretty(&mut *out, of).map_err(io::Error::from)?;
            writeln!(out)?;
        }
        ComparisonFormat::Yaml => {
            out.write_all(serde_yaml::to_string(of).map_err(io::Error::other)?.as_bytes())?;
        }
        ComparisonFormat::Junit => junit::write(of, options.fail_on, out)?,
        ComparisonFormat::Table => table(of, options, out)?,
        ComparisonFormat::Svg => picture::write_svg(&Scene::of_comparison(of), out)?,
        ComparisonFormat::Html => {
            let mut text = Vec::new();
            table(of, ComparisonOptions { colour: false, ..options }, &mut text)?;
            let notes = [&of.notes[..], &of.a.notes, &of.b.notes].concat();
            picture::write_html(&Scene::of_comparison(of), &text, &notes, out)?;
        }
    }
    out.flush()
}

fn table(of: &Comparison, options: ComparisonOptions, out: &mut impl Write) -> io::Result<()> {
    let is_visible = |row: &&RowComparison| options.all_rows || row.verdict.is_finding() || row.p.is_some();
    let shown: Vec<&RowComparison> = of.rows.iter().filter(is_visible).collect();
    if !shown.is_empty() {
        // New and gone rows are apart, below those that both sides have.
        let is_in_both = |row: &&&RowComparison| row.change.a.is_some() && row.change.b.is_some();
        let both = shown.iter().filter(is_in_both).copied();
        let new = shown.iter().filter(|row| row.change.a.is_none()).copied();
        let gone = shown.iter().filter(|row| row.change.b.is_none()).copied();
        let ordered: Vec<&RowComparison> = both.chain(new).chain(gone).collect();
        rows(&ordered, options.colour, out)?;
        writeln!(out)?;
    }
    totals(of, options.colour, out)?;
    writeln!(out, "\n{}", summary(of))?;
    writeln!(out, "\n{}", side("A", &of.a))?;
    writeln!(out, "{}", side("B", &of.b))
}

/// Writes rows. Text columns that no row fills are left out.
fn rows(rows: &[&RowComparison], colour: bool, out: &mut impl Write) -> io::Result<()> {
    type Column = (&'static str, fn(&RowComparison) -> &str);
    const TEXTS: [Column; 4] = [
        ("CLASS", |row| row.class.as_str()),
        ("NAMESPACE", |row| row.namespace.as_deref().unwrap_or_default()),
        ("NAME", |row| &row.name),
        ("TYPE", |row| row.workload_type.as_deref().unwrap_or_default()),
    ];
    let is_filled = |(_, text): &&Column| rows.iter().any(|row| !text(row).is_empty());
    let texts: Vec<&Column> = TEXTS.iter().filter(is_filled).collect();
    let mut headers: Vec<&str> = texts.iter().map(|(header, _)| *header).collect();
    headers.extend(["A", "B", "DIFF", "CHANGE", "P", "VERDICT"]);
    let line = |row: &&RowComparison| {
        let mut cells: Vec<String> = texts.iter().map(|(_, text)| printable(text(row))).collect();
        cells.extend(figures(&row.change));
        cells.extend([row.p.map_or_else(String::new, probability), verdict(row.verdict).to_owned()]);
        cells
    };
    let at = texts.len();
    columns(&headers, rows.iter().map(line).collect(), &[at, at + 1, at + 2, at + 3, at + 4], colour, out)
}

fn totals(of: &Comparison, colour: bool, out: &mut impl Write) -> io::Result<()> {
    let classes = of.classes.iter().map(|total| (total.class.as_str(), &total.change));
    let rest = [("unattributed", &of.unattributed), ("busy", &of.busy)];
    let is_there = |change: &Change| change.a.is_some() || change.b.is_some();
    let is_excluded = [of.excluded.a, of.excluded.b].into_iter().flatten().any(|cores| cores != 0.0);
    let excluded = is_excluded.then_some(("excluded", &of.excluded));
    let lines = classes.chain(rest.into_iter().filter(|(_, change)| is_there(change))).chain(excluded);
    let lines = lines.map(|(name, change)| std::iter::once(name.to_owned()).chain(figures(change)).collect());
    columns(&["TOTAL", "A", "B", "DIFF", "CHANGE"], lines.collect(), &[1, 2, 3, 4], colour, out)
}

/// Writes both averages, their difference, and that in percent. What is not known is empty.
fn figures(change: &Change) -> [String; 4] {
    let text = |figure: Option<f64>, write: fn(f64) -> String| figure.map_or_else(String::new, write);
    [
        text(change.a, cores),
        text(change.b, cores),
        text(change.difference, signed),
        text(change.relative, percent),
    ]
}

/// Writes a difference of cores. One that rounds to nothing is not less.
pub(super) fn signed(cores: f64) -> String {
    let text = format!("{cores:+.3}");
    if text == "-0.000" { "+0.000".to_owned() } else { text }
}

/// Writes a share as a change in percent, likewise.
pub(super) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    match format!("{percent:+.0} %") {
        _ if percent >= 1000.0 => format!("{:.0} times", share + 1.0),
        text if text == "-0 %" => "+0 %".to_owned(),
        text => text,
    }
}

fn probability(p: f64) -> String {
    if p < 0.001 { "<0.001".to_owned() } else { format!("{p:.3}") }
}

/// Returns a verdict as a table shows it: `~` if a row is not told apart from noise.
fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Noise => "~",
        Verdict::Same => "",
        other => other.as_str(),
    }
}

/// Words how many rows are findings, and what the others are.
fn summary(of: &Comparison) -> String {
    let count = |verdict| of.rows.iter().filter(|row| row.verdict == verdict).count();
    let found = [Verdict::Worse, Verdict::Better, Verdict::New, Verdict::Gone];
    let found = found.map(|verdict| (count(verdict), verdict.as_str()));
    let found: Vec<String> =
        found.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    let mut parts = vec![if found.is_empty() { "no finding".to_owned() } else { found.join(", ") }];
    let others =
        [(Verdict::Noise, "not told apart from noise (~)"), (Verdict::Unknown, "not counted on both sides")];
    parts.extend(others.iter().filter_map(|(verdict, words)| match count(*verdict) {
        0 => None,
        count => Some(format!("{count} {words}")),
    }));
    let limits = format!("{:.3} % or {}m", 100.0 * of.tolerance, 1000.0 * of.floor);
    let limits = limits.replace(".000 %", " %");
    parts.push(format!("{} of {} rows within {limits}", count(Verdict::Same), of.rows.len()));
    parts.join("; ")
}

/// Words where a side is from: what was asked for, source, window, coverage, and the distance of samples.
fn side(name: &str, of: &SideReport) -> String {
    let whole = |at: jiff::Timestamp| at.round(jiff::Unit::Second).unwrap_or(at);
    let window = &of.window;
    let length = Duration::try_from_secs_f64(window.interval_seconds.round()).unwrap_or_default();
    let covered = match of.coverage {
        1.0 => String::new(),
        part => format!(", {:.1} % of what was asked for", 100.0 * part),
    };
    let at = of.url.as_ref().map_or_else(String::new, |url| format!(" at {url}"));
    let nodes = if of.nodes == 1 { "1 node".to_owned() } else { format!("{} nodes", of.nodes) };
    printable(&format!(
        "{name} = {}: {} series of {nodes}{at}, {} to {} ({}{covered}), a sample every {} s",
        of.asked,
        of.source,
        whole(window.start),
        whole(window.end),
        show_duration(length),
        window.step_seconds,
    ))
}

#[cfg(test)]
mod tests;
