//! Command line: runs the commands, returns exit codes, prints the error line.
mod budgeting;
mod called_as;
mod capturing;
mod checking;
mod comparing;
mod complete;
mod completion;
mod flags;
mod installing;
mod shared;
mod typed;
mod values;
mod verdict_output;
mod version;
mod watch;

use crate::capture::{Case, Needs};
use crate::cluster::Cluster;
use crate::install::{self, Console, Removal};
use crate::print::{self, PageOptions};
use crate::progress::Progress;
use crate::report::Report;
use crate::status;
use crate::time::Timestamp;
use crate::top::{self, By, Question};
use crate::trace;
use anyhow::{Context, Result, bail};
use checking::StatusFlags;
use clap::FromArgMatches;
use clap::error::ErrorKind;
use flags::{Cli, Command, TopFlags};
use installing::{InstallFlags, UninstallFlags};
use schemars::{JsonSchema, schema_for};
use shared::Usage;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use values::End;

/// Exit codes that scripts rely on.
const FAILURE: u8 = 1;
const USAGE: u8 = 2;

/// Parses, runs, prints the error, returns the code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    // Completion reports no errors: the shell reads nothing but candidates, and may close the pipe at any time.
    if complete::complete(&args, &mut io::stdout().lock()).unwrap_or(true) {
        return ExitCode::SUCCESS;
    }
    let program = completion::program(args.first());
    let cli = called_as::command(program)
        .try_get_matches_from(args)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    match cli {
        Ok(Cli { verbose, command }) => match run(verbose, command, program) {
            Ok(code) => code,
            Err(error) => {
                print_stderr("error", &format!("{error:#}"));
                ExitCode::from(if error.is::<Usage>() { USAGE } else { FAILURE })
            }
        },
        Err(help) if help.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = help.print(); // to stderr, since the user did not ask for it
            ExitCode::from(USAGE)
        }
        Err(error) if error.use_stderr() => {
            print_stderr("error", &usage_line(&error));
            ExitCode::from(USAGE)
        }
        Err(help) => match check_written("the help", help.print()) {
            Ok(_) => ExitCode::SUCCESS,
            Err(error) => {
                print_stderr("error", &format!("{error:#}"));
                ExitCode::from(FAILURE)
            }
        },
    }
}

