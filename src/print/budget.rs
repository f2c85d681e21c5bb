//! Verdicts on a budget as a table: a line each with its worst node, then what the worst moment was made of.
use super::picture::{self, Scene};
use super::table::{cores, provenance};
use super::words::{of_line, of_node, place};
use super::{chart, junit, printable};
use crate::budget::{Budget, BudgetReport, Finding, LineReport, Suggestion, Unit, Verdict, WorstMoment};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use std::io::{self, Write};

/// Format of verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum BudgetFormat {
    /// For people: a line each, then the parts of the worst moment
    Table,
    /// One object
    Json,
    /// The same object
    Yaml,
    /// A picture: the worst node's trend, its limit and its worst moment; in a file
    Svg,
    /// A page of HTML with that picture and the table
    Html,
    /// JUnit's XML, a test case for each line
    Junit,
    /// An AlertingRule of OpenShift's monitoring, without asking the cluster
    AlertingRule,
}

impl BudgetFormat {
    /// Returns true if the format holds a report's notes.
    pub fn has_notes(self) -> bool {
        matches!(self, BudgetFormat::Json | BudgetFormat::Yaml | BudgetFormat::Html)
    }

    /// Returns true if it is a picture, which no terminal shows.
    pub fn is_picture(self) -> bool {
        matches!(self, BudgetFormat::Svg | BudgetFormat::Html)
    }
}

/// Format of verdicts, and options of the table.
#[derive(Clone, Copy, Debug)]
pub struct BudgetOptions {
    /// Format.
    pub format: BudgetFormat,
    /// True if a table may use colour.
    pub colour: bool,
    /// True if the trend of the worst line is drawn above the table.
    pub chart: bool,
    /// Columns of the terminal. `None` if it goes elsewhere.
    pub width: Option<u16>,
}

/// Number of parts of the worst moment that a table shows.
const PARTS: usize = 12;
/// Number of spaces between columns.
const GAP: u16 = 2;

/// Writes verdicts. Errors are the writer's.
pub fn budget(report: &BudgetReport, options: BudgetOptions, out: &mut impl Write) -> io::Result<()> {
    match options.format {
        BudgetFormat::Json | BudgetFormat::Yaml => object(report, options.format, out)?,
        BudgetFormat::Junit => junit::write(report, out)?,
        BudgetFormat::Svg => picture::write_svg(&Scene::of_budget(report), out)?,
        BudgetFormat::Html => {
            let mut text = Vec::new();
            table(report, false, &mut text)?;
            picture::write_html(&Scene::of_budget(report), &text, &report.notes, out)?;
        }
        BudgetFormat::Table | BudgetFormat::AlertingRule => {
            if options.chart {
                chart::write_budget(report, options, out)?;
            }
            table(report, options.colour, out)?;
        }
    }
    out.flush()
}

/// Writes a suggestion. Errors are the writer's.
pub fn suggestion(
    of: &Suggestion,
    format: BudgetFormat,
    colour: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    if matches!(format, BudgetFormat::Json | BudgetFormat::Yaml) {
        object(of, format, out)?;
        return out.flush();
    }
    let headers = ["NODE", "P99.9", "SAMPLES", "CPUS", "RESERVED NOW"];
    let rows = of.nodes.iter().map(|node| {
        let now = node.reserved.map_or_else(|| "not known".to_owned(), |reserved| reserved.to_string());
        vec![printable(&node.node), cores(node.p999), node.samples.to_string(), node.cpus.to_string(), now]
    });
    columns(&headers, rows.collect(), &[1, 2, 3, 4], colour, out)?;
    writeln!(out, "\nreserve {} CPUs: the platform's 99.9th percentile in whole cores", of.cpus)?;
    writeln!(out, "\n{}", printable(&provenance("cores", &of.window, &of.source)))?;
    out.flush()
}

/// Writes the budgets that are built in as a table.
pub fn budgets(budgets: &[Budget]) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let rows =
        budgets.iter().map(|of| vec![of.name.clone(), text(&of.about), text(&of.source), text(&of.date)]);
    let mut page = Vec::new();
    // A vector takes everything.
    let _ = columns(&["PROFILE", "ABOUT", "SOURCE", "AS OF"], rows.collect(), &[], false, &mut page);
    String::from_utf8_lossy(&page).into_owned()
}

