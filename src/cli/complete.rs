//! What the Tab key is offered: commands, flags and their values, the names of this cluster among them. Whatever
//! goes wrong, it is offered less, and nobody is told: a line of complaint would land in the middle of a command.
use super::completion::VARIABLE;
use super::flags::Cli;
use super::shared::ApiFlags;
use crate::cluster::{Cluster, Named, SessionOptions};
use clap::{Command, CommandFactory, FromArgMatches};
use clap_complete::CompletionCandidate;
use clap_complete::engine::{ArgValueCandidates, complete};
use clap_complete::env::Shells;
use std::env::{current_dir, var};
use std::ffi::OsString;
use std::io::{self, Write};
use std::time::Duration;

/// The first word of those that kubectl and oc ask with, through the shims in `completions/`.
const WORD: &str = "__complete";
/// A cluster that has not answered by then is as good as none: whoever pressed the key waits for it.
const PATIENCE: Duration = Duration::from_millis(800);
/// cobra's directives: no space behind the word, and no files of this folder beside the words.
const NO_SPACE: u8 = 2;
const NO_FILES: u8 = 4;

/// Answers on `out` where `args` ask for completion. False where they are a command.
pub(super) fn answered(args: &[OsString], out: &mut impl Write) -> io::Result<bool> {
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
            for_cobra(&words, out).map(|()| true)
        }
        _ => Ok(false),
    }
}

/// In the form that kubectl and oc read: a line for each candidate with its description, then a directive.
fn for_cobra(words: &[OsString], out: &mut impl Write) -> io::Result<()> {
    let last = words.len().saturating_sub(1);
    let folder = current_dir().ok();
    let candidates = complete(&mut command(words), words.to_vec(), last, folder.as_deref());
    let candidates = candidates.unwrap_or_default();
    let begun = words.last().is_some_and(|word| !word.is_empty());
    let is_flag = |candidate: &CompletionCandidate| candidate.get_value().to_string_lossy().starts_with('-');
    // As kubectl does: flags are offered to those who type a dash, or where nothing else can stand.
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

/// The command line, its flags that take names knowing where to find them: in the cluster that `words` speak of.
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

/// What the values of a flag are names of.
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

/// The cluster that a line speaks of, which need not be a whole one.
fn options(words: &[OsString]) -> SessionOptions {
    let whole = words.split_last().map(|(_, whole)| whole).unwrap_or_default();
    let matches = Cli::command().ignore_errors(true).try_get_matches_from(whole).ok();
    let of_command = matches.as_ref().and_then(|matches| Some(matches.subcommand()?.1));
    // Not all commands have them, and clap takes it for a mistake of ours to ask those for them.
    let with_flags = of_command.filter(|matches| matches.try_contains_id("kubeconfig").is_ok());
    let flags = with_flags.and_then(|matches| ApiFlags::from_arg_matches(matches).ok());
    flags.map(ApiFlags::session).unwrap_or_default()
}

fn candidates(options: SessionOptions, of: Named) -> Vec<CompletionCandidate> {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return Vec::new();
    };
    let names = runtime.block_on(async {
        tokio::time::timeout(PATIENCE, Cluster::new(options).names(of)).await.ok().and_then(Result::ok)
    });
    // A name server that does not answer is asked on a thread of its own, which nobody waits for.
    runtime.shutdown_background();
    names.unwrap_or_default().into_iter().map(CompletionCandidate::new).collect()
}
