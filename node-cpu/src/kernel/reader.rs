//! Reads the kernel's small files, and is the one place that tells what vanished from what went wrong.

use super::slow_file::SlowFiles;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{FileType, Mode, OFlags, RawDir};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Why something could not be read; these are the values of the label `reason`.
pub(crate) const REASONS: [&str; 10] = [
    "deadline",
    "impossible",
    "invisible_process",
    "malformed",
    "other",
    "out_of_memory",
    "permission_denied",
    "short_read",
    "timeout",
    "too_many_open_files",
];
/// How long a pass may open processes: half of the shortest time that Prometheus waits for a scrape by default, 10 s.
const LONGEST_PASS: Duration = Duration::from_secs(5);
/// What one process's or cgroup's counters fit into; a list of PIDs is read by as many readings as it takes.
const BUFFER: usize = 16 * 1024;

/// What came of one reading.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome<T> {
    Got(T),
    /// The process or cgroup ended: normal, and not an error.
    Gone,
    /// It is there but cannot be read; already counted by reason.
    Failed,
}

impl<T> Outcome<T> {
    pub(crate) fn map<U>(self, f: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Outcome::Got(value) => Outcome::Got(f(value)),
            Outcome::Gone => Outcome::Gone,
            Outcome::Failed => Outcome::Failed,
        }
    }
}

/// Whose file it is that may never answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CommandOf {
    Anybody,
    /// The monitor of a pod's container.
    Monitor,
}

/// One name in a directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) inode: u64,
    pub(crate) is_dir: bool,
}

/// Reads files into one buffer, and counts them, and errors by reason.
#[derive(Debug)]
pub(crate) struct Reader {
    buffer: Vec<u8>,
    /// Room for a directory's entries; its length stays 0.
    entries: Vec<u8>,
    errors: BTreeMap<&'static str, u64>,
    files: u64,
    longest: Duration,
    deadline: Instant,
    slow_files: SlowFiles,
    /// For the monitors of pods, so that programs that hang take no pod's name along.
    monitors: SlowFiles,
}

impl Reader {
    pub(crate) fn new() -> Reader {
        Reader {
            buffer: vec![0; BUFFER],
            entries: Vec::with_capacity(BUFFER),
            errors: REASONS.map(|reason| (reason, 0)).into(),
            files: 0,
            longest: LONGEST_PASS,
            deadline: Instant::now() + LONGEST_PASS,
            slow_files: SlowFiles::default(),
            monitors: SlowFiles::default(),
        }
    }

    /// Passes have this long from the next on.
    #[cfg(test)]
    pub(crate) fn take_at_most(&mut self, longest: Duration) {
        self.longest = longest;
    }

    /// Begins a pass: it has this long, and has read nothing.
    pub(crate) fn begin(&mut self) {
        self.files = 0;
        self.deadline = Instant::now() + self.longest;
    }

    /// Whether this pass should open no more processes; counted as an error for each that asks.
    pub(crate) fn is_late(&mut self) -> bool {
        let late = Instant::now() >= self.deadline;
        if late {
            self.count("deadline");
        }
        late
    }

    /// How many files and directories were read since the pass began.
    pub(crate) fn files(&self) -> u64 {
        self.files
    }

