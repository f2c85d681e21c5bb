//! Parse, run, print the error, return the code.
use std::process::ExitCode;

fn main() -> ExitCode {
    oc_interrogate::cli::main(std::env::args_os())
}
