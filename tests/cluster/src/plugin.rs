//! Runs the real binary as a user would, in a clean environment.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, ensure};

use crate::namespace::directory;
use crate::process::mortal;
use crate::schema::check_output;

/// A user's shell, as far as the plugin sees it: an empty home, no variables but `PATH` and those given here.
pub struct Plugin {
    binary: PathBuf,
    home: PathBuf,
    variables: Vec<(String, OsString)>,
}

/// Result of a run.
#[derive(Debug)]
pub struct Outcome {
    /// The exit code.
    pub code: i32,
    /// All of standard output.
    pub stdout: String,
    /// All of standard error.
    pub stderr: String,
}

impl Plugin {
    /// `binary` is `env!("CARGO_BIN_EXE_oc-interrogate")`.
    pub fn new(binary: &str) -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let home = directory()?.join(format!("home-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
        fs::create_dir(&home).with_context(|| format!("making {}", home.display()))?;
        Ok(Self { binary: binary.into(), home, variables: Vec::new() })
    }

    /// The user's home, to put files in.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// Sets `KUBECONFIG` to one file.
    #[must_use]
    pub fn kubeconfig(self, file: impl Into<OsString>) -> Self {
        self.variable("KUBECONFIG", file)
    }

    /// Starts it, for a test that will not let it end; killed with this thread.
    pub fn start<S: Into<OsString>>(&self, arguments: impl IntoIterator<Item = S>) -> Result<Child> {
        let mut command = mortal("env");
        // Ctrl-C works in it also where the tests are a job in the background, to which shells give a deaf ear.
        command.arg("--default-signal=INT").arg(&self.binary);
        command.args(arguments.into_iter().map(Into::into)).current_dir(&self.home).env_clear();
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", &self.home);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().with_context(|| format!("starting {}", self.binary.display()))
    }

    /// Runs it to its end. One that has not ended after two minutes, or was killed, is an error, and so is a report that
    /// does not fit its schema.
    pub fn run<S: Into<OsString>>(&self, arguments: impl IntoIterator<Item = S>) -> Result<Outcome> {
        let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
        // Each of the two ends with the one above it, and this thread waits.
        let answer = mortal("timeout")
            .args(["--signal=KILL", "120"])
            .args(["setpriv", "--pdeathsig", "KILL", "--"])
            .arg(&self.binary)
            .args(&arguments)
            .stdin(Stdio::null())
            .current_dir(&self.home)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", &self.home)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .output()
            .with_context(|| format!("running {}", self.binary.display()))?;
        let stdout = String::from_utf8(answer.stdout).context("standard output is no UTF-8")?;
        let stderr = String::from_utf8(answer.stderr).context("standard error is no UTF-8")?;
        let code = answer.status.code().filter(|&code| code < 124);
        ensure!(code.is_some(), "the plugin hung or was killed ({}):\n{stdout}{stderr}", answer.status);
        check_output(&arguments, &stdout).with_context(|| format!("{arguments:?}"))?;
        Ok(Outcome { code: code.unwrap_or_default(), stdout, stderr })
    }
}