    /// The errors since the beginning, by reason.
    pub(crate) fn errors(&self) -> &BTreeMap<&'static str, u64> {
        &self.errors
    }

    /// Counts one error.
    pub(crate) fn count(&mut self, reason: &'static str) {
        *self.errors.entry(reason).or_default() += 1;
    }

    /// Reads a file whole and parses it.
    pub(crate) fn read<T>(&mut self, path: &Path, parse: impl FnOnce(&[u8]) -> Option<T>) -> Outcome<T> {
        let read = File::open(path).and_then(|file| self.fill(file));
        self.parse(read, parse)
    }

    /// As [`Reader::read`], from a directory that is open.
    pub(crate) fn read_in<T>(
        &mut self,
        dir: impl AsFd,
        path: &[u8],
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Outcome<T> {
        let read = open_in(dir, path).and_then(|file| self.fill(File::from(file)));
        self.parse(read, parse)
    }

    /// As [`Reader::read_in`] for a file that the kernel gives whole in one reading: a process's counters.
    pub(crate) fn read_once_in<T>(
        &mut self,
        dir: impl AsFd,
        path: &[u8],
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Outcome<T> {
        let read =
            open_in(dir, path).and_then(|file| Ok(rustix::io::read(&file, self.buffer.as_mut_slice())?));
        self.parse(read, parse)
    }

    /// Reads a file that is kept open from its beginning, in one reading.
    pub(crate) fn read_again<T>(
        &mut self,
        file: &OwnedFd,
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Outcome<T> {
        let read = rustix::io::pread(file, self.buffer.as_mut_slice(), 0);
        self.parse(read.map_err(io::Error::from), parse)
    }

    /// Reads the beginning of a file that may never answer, and gives up on it after a moment.
    pub(crate) fn read_slow(&mut self, path: PathBuf, of: CommandOf) -> Outcome<Vec<u8>> {
        self.files += 1;
        let read = match of {
            CommandOf::Anybody => self.slow_files.read(path),
            CommandOf::Monitor => self.monitors.read(path),
        };
        self.sort(read)
    }

    /// Gives the entries of a directory, in no order, the dots among them.
    pub(crate) fn list(&mut self, dir: io::Result<OwnedFd>, mut each: impl FnMut(Entry<'_>)) -> Outcome<()> {
        self.files += 1;
        let listed = dir.and_then(|dir| {
            let mut entries = RawDir::new(dir, self.entries.spare_capacity_mut());
            while let Some(entry) = entries.next() {
                let entry = entry?;
                let is_dir = entry.file_type() == FileType::Directory;
                each(Entry { name: entry.file_name().to_bytes(), inode: entry.ino(), is_dir });
            }
            Ok(())
        });
        self.sort(listed)
    }

    /// Fills the buffer with the whole file; its length.
    fn fill(&mut self, mut file: File) -> io::Result<usize> {
        let mut length = 0;
        loop {
            if length == self.buffer.len() {
                self.buffer.resize(length * 2, 0);
            }
            match file.read(self.buffer.get_mut(length..).unwrap_or_default()) {
                Ok(0) => return Ok(length),
                Ok(more) => length += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn parse<T>(&mut self, read: io::Result<usize>, parse: impl FnOnce(&[u8]) -> Option<T>) -> Outcome<T> {
        self.files += 1;
        match self.sort(read) {
            Outcome::Got(length) => match parse(self.buffer.get(..length).unwrap_or_default()) {
                Some(value) => Outcome::Got(value),
                None => {
                    self.count(if length == 0 { "short_read" } else { "malformed" });
                    Outcome::Failed
                }
            },
            Outcome::Gone => Outcome::Gone,
            Outcome::Failed => Outcome::Failed,
        }
    }

    /// Sorts the result of any I/O on the kernel's files, and counts it if it is an error.
    pub(crate) fn sort<T>(&mut self, result: io::Result<T>) -> Outcome<T> {
        let error = match result {
            Ok(value) => return Outcome::Got(value),
            Err(error) => error,
        };
        let reason = match Errno::from_io_error(&error) {
            // A removed cgroup answers ENODEV, a process that ends between open and read ESRCH. And a cgroup whose
            // processes are its parent's, as it holds only some of their threads, EOPNOTSUPP.
            Some(Errno::NOENT | Errno::SRCH | Errno::NODEV | Errno::OPNOTSUPP) => return Outcome::Gone,
            Some(Errno::ACCESS | Errno::PERM) => "permission_denied",
            Some(Errno::MFILE | Errno::NFILE) => "too_many_open_files",
            Some(Errno::NOMEM) => "out_of_memory",
            _ if error.kind() == io::ErrorKind::TimedOut => "timeout",
            _ => "other",
        };
        self.count(reason);
        Outcome::Failed
    }
}

fn open_in(dir: impl AsFd, path: &[u8]) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(dir, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
}

#[cfg(test)]
mod tests;
