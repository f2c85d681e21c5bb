//! Runs the program as a user would: an empty home, which is the working directory too, and no variables but `PATH`.
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A user's shell, as far as the program sees it.
pub(crate) struct Plugin {
    home: TempDir,
    kubeconfig: Option<String>,
}

/// Result of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Plugin {
    pub(crate) fn new() -> Plugin {
        Plugin { home: tempfile::tempdir().unwrap(), kubeconfig: None }
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Sets `KUBECONFIG`.
    pub(crate) fn kubeconfig(self, path: impl Into<String>) -> Plugin {
        Plugin { kubeconfig: Some(path.into()), ..self }
    }

    /// Runs the program to its end. The home is `/home/me` in what it prints.
    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oc-interrogate"));
        command.args(arguments).env_clear().current_dir(self.home()).stdin(Stdio::null());
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", self.home());
        command.envs(self.kubeconfig.iter().map(|path| ("KUBECONFIG", path)));
        let output = command.output().unwrap();
        let home = self.home().to_str().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap().replace(home, "/home/me");
        let code = output.status.code().unwrap_or_else(|| panic!("{arguments:?}: {}", output.status));
        Outcome { code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// Runs the program in a home of its own.
pub(crate) fn run(arguments: &[&str]) -> Outcome {
    Plugin::new().run(arguments)
}

/// Runs the program, which must succeed and print nothing on standard error. Returns what it prints.
pub(crate) fn printed(arguments: &[&str]) -> String {
    let outcome = run(arguments);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{arguments:?}: {outcome:?}");
    outcome.stdout
}

impl Outcome {
    /// Returns the error that is printed: one line on standard error, with nothing on standard output.
    pub(crate) fn error(&self, code: i32) -> &str {
        assert_eq!((self.code, self.stdout.as_str()), (code, ""), "{self:?}");
        let line = self.stderr.strip_suffix('\n').unwrap_or_default();
        assert!(line.starts_with("error: ") && !line.contains('\n'), "{self:?}");
        line
    }
}

/// A command line as one would type it: arguments in quotes if a shell, or a reader, needs them.
pub(crate) fn typed(arguments: &[&str]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.,:/=+@%".contains(c);
    let shown = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    let quoted = |argument: &&str| match argument.chars().all(plain) && !argument.is_empty() {
        true => (*argument).to_owned(),
        false => format!("'{}'", argument.chars().map(shown).collect::<String>()),
    };
    let words = arguments.iter().map(quoted).collect::<Vec<_>>().join(" ");
    format!("oc interrogate {words}").trim_end().to_owned()
}
