//! Programs that end with this process, however it ends.
//!
//! The kernel's parent-death signal is tied to the parent's *thread*, and libtest's threads end with their tests: so
//! one thread that ends only with the process starts them all.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::namespace::directory;
use crate::wait::until;

/// A running program; killed when dropped, and with this process.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

/// Starts `program` under a `name` that errors and its log file use; its output goes to that file.
pub fn start(name: &str, program: impl AsRef<OsStr>, arguments: &[String]) -> Result<Process> {
    let logs = directory()?.join("logs");
    fs::create_dir_all(&logs).with_context(|| format!("making {}", logs.display()))?;
    let log = logs.join(format!("{name}.log"));
    let output = File::create(&log).with_context(|| format!("making {}", log.display()))?;
    let mut command = mortal(program);
    // A process group of its own: Ctrl-C is for the tests.
    command.process_group(0);
    command.args(arguments).stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    let child = spawn(command).with_context(|| format!("starting {name}"))?;
    Ok(Process { name: name.to_owned(), child, log })
}

/// A command for `program` that the kernel kills when the thread that spawned it ends.
pub(crate) fn mortal(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

impl Process {
    /// The program's process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits up to a minute for `ready` to succeed. The error ends with the program's last lines.
    pub fn await_ready<T>(&mut self, mut ready: impl FnMut() -> Result<T>) -> Result<T> {
        let answer = until(&format!("{} to be ready", self.name), Duration::from_secs(60), || {
            match self.child.try_wait()? {
                Some(status) => Ok(Err(status)), // no use in trying on
                None => ready().map(Ok),
            }
        });
        match answer {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(status)) => bail!("{} ended ({status}):\n{}", self.name, self.log_tail()),
            Err(error) => Err(error.context(format!("the log of {}:\n{}", self.name, self.log_tail()))),
        }
    }

    /// Waits up to ten seconds for the program to end by itself.
    pub fn await_end(&mut self) -> Result<()> {
        until(&format!("{} to end", self.name), Duration::from_secs(10), || match self.child.try_wait()? {
            Some(_) => Ok(()),
            None => bail!("it runs"),
        })
    }

    /// Kills it, and waits until it is gone.
    pub fn kill(&mut self) {
        // Both fail only for a program that has ended and been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// The last lines that the program wrote.
    pub fn log_tail(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().collect();
        lines.get(lines.len().saturating_sub(15)..).unwrap_or_default().join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

type Request = (Command, Sender<std::io::Result<Child>>);

/// Spawns from the thread that never ends.
fn spawn(command: Command) -> Result<Child> {
    static STARTER: OnceLock<Mutex<Sender<Request>>> = OnceLock::new();
    let starter = STARTER.get_or_init(|| {
        let (sender, requests) = channel::<Request>();
        std::thread::spawn(move || {
            for (mut command, answer) in requests {
                // The caller may be gone. Its child is then dropped, and ends with the process.
                let _ = answer.send(command.spawn());
            }
        });
        Mutex::new(sender)
    });
    let (sender, answer) = channel();
    starter.lock().unwrap_or_else(PoisonError::into_inner).send((command, sender))?;
    Ok(answer.recv()??)
}
