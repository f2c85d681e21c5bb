//! Help under the name that the user typed: `kubectl interrogate` if kubectl, or oc by krew's link, runs the program.
use super::flags::Cli;
use clap::CommandFactory;

const USUAL: &str = "oc interrogate";
const BY_KUBECTL: &str = "kubectl interrogate";

/// Returns the command line. Usage and examples have the name of `program`, which is one that `completion` knows.
pub(super) fn command(program: &str) -> clap::Command {
    let command = Cli::command();
    if program == "kubectl-interrogate" {
        rename(command.name(BY_KUBECTL).bin_name(BY_KUBECTL))
    } else {
        command
    }
}

fn rename(mut command: clap::Command) -> clap::Command {
    let renamed = |text: &clap::builder::StyledStr| text.to_string().replace(USUAL, BY_KUBECTL);
    if let Some(help) = command.get_after_help().map(renamed) {
        command = command.after_help(help);
    }
    if let Some(help) = command.get_after_long_help().map(renamed) {
        command = command.after_long_help(help);
    }
    command.mut_subcommands(rename)
}
