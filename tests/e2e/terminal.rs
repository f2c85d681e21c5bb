//! A terminal of any size (tmux), what is on it, and keys pressed at it.

use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use test_cluster::{Process, directory, start, until};

/// Longest time until a screen is as expected.
const PATIENCE: Duration = Duration::from_secs(60);

/// A terminal; it and what runs on it end when it is dropped.
pub(crate) struct Terminal {
    socket: String,
    /// Ended with this struct.
    _server: Process,
}

impl Terminal {
    /// Starts a terminal of so many columns and lines, on which a shell runs a command.
    pub(crate) fn start((columns, lines): (u16, u16), command: &str) -> Result<Terminal> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("tmux-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let socket = directory()?.join(&name).display().to_string();
        let config = directory()?.join(format!("{name}.conf"));
        std::fs::write(&config, "set -g exit-empty off\nset -g default-shell /bin/sh\n")?;
        let config = config.display().to_string();
        let mut server = start(&name, "tmux", &["-u", "-D", "-S", &socket, "-f", &config].map(str::to_owned))
            .context("no tmux on PATH: install tmux")?;
        server.await_ready(|| {
            ensure!(std::path::Path::new(&socket).exists(), "no socket yet");
            Ok(())
        })?;
        let terminal = Terminal { socket, _server: server };
        let (columns, lines) = (columns.to_string(), lines.to_string());
        terminal.tmux(&["new-session", "-d", "-x", &columns, "-y", &lines, command])?;
        Ok(terminal)
    }

    fn tmux(&self, arguments: &[&str]) -> Result<Output> {
        let output = Command::new("tmux").args(["-u", "-S", &self.socket]).args(arguments).output()?;
        ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(output)
    }

    /// Presses a key, by tmux's name for it.
    pub(crate) fn press(&self, key: &str) -> Result<()> {
        self.tmux(&["send-keys", key]).map(drop)
    }

    /// Makes it another size.
    pub(crate) fn resize(&self, columns: u16, lines: u16) -> Result<()> {
        self.tmux(&["resize-window", "-x", &columns.to_string(), "-y", &lines.to_string()]).map(drop)
    }

    /// All of its lines, without the spaces at their ends.
    pub(crate) fn lines(&self) -> Result<Vec<String>> {
        let text = String::from_utf8(self.tmux(&["capture-pane", "-p"])?.stdout)?;
        Ok(text.lines().map(|line| line.trim_end().to_owned()).collect())
    }

    /// Waits until its lines pass a check, as a screen is drawn in several steps; the error is the last one of the check.
    pub(crate) fn await_check(&self, what: &str, check: impl Fn(&[String]) -> Result<()>) -> Result<()> {
        until(what, PATIENCE, || check(&self.lines()?))
    }

    /// Waits until its lines are as they should be; they are what an error shows.
    pub(crate) fn await_lines(&self, what: &str, fine: impl Fn(&[String]) -> bool) -> Result<Vec<String>> {
        until(what, PATIENCE, || {
            let lines = self.lines()?;
            ensure!(fine(&lines), "the screen:\n{}", lines.join("\n"));
            Ok(lines)
        })
    }
}
