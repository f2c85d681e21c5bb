//! Reads the kernel's small files. This module alone separates what vanished from what failed.

use super::slow_file::SlowFiles;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{FileType, Mode, OFlags, RawDir};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Reasons why something could not be read. They are the values of the label `reason`.
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
/// Time in which a pass may open processes. It is half of Prometheus's default scrape timeout of 10 s.
const PASS_TIME: Duration = Duration::from_secs(5);
/// Initial buffer size in bytes. One process's or cgroup's counters fit into it. A list of PIDs may need several readings.
const BUFFER_BYTES: usize = 16 * 1024;

/// Result of one reading.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome<T> {
    Got(T),
    /// There is nothing to read. That is normal, and not an error: the process or cgroup ended, the file does not exist
    /// (`ENOENT`), or a cgroup of this kind has no such list (`EOPNOTSUPP`).
    Gone,
    /// The file exists but cannot be read. The error is already counted by reason.
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

/// Kind of process whose command line is read. Such a read may block for ever.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CommandOf {
    AnyProcess,
    /// Monitor of a pod's container.
    Monitor,
}

/// One entry of a directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) inode: u64,
    pub(crate) is_dir: bool,
}

/// Reads files into one buffer. Counts the files, and the errors by reason.
#[derive(Debug)]
pub(crate) struct Reader {
    buffer: Vec<u8>,
    /// Buffer for a directory's entries. Its length stays 0.
    entries: Vec<u8>,
    errors: BTreeMap<&'static str, u64>,
    files: u64,
    pass_time: Duration,
    deadline: Instant,
    slow_files: SlowFiles,
    /// Threads for the monitors of pods. They are separate, so that programs that hang cannot hide a pod's name.
    monitor_files: SlowFiles,
}

impl Reader {
    pub(crate) fn new() -> Reader {
        Reader {
            buffer: vec![0; BUFFER_BYTES],
            entries: Vec::with_capacity(BUFFER_BYTES),
            errors: REASONS.map(|reason| (reason, 0)).into(),
            files: 0,
            pass_time: PASS_TIME,
            deadline: Instant::now() + PASS_TIME,
            slow_files: SlowFiles::default(),
            monitor_files: SlowFiles::default(),
        }
    }

    /// Sets the time in which a pass may open processes, from the next pass on.
    #[cfg(test)]
    pub(crate) fn take_at_most(&mut self, pass_time: Duration) {
        self.pass_time = pass_time;
    }

    /// Begins a pass. Sets its deadline, and its number of files to 0.
    pub(crate) fn begin(&mut self) {
        self.files = 0;
        self.deadline = Instant::now() + self.pass_time;
    }

    /// Returns `true` if this pass should open no more processes. Each such call is counted as an error.
    pub(crate) fn is_late(&mut self) -> bool {
        let late = Instant::now() >= self.deadline;
        if late {
            self.count("deadline");
        }
        late
    }

    /// Returns the number of files and directories that were read since the pass began.
    pub(crate) fn files(&self) -> u64 {
        self.files
    }

    /// Returns the number of errors since the beginning, by reason.
    pub(crate) fn errors(&self) -> &BTreeMap<&'static str, u64> {
        &self.errors
    }

    /// Counts one error.
    pub(crate) fn count(&mut self, reason: &'static str) {
        *self.errors.entry(reason).or_default() += 1;
    }

    /// Reads a whole file and parses it.
    pub(crate) fn read<T>(&mut self, path: &Path, parse: impl FnOnce(&[u8]) -> Option<T>) -> Outcome<T> {
        let read = File::open(path).and_then(|file| self.fill_buffer(file));
        self.parse_buffer(read, parse)
    }

    /// Reads a whole file below the open directory `dir` and parses it.
    pub(crate) fn read_in<T>(
        &mut self,
        dir: impl AsFd,
        path: &[u8],
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Outcome<T> {
        let read = open_in(dir, path).and_then(|file| self.fill_buffer(File::from(file)));
        self.parse_buffer(read, parse)
    }

    /// Reads a file below `dir` in one reading and parses it. The kernel returns a process's counters whole in one.
    pub(crate) fn read_once_in<T>(
        &mut self,
        dir: impl AsFd,
        path: &[u8],
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Outcome<T> {
        let read =
            open_in(dir, path).and_then(|file| Ok(rustix::io::read(&file, self.buffer.as_mut_slice())?));
        self.parse_buffer(read, parse)
    }

    /// Reads a file that is kept open, from its beginning and in one reading, and parses it.
    pub(crate) fn read_open<T>(
        &mut self,
        file: &OwnedFd,
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Outcome<T> {
        let read = rustix::io::pread(file, self.buffer.as_mut_slice(), 0);
        self.parse_buffer(read.map_err(io::Error::from), parse)
    }

    /// Reads the beginning of a file whose read may block. Gives up after a moment.
    pub(crate) fn read_slow(&mut self, path: PathBuf, command_of: CommandOf) -> Outcome<Vec<u8>> {
        self.files += 1;
        let read = match command_of {
            CommandOf::AnyProcess => self.slow_files.read(path),
            CommandOf::Monitor => self.monitor_files.read(path),
        };
        self.classify(read)
    }

    /// Calls `each` with the entries of a directory, in no order and including the dots.
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
        self.classify(listed)
    }

    /// Fills the buffer with the whole file, and returns its length.
    fn fill_buffer(&mut self, mut file: File) -> io::Result<usize> {
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

    fn parse_buffer<T>(
        &mut self,
        read: io::Result<usize>,
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Outcome<T> {
        self.files += 1;
        match self.classify(read) {
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

    /// Classifies the result of any I/O on the kernel's files, and counts it if it is an error.
    pub(crate) fn classify<T>(&mut self, result: io::Result<T>) -> Outcome<T> {
        let error = match result {
            Ok(value) => return Outcome::Got(value),
            Err(error) => error,
        };
        let reason = match Errno::from_io_error(&error) {
            // The kernel returns ENODEV for a removed cgroup, and ESRCH for a process that ends between open and read.
            // A cgroup with only some threads of its parent's processes returns EOPNOTSUPP.
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
