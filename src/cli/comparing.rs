//! `compare`: its flags, and what it prints.
use super::shared::{self, ApiFlags, PrometheusFlags, SourceFlag, Usage};
use super::values::{now, parse_cores, parse_duration, parse_percentage};
use super::{check_written, print_schema, print_stderr};
use crate::cluster::Cluster;
use crate::compare::{Comparison, Level, Limits, Operand, Prepared, Query};
use crate::print::{self, ComparisonFormat, ComparisonOptions, FailOn};
use crate::time::Timestamp;
use crate::top::SourceChoice;
use anyhow::{Context, Result, ensure};
use clap::{Args, ValueHint};
use std::io;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::Duration;

/// Exit code if there are findings that were asked for.
const FOUND: u8 = 3;

#[derive(Args)]
pub(super) struct CompareFlags {
    /// Before: a window of this cluster (-1d, -1d/1h, now/30m, 2026-01-31T10:00:00Z), a file that top -o json wrote, a capture
    /// or a must-gather, whose window ends with its newest sample
    #[arg(value_name = "A", value_parser = parse_operand, value_hint = ValueHint::FilePath, allow_hyphen_values = true, required_unless_present = "schema")]
    a: Option<Operand>,
    /// After, likewise
    #[arg(value_name = "B", value_parser = parse_operand, value_hint = ValueHint::FilePath, allow_hyphen_values = true, required_unless_present = "schema")]
    b: Option<Operand>,
    /// Length of windows that are given without one
    #[arg(short, long, value_name = "DURATION", default_value = "1h", value_parser = parse_duration, allow_hyphen_values = true)]
    interval: Duration,
    /// Share of A by which a row must differ to be a finding
    #[arg(long, value_name = "PERCENT", default_value = "10%", value_parser = parse_percentage, allow_hyphen_values = true)]
    tolerance: f64,
    /// CPU by which a row must differ to be a finding, in cores: 10m, 0.5
    #[arg(long, value_name = "CORES", default_value = "10m", value_parser = parse_cores, allow_hyphen_values = true)]
    floor: f64,
    /// Unit that a row stands for [default: workload, or what the saved reports tell]
    #[arg(long, value_name = "LEVEL")]
    by: Option<Level>,
    /// Exit with code 3 on these findings. In junit they are failures, without this flag those that are worse or new
    #[arg(long, value_name = "FINDINGS")]
    fail_on: Option<FailOn>,
    /// Show all rows in a table, not only those that differ
    #[arg(long)]
    all_rows: bool,
    /// Compare the exporter's own pods too, which rows of windows leave out as those of top do
    #[arg(long)]
    include_exporter: bool,
    /// Series of windows [default: the exporter's if they cover a window or have ten samples in it]
    #[arg(long, value_name = "SOURCE")]
    source: Option<SourceFlag>,
    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: ComparisonFormat,
    /// Print the JSON Schema of -o json and -o yaml, and nothing else
    #[arg(long)]
    schema: bool,
    #[command(flatten)]
    prometheus: PrometheusFlags,
    #[command(flatten)]
    api: ApiFlags,
}

impl CompareFlags {
    /// Runs the command, and returns its exit code.
    pub(super) async fn run(self) -> Result<ExitCode> {
        if self.schema {
            return print_schema::<Comparison>().map(|()| ExitCode::SUCCESS);
        }
        let (a, b) = self.a.zip(self.b).context("give A and B")?;
        if self.output.is_picture() {
            shared::refuse_terminal()?;
        }
        let is_short = |operand: &Operand| match operand {
            Operand::Window { length, .. } => length.unwrap_or(self.interval) < Duration::from_secs(1),
            Operand::Path(_) => false,
        };
        ensure!(
            !is_short(&a) && !is_short(&b),
            Usage("a window is below a second, and no cluster is sampled that often".to_owned())
        );
        let query = Query {
            a,
            b,
            by: self.by,
            limits: Limits { tolerance: self.tolerance, floor: self.floor },
            source: self.source.map_or(SourceChoice::Auto, SourceChoice::from),
            interval: self.interval,
            exporter: self.include_exporter,
        };
        let (session, prometheus) = (self.api.session(), self.prometheus.typed()?);
        let prepared = Prepared::new(query).map_err(|error| Usage(format!("{error:#}")))?;
        let comparison = if prepared.needs_cluster() {
            let connection = Cluster::new(session).connect(&prometheus).await?;
            let comparison = prepared.run(Some(&connection.client)).await?;
            connection.notes.iter().for_each(|note| print_stderr("note", note));
            comparison
        } else {
            prepared.run(None).await?
        };
        let options = ComparisonOptions {
            format: self.output,
            all_rows: self.all_rows,
            colour: shared::colour(),
            fail_on: self.fail_on.unwrap_or(FailOn::Worse),
        };
        let mut out = io::BufWriter::new(io::stdout().lock());
        check_written("the comparison", print::comparison(&comparison, options, &mut out))?;
        if !self.output.has_notes() {
            print_notes(&comparison);
        }
        let is_failure = |fail_on: FailOn| comparison.rows.iter().any(|row| fail_on.has(row.verdict));
        Ok(if self.fail_on.is_some_and(is_failure) { ExitCode::from(FOUND) } else { ExitCode::SUCCESS })
    }
}

/// Prints the notes on both sides, and those on one of them with its name.
fn print_notes(of: &Comparison) {
    of.notes.iter().for_each(|note| print_stderr("note", note));
    of.a.notes.iter().filter(|note| of.b.notes.contains(note)).for_each(|note| print_stderr("note", note));
    for (name, side, other) in [("A", &of.a, &of.b), ("B", &of.b, &of.a)] {
        let alone = side.notes.iter().filter(|note| !other.notes.contains(note));
        alone.for_each(|note| print_stderr("note", &format!("{name}: {note}")));
    }
}

/// Parses an operand. Both of a command line have the same now.
fn parse_operand(text: &str) -> Result<Operand, String> {
    static NOW: OnceLock<Timestamp> = OnceLock::new();
    Operand::parse(text, *NOW.get_or_init(now)).map_err(|error| format!("{error:#}"))
}
