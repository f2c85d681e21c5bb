//! What the live tests share: a shell that burns CPU on request, and the rule for tests that cannot run here.

use node_cpu::{Class, Detail, Snapshot};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// What the exporter looks at unless it is told otherwise.
pub(crate) const DETAIL: Detail = Detail { threads: true };

/// Says that a test does not run here, and why; in CI that is a failure.
pub(crate) fn skip(test: &str, why: &str) {
    assert!(std::env::var_os("CI").is_none(), "{test} must run in CI, but {why}");
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
}

/// A bash under a name of its own, which evaluates the lines it is given; it ends with this value.
pub(crate) struct Shell {
    stdin: Option<ChildStdin>,
    answers: BufReader<std::process::ChildStdout>,
    child: Child,
    pub(crate) pid: u32,
}

/// CPU time by the shell's own account (getrusage), in microseconds; cut to milliseconds by bash.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Times {
    pub(crate) own_us: u64,
    pub(crate) children_us: u64,
}

/// Burns about `$1` thousand turns of a loop in the shell that runs it.
const BURN: &str = "burn() { local i; for ((i = 0; i < $1 * 1000; i++)); do :; done; }";
const LOOP: &str = "echo $BASHPID; while read -r line; do eval \"$line\"; times; echo done; done";

impl Shell {
    /// A child of this process. The name is at most 15 bytes, or the kernel cuts it.
    pub(crate) fn child(name: &str, dir: &Path) -> Shell {
        let mut command = Command::new(linked(name, dir));
        command.arg("-c").arg(format!("{BURN}; {LOOP}"));
        Shell::start(command)
    }

    /// An orphan, which belongs to PID 1 and so is a group of its own where processes are counted.
    pub(crate) fn orphan(name: &str, dir: &Path) -> Shell {
        let mut command = Command::new("bash");
        let script = r#""$0" -c "$1" <&0 & disown"#;
        command.args(["-c", script]).arg(linked(name, dir)).arg(format!("{BURN}; {LOOP}"));
        let mut shell = Shell::start(command);
        shell.child.wait().unwrap();
        shell
    }

    fn start(mut command: Command) -> Shell {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdin = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let mut shell = Shell { stdin, answers, child, pid: 0 };
        shell.pid = shell.line().parse().unwrap();
        shell
    }

    /// Begins a command, which may print lines.
    pub(crate) fn begin(&mut self, command: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{command}").unwrap();
    }

    /// The next line that it prints.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.answers.read_line(&mut line).unwrap() > 0, "the shell has ended");
        line.trim_end().to_owned()
    }

    /// Waits until what was begun is done; then the shell is blocked in a read and uses nothing more.
    pub(crate) fn finish(&mut self) -> Times {
        let mut lines = vec![self.line()];
        while lines.last().is_some_and(|line| line != "done") {
            lines.push(self.line());
        }
        let times: Vec<u64> = lines.iter().rev().skip(1).take(2).map(|line| minutes(line)).collect();
        // The shell writes its answer before it blocks in the next read.
        while state(self.pid) != 'S' {
            std::thread::yield_now();
        }
        Times { own_us: times[1], children_us: times[0] }
    }

    /// Does one command.
    pub(crate) fn run(&mut self, command: &str) -> Times {
        self.begin(command);
        self.finish()
    }

    /// Ends the shell, when it is a child of this process.
    pub(crate) fn end(mut self) {
        self.stdin.take();
        self.child.wait().unwrap();
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.stdin.take();
        let _ = self.child.wait();
        // An orphan is nobody's to wait for, but its cgroup cannot be removed before its end.
        let stat =
            || fs::read(format!("/proc/{}/stat", self.pid)).map(|s| String::from_utf8_lossy(&s).into_owned());
        while self.pid != 0 && stat().is_ok_and(|stat| !stat.contains(") Z ")) {
            std::thread::yield_now();
        }
    }
}

/// bash under another name: the kernel's comm is the name of the link.
fn linked(name: &str, dir: &Path) -> std::path::PathBuf {
    let link = dir.join(name);
    let bash = ["/bin/bash", "/usr/bin/bash"].iter().find(|path| Path::new(path).exists());
    symlink(bash.expect("the live tests need bash"), &link).unwrap();
    link
}

/// `0m1.234s 0m0.100s`, user and system, as microseconds together.
fn minutes(line: &str) -> u64 {
    let one = |text: &str| {
        let (minutes, seconds) = text.trim_end_matches('s').split_once('m').unwrap();
        let (seconds, thousandths) = seconds.split_once('.').unwrap();
        let number = |text: &str| text.parse::<u64>().unwrap();
        (number(minutes) * 60 + number(seconds)) * 1_000_000 + number(thousandths) * 1000
    };
    line.split_whitespace().map(one).sum()
}

fn state(pid: u32) -> char {
    // A comm may hold any bytes.
    let stat = fs::read(format!("/proc/{pid}/stat")).unwrap();
    String::from_utf8_lossy(&stat).rsplit_once(") ").unwrap().1.chars().next().unwrap()
}

/// The parent of a process.
pub(crate) fn parent(pid: u32) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.split(' ').nth(1).unwrap().parse().unwrap()
}

/// A group's total, in microseconds.
pub(crate) fn total(snapshot: &Snapshot, class: Class, group: &str) -> u64 {
    snapshot.groups.get(&(class, group.into())).map_or(0, |cpu| cpu.total_us())
}

/// Prints the signed error, and fails where it is over the bound.
pub(crate) fn compare(what: &str, counted_us: u64, truth_us: u64, bound_us: u64) {
    let error = counted_us as i64 - truth_us as i64;
    let _ = writeln!(
        std::io::stderr(),
        "{what}: counted {counted_us} us, used {truth_us} us, error {error:+} us"
    );
    assert!(error.unsigned_abs() <= bound_us, "{what}: the error {error:+} us is over {bound_us} us");
}
