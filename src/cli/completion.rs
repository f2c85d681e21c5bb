//! `completion`: the shells' scripts, and the programs through which kubectl and oc ask for completion.
use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::{ArgGroup, Args};
use clap_complete::env::Shells;
use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

#[derive(Args)]
#[group(skip)]
#[command(group = ArgGroup::new("what").args(["shell", "install", "remove"]).required(true))]
pub(super) struct CompletionFlags {
    /// Print what makes this shell complete the program when it is called by its own name
    shell: Option<Shell>,
    /// Put kubectl_complete-interrogate and oc_complete-interrogate on PATH, by which kubectl and oc complete it
    #[arg(long)]
    install: bool,
    /// Delete those two again
    #[arg(long)]
    remove: bool,
    /// The folder for them [default: this program's on PATH]
    #[arg(long, value_name = "FOLDER", conflicts_with = "shell")]
    to: Option<PathBuf>,
}

/// Shells with a script.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
    Powershell,
}

/// In which a script says what shell it is for, when it asks for candidates.
pub(super) const VARIABLE: &str = "OC_INTERROGATE_COMPLETE";
/// Under which names this program is called by its users.
const PROGRAMS: [&str; 2] = ["oc-interrogate", "kubectl-interrogate"];
/// What kubectl and oc run.
const SHIMS: [(&str, &str); 2] = [
    ("kubectl_complete-interrogate", include_str!("../../completions/kubectl_complete-interrogate")),
    ("oc_complete-interrogate", include_str!("../../completions/oc_complete-interrogate")),
];
/// What only our own shims hold.
const OURS: &str = "__complete \"$@\"";

impl CompletionFlags {
    /// Prints, installs or removes; each changed file is a line on `out`. Errors: one line with the remedy.
    pub(super) fn run(self, program: &str, out: &mut impl Write) -> Result<()> {
        let written = match self.shell {
            Some(shell) => shell.script(program, out),
            None => self.shims(out)?,
        };
        match written {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot write"),
            _ => Ok(()),
        }
    }

    fn shims(self, out: &mut impl Write) -> Result<io::Result<()>> {
        ensure!(cfg!(unix), "kubectl and oc complete plugins by programs that are for Unix shells: not here");
        let folder = match self.to {
            Some(folder) => folder,
            None => usual_folder()?,
        };
        let mut lines = Vec::new();
        for (name, text) in SHIMS {
            let path = folder.join(name);
            let changed = if self.remove { remove(&path) } else { install(&path, text) };
            if changed.map_err(|error| {
                anyhow!(
                    "{} cannot be changed ({error}): name another folder of PATH with --to FOLDER",
                    path.display()
                )
            })? {
                lines.push(format!(
                    "{} {}",
                    path.display(),
                    if self.remove { "deleted" } else { "installed" }
                ));
            }
        }
        if lines.is_empty() {
            lines.push(format!("nothing to do in {}", folder.display()));
        }
        Ok(lines.iter().try_for_each(|line| writeln!(out, "{line}")))
    }
}

impl Shell {
    fn script(self, program: &str, out: &mut impl Write) -> io::Result<()> {
        let name = match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
            Self::Powershell => "powershell",
        };
        let shells = Shells::builtins();
        let shell = shells.completer(name).ok_or(ErrorKind::Unsupported)?;
        let mut script = Vec::new();
        let function = program.replace('-', "_");
        shell.write_registration(VARIABLE, &function, program, program, &mut script)?;
        if matches!(self, Self::Zsh) {
            // Found in a folder of fpath, the script itself is what the first Tab runs, and has to answer it too.
            writeln!(
                script,
                "\n[[ $funcstack[1] != _{program} ]] || _clap_dynamic_completer_{function} \"$@\""
            )?;
        }
        out.write_all(&script)
    }
}

/// The name by which this program was called, where it is one of its own.
pub(super) fn program(argument: Option<&OsString>) -> &'static str {
    let called = argument.map(Path::new).and_then(Path::file_stem).unwrap_or_default();
    let [usual, _] = PROGRAMS;
    PROGRAMS.into_iter().find(|name| called == *name).unwrap_or(usual)
}

/// The folder of PATH in which this program is: what is found there, kubectl and oc find too.
fn usual_folder() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .find(|folder| PROGRAMS.iter().any(|program| folder.join(program).is_file()));
    let Some(folder) = found else {
        bail!("this program is in no folder of PATH: name one that is with --to FOLDER")
    };
    Ok(folder)
}

/// False where it was there already.
fn install(path: &Path, text: &str) -> io::Result<bool> {
    if ours(path)?.is_some_and(|there| there == text) {
        return Ok(false);
    }
    fs::write(path, text)?;
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    Ok(true)
}

/// False where there was none.
fn remove(path: &Path) -> io::Result<bool> {
    match ours(path)? {
        Some(_) => fs::remove_file(path).map(|()| true),
        None => Ok(false),
    }
}

/// The text of a shim, if there is one; another's file of that name is an error.
fn ours(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) if text.contains(OURS) => Ok(Some(text)),
        Ok(_) => Err(io::Error::other("it is somebody else's: move it away")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
