//! The command line: what runs, exit codes, the error line.
mod checking;
mod complete;
mod completion;
mod flags;
mod installing;
mod shared;
mod typed;
mod values;
mod version;
mod watch;

use crate::cluster::Cluster;
use crate::install::{self, Console, Removal};
use crate::print::{self, Look};
use crate::report::Report;
use crate::status;
use crate::top;
use anyhow::{Context, Result, bail};
use checking::StatusFlags;
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};
use flags::{Cli, Command, TopFlags};
use installing::{InstallFlags, UninstallFlags};
use shared::Usage;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

/// Exit codes that scripts rely on.
const FAILURE: u8 = 1;
const USAGE: u8 = 2;

/// Parses, runs, prints the error, returns the code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    // Who asks for completion listens to nothing but candidates, and may close the pipe at any time.
    if complete::answered(&args, &mut io::stdout().lock()).unwrap_or(true) {
        return ExitCode::SUCCESS;
    }
    let program = completion::program(args.first());
    let cli = Cli::command().try_get_matches_from(args).and_then(|matches| Cli::from_arg_matches(&matches));
    match cli {
        Ok(cli) => match run(cli.command, program) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                complain("error", &format!("{error:#}"));
                ExitCode::from(if error.is::<Usage>() { USAGE } else { FAILURE })
            }
        },
        Err(help) if help.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = help.print(); // stderr: it is not what anybody asked for
            ExitCode::from(USAGE)
        }
        Err(error) if error.use_stderr() => {
            complain("error", &usage_line(&error));
            ExitCode::from(USAGE)
        }
        Err(help) => match written("the help", help.print()) {
            Ok(_) => ExitCode::SUCCESS,
            Err(error) => {
                complain("error", &format!("{error:#}"));
                ExitCode::from(FAILURE)
            }
        },
    }
}

fn run(command: Command, program: &str) -> Result<()> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    match command {
        Command::Top(flags) => runtime.block_on(top(*flags)),
        Command::Install(flags) => runtime.block_on(install(*flags)),
        Command::Uninstall(flags) => runtime.block_on(uninstall(*flags)),
        Command::Status(flags) => runtime.block_on(status(*flags)),
        Command::Version(flags) => runtime.block_on(flags.run(&mut io::stdout())),
        Command::Completion(flags) => flags.run(program, &mut io::stdout().lock()),
    }
}

async fn top(flags: TopFlags) -> Result<()> {
    let (look, local, selector, watch) = (flags.look(), flags.local, flags.selector.clone(), flags.watch);
    let (mut question, session, prometheus) = flags.typed()?;
    let cluster = Cluster::new(session);
    if let Some(selector) = selector.filter(|selector| !selector.is_empty()) {
        let selected = cluster.nodes(&selector).await?;
        let nodes = question.filter.nodes.take();
        let both = |node: &String| nodes.as_ref().is_none_or(|nodes| nodes.contains(node));
        question.filter.nodes = Some(selected.into_iter().filter(both).collect());
    }
    let report = if local {
        match watch {
            Some(every) => return watch::local(question, every, look).await,
            None => top::measure(&question).await?,
        }
    } else {
        let connection = cluster.connect(&prometheus).await?;
        if let Some(every) = watch {
            connection.notes.iter().for_each(|note| complain("note", note));
            return watch::cluster(&cluster, &connection.client, question, every, look).await;
        }
        let report = top::ask(&connection.client, &question).await?;
        // After the answer: where there is none, the error alone is what to read.
        connection.notes.iter().for_each(|note| complain("note", note));
        report
    };
    show(&report, look).map(|_| ())
}

async fn install(flags: InstallFlags) -> Result<()> {
    let (options, session, prometheus) = flags.typed()?;
    let mut console = Console { out: &mut io::stdout(), err: &complain };
    install::install(&Cluster::new(session), &prometheus, &options, &mut console).await
}

async fn uninstall(flags: UninstallFlags) -> Result<()> {
    let (dry_run, wait, yes) = (flags.dry_run, flags.wait, flags.yes);
    let (timeout, session) = flags.typed();
    let removal = Removal { dry_run, wait, timeout, ask: &|question| yes || installing::ask(question) };
    let mut console = Console { out: &mut io::stdout(), err: &complain };
    install::uninstall(&Cluster::new(session), &removal, &mut console).await
}

/// Errors: some checks failed, after all of them have been printed.
async fn status(flags: StatusFlags) -> Result<()> {
    let format = flags.output;
    let (wait, session, prometheus) = flags.typed()?;
    let report = status::status(&Cluster::new(session), &prometheus, wait, &complain).await?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    written("the report", status::write(&report, format, shared::colour(), &mut out))?;
    let failed = report.failed();
    if failed.is_empty() {
        return Ok(());
    }
    bail!("{} of {} checks failed: {}", failed.len(), report.checks.len(), failed.join(", "))
}

/// What came of writing `what` to stdout: whether anybody reads it. A closed pipe is the reader's choice.
fn written(what: &str, written: io::Result<()>) -> Result<bool> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        other => other.map(|()| true).with_context(|| format!("cannot write {what}")),
    }
}

/// Prints a report on stdout; its notes on stderr, where the format does not hold them. Whether anybody reads it.
fn show(report: &Report, look: Look) -> Result<bool> {
    if !written("the report", print::report(report, look, &mut io::BufWriter::new(io::stdout().lock())))? {
        return Ok(false);
    }
    if look.has_no_notes() {
        report.notes.iter().for_each(|note| complain("note", note));
    }
    Ok(true)
}

/// clap's error without its usage lines, as one line: its paragraphs apart.
fn usage_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let said =
        text.split("\n\n").take_while(|part| !part.starts_with("Usage:") && !part.starts_with("For more"));
    let said: Vec<String> = said.map(|part| part.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    format!("{} (see --help)", said.join("; ").trim_start_matches("error: "))
}

/// One line on stderr, without what a terminal would obey. Where stderr is gone there is nobody to tell.
fn complain(kind: &str, text: &str) {
    let line = text.split('\n').map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let _ = writeln!(io::stderr(), "{kind}: {}", print::printable(&line));
}
