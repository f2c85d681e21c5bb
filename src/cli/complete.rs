//! Completion: offers commands, flags and their values, with names from the cluster. On any error it offers less and
//! prints nothing: a message would land in the middle of the user's command line.
use super::completion::VARIABLE;
use super::flags::Cli;
use super::shared::ApiFlags;
use crate::cluster::{Cluster, Named, SessionOptions};
use clap::{Command, CommandFactory, FromArgMatches};
use clap_complete::CompletionCandidate;
use clap_complete::engine::{self, ArgValueCandidates};
use clap_complete::env::Shells;
use std::env::{current_dir, var};
use std::ffi::OsString;
use std::io::{self, Write};
use std::time::Duration;

/// First argument of a completion request of kubectl and oc, through the shims in `completions/`.
const WORD: &str = "__complete";
/// Longest time to wait for the cluster: the user waits as long after each Tab.
const PATIENCE: Duration = Duration::from_millis(800);
/// cobra's directives: no space after the word, and no file names beside the candidates.
const NO_SPACE: u8 = 2;
const NO_FILES: u8 = 4;

/// Writes candidates to `out` if `args` request completion. Returns false if they are a command.
pub(super) fn complete(args: &[OsString], out: &mut impl Write) -> io::Result<bool> {
    if let Ok(shell) = var(VARIABLE) {
        let words = args.iter().skip_while(|word| *word != "--").skip(1).cloned().collect::<Vec<_>>();
        let shells = Shells::builtins();
        let Some(shell) = shells.completer(&shell).filter(|_| !words.is_empty()) else {
            return Ok(false);
        };
        shell.write_complete(&mut command(&words), words, current_dir().ok().as_deref(), out)?;
        return Ok(true);
    }
    match args {
        [program, word, words @ ..] if word == WORD => {
            let words: Vec<_> = std::iter::once(program).chain(words).cloned().collect();
            complete_for_cobra(&words, out).map(|()| true)
        }
        _ => Ok(false),
    }
}

/// Writes candidates as kubectl and oc read them: a line for each with its description, then a directive.
fn complete_for_cobra(words: &[OsString], out: &mut impl Write) -> io::Result<()> {
    let last = words.len().saturating_sub(1);
    let folder = current_dir().ok();
    let candidates = engine::complete(&mut command(words), words.to_vec(), last, folder.as_deref());
    let candidates = candidates.unwrap_or_default();
    let begun = words.last().is_some_and(|word| !word.is_empty());
    let is_flag = |candidate: &CompletionCandidate| candidate.get_value().to_string_lossy().starts_with('-');
    // As in kubectl, an empty word gets flags only if there are no other candidates.
    let without_flags = !begun && candidates.iter().any(|candidate| !is_flag(candidate));
    let mut directive = NO_FILES;
    for candidate in candidates.iter().filter(|candidate| !(without_flags && is_flag(candidate))) {
        let value = candidate.get_value().to_string_lossy();
        let help = candidate.get_help().map(ToString::to_string).unwrap_or_default();
        match help.lines().next() {
            Some(help) => writeln!(out, "{value}\t{help}")?,
            None => writeln!(out, "{value}")?,
        }
        if value.ends_with(['/', '=']) {
            directive |= NO_SPACE;
        }
    }
    writeln!(out, ":{directive}")
}

/// Returns the command line. Its flags that take names complete them from the cluster that `words` select.
fn command(words: &[OsString]) -> Command {
    let options = options(words);
    Cli::command().mut_subcommands(|command| {
        command.mut_args(|flag| {
            let Some(named) = named(flag.get_id().as_str()) else { return flag };
            let options = options.clone();
            flag.add(ArgValueCandidates::new(move || candidates(options.clone(), named)))
        })
    })
}

/// Returns the kind of names that a flag takes; `None` if it takes no names.
fn named(flag: &str) -> Option<Named> {
    match flag {
        "namespace" | "skip_namespaces" => Some(Named::Namespaces),
        "node" => Some(Named::Nodes),
        "context" => Some(Named::Contexts),
        "cluster" => Some(Named::Clusters),
        "user" => Some(Named::Users),
        "as_groups" => Some(Named::Groups),
        _ => None,
    }
}

/// Returns the options of the session that `words` select. They may be an unfinished command.
fn options(words: &[OsString]) -> SessionOptions {
    let whole = words.split_last().map(|(_, whole)| whole).unwrap_or_default();
    let matches = Cli::command().ignore_errors(true).try_get_matches_from(whole).ok();
    let subcommand = matches.as_ref().and_then(|matches| Some(matches.subcommand()?.1));
    // Not all commands have these flags, and clap panics if code reads flags that a command does not define.
    let with_flags = subcommand.filter(|matches| matches.try_contains_id("kubeconfig").is_ok());
    let flags = with_flags.and_then(|matches| ApiFlags::from_arg_matches(matches).ok());
    flags.map(ApiFlags::session).unwrap_or_default()
}

/// Fetches the names of a kind. Returns no names on any error.
fn candidates(options: SessionOptions, kind: Named) -> Vec<CompletionCandidate> {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return Vec::new();
    };
    let names = runtime.block_on(async {
        tokio::time::timeout(PATIENCE, Cluster::new(options).names(kind)).await.ok().and_then(Result::ok)
    });
    // The thread that resolves host names may still wait for a name server. Do not wait for the thread.
    runtime.shutdown_background();
    names.unwrap_or_default().into_iter().map(CompletionCandidate::new).collect()
}