fn object(of: &impl Serialize, format: BudgetFormat, out: &mut impl Write) -> io::Result<()> {
    if format == BudgetFormat::Yaml {
        return out.write_all(serde_yaml::to_string(of).map_err(io::Error::other)?.as_bytes());
    }
    serde_json::to_writer_pretty(&mut *out, of).map_err(io::Error::from)?;
    writeln!(out)
}

fn table(report: &BudgetReport, colour: bool, out: &mut impl Write) -> io::Result<()> {
    let mut rows = Vec::new();
    for line in &report.lines {
        match line.nodes.as_ref().filter(|nodes| !nodes.is_empty()) {
            Some(nodes) => rows.extend(nodes.iter().map(|node| row(line, &node.found, &of_node(node)))),
            None => rows.push(row(line, &line.worst, &of_line(line))),
        }
    }
    let headers = ["LINE", "STAT", "LIMIT", "IS", "LEFT", "NODE", "VERDICT"];
    columns(&headers, rows, &[2, 3, 4], colour, out)?;
    if let Some(moment) = &report.worst_moment {
        worst(moment, colour, out)?;
    }
    writeln!(out, "\n{}: {}", printable(&report.budget), summary(report))?;
    writeln!(out, "\n{}", printable(&provenance("cores", &report.window, &report.source)))
}

fn row(line: &LineReport, found: &Finding, verdict: &str) -> Vec<String> {
    let figure = |figure: Option<f64>| figure.map_or_else(String::new, |figure| amount(figure, line.unit));
    vec![
        printable(&line.line),
        line.statistic.clone(),
        found.limit.map_or_else(|| line.asked.clone(), |limit| amount(limit, line.unit)),
        figure(found.is),
        figure(found.left),
        printable(&place(found)),
        printable(verdict),
    ]
}

/// Writes cores, or bytes in gigabytes.
fn amount(figure: f64, unit: Unit) -> String {
    match unit {
        Unit::Cores => cores(figure),
        Unit::Bytes => format!("{:.3} GB", figure / 1e9),
    }
}

fn summary(report: &BudgetReport) -> String {
    let count = |verdict| report.lines.iter().filter(|line| line.verdict == verdict).count();
    let (exceeded, unknown, all) = (count(Verdict::Exceeded), count(Verdict::Unknown), report.lines.len());
    let of = |count: usize, word: &str| (count > 0).then(|| format!("{count} of {all} lines {word}"));
    let parts: Vec<String> =
        [of(exceeded, "exceeded"), of(unknown, "unknown")].into_iter().flatten().collect();
    if parts.is_empty() { format!("kept, all {all} lines") } else { parts.join(", ") }
}

/// Writes the parts of the worst moment, and how much those have that are not shown, so that all add up.
fn worst(moment: &WorstMoment, colour: bool, out: &mut impl Write) -> io::Result<()> {
    let WorstMoment { line, node, time, cores: all, parts } = moment;
    writeln!(out, "\nworst moment: {}, {} on {} at {time}", printable(line), cores(*all), printable(node))?;
    let (shown, rest) = parts.split_at_checked(PARTS).unwrap_or((parts, &[]));
    let mut rows: Vec<Vec<String>> = Vec::new();
    for part in shown {
        let class = part.class.map_or("", |class| class.as_str()).to_owned();
        let namespace = printable(part.namespace.as_deref().unwrap_or_default());
        rows.push(vec![class, namespace, printable(&part.name), cores(part.cores)]);
    }
    if !rest.is_empty() {
        let more = format!("{} more", rest.len());
        rows.push(vec![String::new(), String::new(), more, cores(rest.iter().map(|part| part.cores).sum())]);
    }
    columns(&["CLASS", "NAMESPACE", "NAME", "CORES"], rows, &[3], colour, out)
}

/// Writes a table without the spaces at its lines' ends; columns of figures are on the right.
pub(super) fn columns(
    headers: &[&str],
    rows: Vec<Vec<String>>,
    figures: &[usize],
    colour: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(headers.to_vec()).add_rows(rows);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, GAP));
        column.set_constraint(comfy_table::ColumnConstraint::ContentWidth);
        if figures.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for (index, line) in table.lines().enumerate() {
        match index {
            0 if colour => writeln!(out, "\u{1b}[1m{}\u{1b}[0m", line.trim_end())?,
            _ => writeln!(out, "{}", line.trim_end())?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
