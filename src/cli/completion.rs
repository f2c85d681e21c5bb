//! `completion`: prints the scripts of shells, and installs the shims that kubectl and oc run for completion.
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
    /// Print the script that makes this shell complete the program when run by its own name
    shell: Option<Shell>,
    /// Install kubectl_complete-interrogate and oc_complete-interrogate, which kubectl and oc run for completion
    #[arg(long)]
    install: bool,
    /// Delete the two programs that --install installs
    #[arg(long)]
    remove: bool,
    /// Folder of the two programs [default: this program's folder on PATH]
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

/// Environment variable in which a script names its shell when it requests candidates.
pub(super) const VARIABLE: &str = "OC_INTERROGATE_COMPLETE";
/// Names that users run this program by.
const PROGRAMS: [&str; 2] = ["oc-interrogate", "kubectl-interrogate"];
/// Programs that kubectl and oc run for completion: names and texts.
const SHIMS: [(&str, &str); 2] = [
    ("kubectl_complete-interrogate", include_str!("../../completions/kubectl_complete-interrogate")),
    ("oc_complete-interrogate", include_str!("../../completions/oc_complete-interrogate")),
];
/// Text that only our own shims contain.
const MARK: &str = "__complete \"$@\"";

impl CompletionFlags {
    /// Prints a script, or installs or removes the shims, with a line on `out` for each changed file. Errors: one line
    /// with the remedy.
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
        ensure!(cfg!(unix), "kubectl and oc complete plugins by Unix shell scripts, which do not run here");
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
            // From a folder of fpath, zsh runs the script itself at the first Tab. It has to complete then, too.
            writeln!(
                script,
                "\n[[ $funcstack[1] != _{program} ]] || _clap_dynamic_completer_{function} \"$@\""
            )?;
        }
        out.write_all(&script)
    }
}

/// Returns the name that the user ran this program by; the usual one if it is an unknown name.
pub(super) fn program(argument: Option<&OsString>) -> &'static str {
    let called = argument.map(Path::new).and_then(Path::file_stem).unwrap_or_default();
    let [usual, _] = PROGRAMS;
    PROGRAMS.into_iter().find(|name| called == *name).unwrap_or(usual)
}

/// Returns the folder of PATH that holds this program: kubectl and oc find the shims there. Errors if there is none.
fn usual_folder() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folder = std::env::split_paths(&path)
        .find(|folder| PROGRAMS.iter().any(|program| folder.join(program).is_file()));
    let Some(folder) = folder else {
        bail!("this program is in no folder of PATH: name one that is with --to FOLDER")
    };
    Ok(folder)
}

/// Writes a shim. Returns false if it is there already.
fn install(path: &Path, text: &str) -> io::Result<bool> {
    if read_shim(path)?.is_some_and(|there| there == text) {
        return Ok(false);
    }
    fs::write(path, text)?;
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    Ok(true)
}

/// Deletes a shim. Returns false if there is none.
fn remove(path: &Path) -> io::Result<bool> {
    match read_shim(path)? {
        Some(_) => fs::remove_file(path).map(|()| true),
        None => Ok(false),
    }
}

/// Reads the text of a shim; `None` if there is no such file. Errors if the file is not ours.
fn read_shim(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) if text.contains(MARK) => Ok(Some(text)),
        Ok(_) => Err(io::Error::other("it is somebody else's: move it away")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
