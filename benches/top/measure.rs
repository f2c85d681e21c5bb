//! Runs the plugin, and measures time and memory.

use std::fs::read_to_string;
use std::io::Read;
use std::process::{Command, Stdio};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// Seconds.
pub(crate) fn timed(what: impl FnOnce() -> Result<()>) -> Result<f64> {
    let start = Instant::now();
    what()?;
    Ok(start.elapsed().as_secs_f64())
}

/// The whole process, with nothing of the user's environment.
fn plugin<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oc-interrogate"));
    command.args(arguments).env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the plugin, which must succeed and say something.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let output = plugin(arguments).output()?;
    let (ok, error) = (output.status.success(), String::from_utf8_lossy(&output.stderr));
    ensure!(ok && !output.stdout.is_empty(), "{arguments:?}: {}: {error}", output.status);
    Ok(())
}

/// The most memory that the plugin had at once, in MiB, and what it printed.
pub(crate) fn peak_memory(arguments: &[String]) -> Result<(f64, String)> {
    let mut child = plugin(arguments).stderr(Stdio::null()).spawn()?;
    let mut stdout = child.stdout.take().context("no standard output")?;
    let reader = spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).map(|_| text)
    });
    // The kernel forgets the mark when the process ends, so it is read again and again. What `wait4` tells is no good:
    // it begins with the memory of this process, from before the exec.
    let status = format!("/proc/{}/status", child.id());
    let mut peak_kib = 0.0;
    let ended = loop {
        let marks = read_to_string(&status).unwrap_or_default(); // without a mark once it has ended
        let mark = marks.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
        if let Some(mark) = mark {
            peak_kib = mark.trim().parse().context("no number after VmHWM")?;
        }
        if let Some(ended) = child.try_wait()? {
            break ended;
        }
        sleep(Duration::from_millis(1));
    };
    ensure!(ended.success() && peak_kib > 0.0, "{arguments:?}: {ended}");
    let text = reader.join().ok().context("the reader ended early")??;
    Ok((peak_kib / 1024.0, text))
}