fn run(verbose: bool, command: Command, program: &str) -> Result<ExitCode> {
    if verbose {
        trace::enable();
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    match command {
        Command::Budget(flags) => return runtime.block_on(flags.run()),
        Command::Capture(flags) => runtime.block_on(flags.run()),
        Command::Compare(flags) => return runtime.block_on(flags.run()),
        Command::Top(flags) => runtime.block_on(top(*flags)),
        Command::Install(flags) => runtime.block_on(install(*flags)),
        Command::Uninstall(flags) => runtime.block_on(uninstall(*flags)),
        Command::Status(flags) => runtime.block_on(status(*flags)),
        Command::Version(flags) => runtime.block_on(flags.run(&mut io::stdout())),
        Command::Completion(flags) => flags.run(program, &mut io::stdout().lock()),
    }
    .map(|()| ExitCode::SUCCESS)
}

async fn top(flags: TopFlags) -> Result<()> {
    if flags.schema {
        return print_schema::<Report>();
    }
    let (options, local, selector, watch) =
        (flags.page_options(), flags.local, flags.selector.clone(), flags.watch);
    let (from, end) = (flags.from.clone(), flags.time);
    let (mut question, session, prometheus) = flags.typed()?;
    if let Some(path) = from {
        return show(&replay(&path, end, question).await?, options).map(|_| ());
    }
    let cluster = Cluster::new(session);
    if let Some(selector) = selector.filter(|selector| !selector.is_empty()) {
        let selected = cluster.nodes(&selector).await?;
        let nodes = question.filter.nodes.take();
        let both = |node: &String| nodes.as_ref().is_none_or(|nodes| nodes.contains(node));
        question.filter.nodes = Some(selected.into_iter().filter(both).collect());
    }
    let report = if local {
        match watch {
            Some(every) => return watch::local(question, every, options).await,
            None => top::measure(&question).await?,
        }
    } else {
        let connection = cluster.connect(&prometheus).await?;
        if question.by == By::Cpuset {
            question.sets.partitioning = cluster.partitioning().await;
        }
        if let Some(every) = watch {
            connection.notes.iter().for_each(|note| print_stderr("note", note));
            return watch::cluster(&cluster, &connection.client, question, every, options).await;
        }
        let report = top::query(&connection.client, &question).await?;
        // The notes come after the query: if it fails, the user should read the error alone.
        connection.notes.iter().for_each(|note| print_stderr("note", note));
        report
    };
    show(&report, options).map(|_| ())
}

/// Makes the report of a file of samples. `end`: end of the window; `None` for the newest sample.
async fn replay(path: &Path, end: Option<End>, mut question: Question) -> Result<Report> {
    let mut needs = vec![Needs::Rows];
    match question.by {
        By::Thread => needs.push(Needs::Threads),
        By::Cpuset => needs.push(Needs::Cpusets),
        _ => {}
    }
    let case = open(path, &needs)?;
    let mut report = if question.by == By::Cpuset && case.has_sets_alone() {
        question.sets.partitioning = case.partitioning;
        question.sets.affinities = case.affinities;
        // Nothing that is gathered tells when it was.
        let modified = path.metadata().and_then(|about| about.modified()).map(Timestamp::from);
        question.end = End::time(end, modified.unwrap_or(question.end));
        top::gathered(&question, &case.name)
    } else {
        let samples = case.samples()?;
        question.end = End::time(end, samples.end(question.source));
        samples.require(question.source, question.end, question.interval)?;
        question.sets.partitioning = case.partitioning.clone();
        question.sets.affinities = case.affinities.clone();
        top::query(&samples.client, &question).await?
    };
    report.notes.extend(case.notes);
    Ok(report)
}

/// Reads a path that holds samples.
fn open(path: &Path, needs: &[Needs]) -> Result<Case> {
    let shown = print::printable(&path.display().to_string());
    let _progress = Progress::start(format!("reading {shown}"));
    Case::open(path, None, &shown, needs)
}

async fn install(flags: InstallFlags) -> Result<()> {
    let (options, session, prometheus) = flags.typed()?;
    let mut console = Console { out: &mut io::stdout(), err: &print_stderr };
    install::install(&Cluster::new(session), &prometheus, &options, &mut console).await
}

async fn uninstall(flags: UninstallFlags) -> Result<()> {
    let (dry_run, wait, yes) = (flags.dry_run, flags.wait, flags.yes);
    let (timeout, session) = flags.typed();
    let removal =
        Removal { dry_run, wait, timeout, confirm: &|question| yes || installing::confirm(question) };
    let mut console = Console { out: &mut io::stdout(), err: &print_stderr };
    install::uninstall(&Cluster::new(session), &removal, &mut console).await
}

/// Prints all checks. Errors if some failed.
async fn status(flags: StatusFlags) -> Result<()> {
    if flags.schema {
        return print_schema::<status::Report>();
    }
    let format = flags.output;
    let (wait, session, prometheus) = flags.typed()?;
    let report = status::status(&Cluster::new(session), &prometheus, wait, &print_stderr).await?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    check_written("the report", status::write(&report, format, shared::colour(), &mut out))?;
    let failed = report.failed();
    if failed.is_empty() {
        return Ok(());
    }
    bail!("{} of {} checks failed: {}", failed.len(), report.checks.len(), failed.join(", "))
}

/// Prints the JSON Schema of a report.
fn print_schema<T: JsonSchema>() -> Result<()> {
    let schema = serde_json::to_string_pretty(&schema_for!(T)).context("cannot write the schema")?;
    check_written("the schema", writeln!(io::stdout(), "{schema}")).map(|_| ())
}

/// Adds `what` to an error of writing it to stdout. Returns false if the reader has closed the pipe: that is no error.
fn check_written(what: &str, result: io::Result<()>) -> Result<bool> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        other => other.map(|()| true).with_context(|| format!("cannot write {what}")),
    }
}

/// Prints a report on stdout, and its notes on stderr if the format does not hold them. Returns false if the reader has
/// closed the pipe.
fn show(report: &Report, options: PageOptions) -> Result<bool> {
    if !check_written(
        "the report",
        print::report(report, options, &mut io::BufWriter::new(io::stdout().lock())),
    )? {
        return Ok(false);
    }
    if !options.has_notes() {
        report.notes.iter().for_each(|note| print_stderr("note", note));
    }
    Ok(true)
}

/// Formats clap's error as one line: without its usage, a semicolon between its paragraphs.
fn usage_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let parts =
        text.split("\n\n").take_while(|part| !part.starts_with("Usage:") && !part.starts_with("For more"));
    let parts: Vec<String> =
        parts.map(|part| part.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    format!("{} (see --help)", parts.join("; ").trim_start_matches("error: "))
}

/// Prints one line on stderr, without control characters. Ignores errors: if stderr is gone, nobody reads it.
fn print_stderr(kind: &str, text: &str) {
    let line = text.split('\n').map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let _ = writeln!(io::stderr(), "{kind}: {}", print::printable(&line));
}
