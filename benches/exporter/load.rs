//! Loads: units whose leader has workers, all blocked until the bench has them work for a moment.
//!
//! The processes run this program, in modes of its own: `launch`, `lead` and `work`. A leader is an orphan, as a service's
//! main process is, so that it is a group if CPU is counted by process. All processes end when their standard inputs do,
//! and so with the bench, even if it is killed.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::thread::set_name;

use crate::kinds::{burn, spend};
use crate::pids::Pids;
use crate::slice::Slice;

/// CPU that a working process uses: just over one tick of 10 ms.
const WORK: Duration = Duration::from_millis(11);
const DONE: [u8; 1] = [b'.'];

/// Threads of a process that work.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// First thread.
    One = b'1' as isize,
    /// All threads, in equal parts.
    Every = b'*' as isize,
}

/// Units of one load, which end when dropped.
pub(crate) struct Loads {
    units: Vec<Running>,
    _pids: Pids,
}

/// Leader with its workers.
struct Running {
    pids: usize,
    stdin: ChildStdin,
    stdout: ChildStdout,
}

impl Loads {
    /// Starts `processes` processes with `threads` threads each, in `units` units named `u000` and on. All are blocked when
    /// this returns.
    pub(crate) fn start(slice: &Slice, processes: usize, threads: usize, units: usize) -> Result<Loads> {
        let pids = Pids::raise_limit(processes * threads)?;
        let share = |number: usize| processes * number / units;
        let start = |number: usize| {
            let (name, pids) = (format!("u{number:03}"), share(number + 1) - share(number));
            let unit = slice.unit(&name)?;
            let arguments = ["lead", &name, &pids.to_string(), &threads.to_string()].map(str::to_owned);
            let (stdin, stdout) = orphan(&arguments, &unit.path)?;
            anyhow::Ok(Running { pids, stdin, stdout })
        };
        let mut loads = Loads { units: (0..units).map(start).collect::<Result<_>>()?, _pids: pids };
        loads.units.iter_mut().try_for_each(Running::wait_done).context("a load did not start")?;
        Ok(loads)
    }

    /// Has every process of the units from `first` on, `step` apart, work for a moment, and waits for all of them. Returns
    /// the number of these processes.
    pub(crate) fn work(&mut self, who: Who, first: usize, step: usize) -> Result<usize> {
        let mut done = 0;
        // The units work one after the other, so that the machine stays usable.
        for unit in self.units.iter_mut().skip(first).step_by(step) {
            unit.stdin.write_all(&[who as u8])?;
            unit.wait_done()?;
            done += unit.pids;
        }
        Ok(done)
    }
}

impl Running {
    fn wait_done(&mut self) -> Result<()> {
        Ok(self.stdout.read_exact(&mut [0])?)
    }
}

/// Starts this program in a mode, as an orphan in a cgroup.
pub(crate) fn orphan(arguments: &[String], cgroup: &Path) -> Result<(ChildStdin, ChildStdout)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("launch").arg(cgroup).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    // Taken before the wait, which would close them.
    let pipes = (child.stdin.take().context("no stdin")?, child.stdout.take().context("no stdout")?);
    ensure!(child.wait()?.success(), "{arguments:?} could not be launched");
    Ok(pipes)
}

/// Runs this program as a load if the arguments name one of its modes. `None` if they do not.
pub(crate) fn run_mode(arguments: &[String]) -> Option<Result<()>> {
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["launch", cgroup, rest @ ..] => Some(launch(cgroup, rest)),
        ["lead", name, processes, threads] => Some(lead(name, processes, threads)),
        ["work", threads] => Some(work(threads, &mut [])),
        ["parent", name, life_ms, runs] => Some(parent(name, life_ms, runs)),
        ["spend", kind] => Some(spend(kind)),
        ["child", life_ms] => Some(child(life_ms)),
        _ => None,
    }
}

fn launch(cgroup: &str, arguments: &[&str]) -> Result<()> {
    std::fs::write(Path::new(cgroup).join("cgroup.procs"), "0")?;
    // The child becomes an orphan, which PID 1 adopts.
    drop(Command::new(std::env::current_exe()?).args(arguments).spawn()?);
    Ok(())
}

fn lead(name: &str, processes: &str, threads: &str) -> Result<()> {
    set_name(std::ffi::CString::new(name)?.as_c_str())?;
    let worker = |_| {
        let mut command = Command::new(std::env::current_exe()?);
        let mut worker =
            command.args(["work", threads]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        worker.stdout.as_mut().context("no stdout")?.read_exact(&mut [0])?;
        Ok(worker)
    };
    let mut workers = (1..processes.parse()?).map(worker).collect::<Result<Vec<_>>>()?;
    work(threads, &mut workers)
}

/// Works whenever a byte arrives that says which threads work, and blocks otherwise. Writes a byte at the start and after
/// each work, once the workers have written theirs.
fn work(threads: &str, workers: &mut [Child]) -> Result<()> {
    let threads: u32 = threads.parse()?;
    // All threads meet here at the beginning and at the end of the work.
    let together = Arc::new(Barrier::new(threads as usize));
    for _ in 1..threads {
        let together = Arc::clone(&together);
        let blocked = move || loop {
            together.wait();
            burn(WORK / threads);
            together.wait();
        };
        std::thread::Builder::new().name("blocked".to_owned()).stack_size(16 * 1024).spawn(blocked)?;
    }
    let (mut stdin, mut stdout) = (std::io::stdin().lock(), std::io::stdout().lock());
    stdout.write_all(&DONE)?;
    stdout.flush()?;
    let mut who = [0];
    while stdin.read_exact(&mut who).is_ok() {
        for worker in workers.iter_mut() {
            worker.stdin.as_mut().context("no stdin")?.write_all(&who)?;
        }
        match who == [Who::Every as u8] {
            true => {
                together.wait();
                burn(WORK / threads);
                together.wait();
            }
            false => burn(WORK),
        }
        for worker in workers.iter_mut() {
            worker.stdout.as_mut().context("no stdout")?.read_exact(&mut [0])?;
        }
        stdout.write_all(&DONE)?;
        stdout.flush()?;
    }
    Ok(())
}

/// Runs one child after the other, each for `life_ms`, and then waits for the end of its input.
fn parent(name: &str, life_ms: &str, runs: &str) -> Result<()> {
    set_name(std::ffi::CString::new(name)?.as_c_str())?;
    let (mut stdin, mut stdout) = (std::io::stdin().lock(), std::io::stdout().lock());
    stdin.read_exact(&mut [0])?;
    for _ in 0..runs.parse()? {
        let child = Command::new(std::env::current_exe()?).args(["child", life_ms]).status()?;
        ensure!(child.success(), "a child ended with {child}");
    }
    stdout.write_all(&DONE)?;
    stdout.flush()?;
    let _ = stdin.read_exact(&mut [0]);
    Ok(())
}

/// Lives for `life_ms`, and works for a third of that.
fn child(life_ms: &str) -> Result<()> {
    let (begun, life) = (std::time::Instant::now(), Duration::from_millis(life_ms.parse()?));
    while begun.elapsed() < life {
        burn(Duration::from_millis(10));
        std::thread::sleep(Duration::from_millis(20).min(life.saturating_sub(begun.elapsed())));
    }
    Ok(())
}
