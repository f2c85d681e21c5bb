//! Helpers of the live tests: a shell that uses CPU on demand, and the rule for tests that cannot run here.

use node_cpu::{Class, Detail, Snapshot};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// Level of detail that the exporter uses by default.
pub(crate) const DETAIL: Detail = Detail { threads: true };

/// Prints that a test does not run here, and why. Fails in CI.
pub(crate) fn skip(test: &str, why: &str) {
    assert!(std::env::var_os("CI").is_none(), "{test} must run in CI, but {why}");
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
}

/// Bash under a name of its own, which evaluates the lines that it receives. It ends when this value is dropped.
pub(crate) struct Shell {
    stdin: Option<ChildStdin>,
    stdout: BufReader<std::process::ChildStdout>,
    child: Child,
    pub(crate) pid: u32,
}

/// CPU time by the shell's own account (getrusage), in microseconds. Bash cuts it to milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Times {
    pub(crate) own_us: u64,
    pub(crate) children_us: u64,
}

/// Function that uses CPU for about `$1` thousand turns of a loop, in the shell that runs it.
const BURN: &str = "burn() { local i; for ((i = 0; i < $1 * 1000; i++)); do :; done; }";
const LOOP: &str = "echo $BASHPID; while read -r line; do eval \"$line\"; times; echo done; done";

impl Shell {
    /// Starts a child of this process. `name` is at most 15 bytes, or the kernel cuts it.
    pub(crate) fn child(name: &str, dir: &Path) -> Shell {
        let mut command = Command::new(link_bash(name, dir));
        command.arg("-c").arg(format!("{BURN}; {LOOP}"));
        Shell::start(command)
    }

    /// Starts an orphan. PID 1 adopts it, so it is a group of its own if processes are counted.
    pub(crate) fn orphan(name: &str, dir: &Path) -> Shell {
        let mut command = Command::new("bash");
        let script = r#""$0" -c "$1" <&0 & disown"#;
        command.args(["-c", script]).arg(link_bash(name, dir)).arg(format!("{BURN}; {LOOP}"));
        let mut shell = Shell::start(command);
        shell.child.wait().unwrap();
        shell
    }

    fn start(mut command: Command) -> Shell {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut shell = Shell { stdin, stdout, child, pid: 0 };
        shell.pid = shell.line().parse().unwrap();
        shell
    }

    /// Begins a command, which may print lines.
    pub(crate) fn begin(&mut self, command: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{command}").unwrap();
    }

    /// Returns the next line that the shell prints.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.stdout.read_line(&mut line).unwrap() > 0, "the shell has ended");
        line.trim_end().to_owned()
    }

    /// Waits until the command is done, and returns the times. The shell is then blocked in a read and uses nothing more.
    pub(crate) fn finish(&mut self) -> Times {
        let mut lines = vec![self.line()];
        while lines.last().is_some_and(|line| line != "done") {
            lines.push(self.line());
        }
        let times: Vec<u64> = lines.iter().rev().skip(1).take(2).map(|line| parse_times_us(line)).collect();
        // The shell writes its last line before it blocks in the next read.
        while read_state(self.pid) != 'S' {
            std::thread::yield_now();
        }
        Times { own_us: times[1], children_us: times[0] }
    }

    /// Runs one command and returns the times.
    pub(crate) fn run(&mut self, command: &str) -> Times {
        self.begin(command);
        self.finish()
    }

    /// Ends the shell if it is a child of this process.
    pub(crate) fn end(mut self) {
        self.stdin.take();
        self.child.wait().unwrap();
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.stdin.take();
        let _ = self.child.wait();
        // A process can wait only for its children, but an orphan's cgroup cannot be removed before the orphan's end.
        let stat =
            || fs::read(format!("/proc/{}/stat", self.pid)).map(|s| String::from_utf8_lossy(&s).into_owned());
        while self.pid != 0 && stat().is_ok_and(|stat| !stat.contains(") Z ")) {
            std::thread::yield_now();
        }
    }
}

/// Links bash under another name. The kernel's comm is the name of the link.
fn link_bash(name: &str, dir: &Path) -> std::path::PathBuf {
    let link = dir.join(name);
    let bash = ["/bin/bash", "/usr/bin/bash"].iter().find(|path| Path::new(path).exists());
    symlink(bash.expect("the live tests need bash"), &link).unwrap();
    link
}

/// Parses `0m1.234s 0m0.100s`, user and system, and returns their sum in microseconds.
fn parse_times_us(line: &str) -> u64 {
    let parse_us = |text: &str| {
        let (minutes, seconds) = text.trim_end_matches('s').split_once('m').unwrap();
        let (seconds, thousandths) = seconds.split_once('.').unwrap();
        let number = |text: &str| text.parse::<u64>().unwrap();
        (number(minutes) * 60 + number(seconds)) * 1_000_000 + number(thousandths) * 1000
    };
    line.split_whitespace().map(parse_us).sum()
}

/// Reads the state of a process.
fn read_state(pid: u32) -> char {
    // A comm may contain any bytes.
    let stat = fs::read(format!("/proc/{pid}/stat")).unwrap();
    String::from_utf8_lossy(&stat).rsplit_once(") ").unwrap().1.chars().next().unwrap()
}

/// Returns the PID of a process's parent.
pub(crate) fn parent(pid: u32) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Returns a group's total in microseconds, or 0 if there is no such group.
pub(crate) fn total(snapshot: &Snapshot, class: Class, group: &str) -> u64 {
    snapshot.groups.get(&(class, group.into())).map_or(0, |cpu| cpu.total_us())
}

/// Prints the signed error, and fails if it is over `bound_us`.
pub(crate) fn compare(what: &str, counted_us: u64, truth_us: u64, bound_us: u64) {
    let error = counted_us as i64 - truth_us as i64;
    let _ = writeln!(
        std::io::stderr(),
        "{what}: counted {counted_us} us, used {truth_us} us, error {error:+} us"
    );
    assert!(error.unsigned_abs() <= bound_us, "{what}: the error {error:+} us is over {bound_us} us");
}
