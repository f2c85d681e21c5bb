//! Reads one process's or thread's files by their numbers, from a procfs directory that is kept open.

use super::parse::{self, Stat};
use super::reader::{CommandOf, Outcome, Reader};
use anyhow::{Context, Result};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use std::io;
use std::path::{Path, PathBuf};

/// Longest path below procfs in bytes. It is `PID/task/TID/` with two numbers of ten digits, and the longest name in use.
const MAX_PATH_BYTES: usize = 48;

/// A mount of procfs.
#[derive(Debug)]
pub(crate) struct ProcFs {
    root: OwnedFd,
    path: PathBuf,
    /// Number of ticks per second.
    hz: u64,
}

impl ProcFs {
    /// Opens the procfs at `path`. Fails if there is no such directory; the error names it.
    pub(crate) fn open(path: &Path) -> Result<ProcFs> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let root = rustix::fs::open(path, flags, Mode::empty()).map_err(io::Error::from);
        let root = root.with_context(|| format!("cannot open {}: is it a procfs?", path.display()))?;
        Ok(ProcFs { root, path: path.to_owned(), hz: rustix::param::clock_ticks_per_second() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the number of ticks per second.
    pub(crate) fn hz(&self) -> u64 {
        self.hz
    }

    /// Reads the time since boot, in ticks.
    pub(crate) fn uptime(&self, reader: &mut Reader) -> Outcome<u64> {
        reader.read_in(&self.root, b"uptime", |text| parse::uptime(text, self.hz))
    }

    /// Reads a process's counters.
    pub(crate) fn process(&self, pid: u32, reader: &mut Reader) -> Outcome<Stat> {
        let mut path = NumberedPath::new();
        path.push_number(pid).push_text(b"/stat");
        reader.read_once_in(&self.root, path.as_bytes(), |text| parse::stat(text, self.hz))
    }

    /// Reads a thread's counters.
    pub(crate) fn thread(&self, pid: u32, tid: u32, reader: &mut Reader) -> Outcome<Stat> {
        let mut path = NumberedPath::new();
        path.push_number(pid).push_text(b"/task/").push_number(tid).push_text(b"/stat");
        reader.read_once_in(&self.root, path.as_bytes(), |text| parse::stat(text, self.hz))
    }

    /// Adds the numbers of a process's threads to `tids`.
    pub(crate) fn threads(&self, pid: u32, tids: &mut Vec<u32>, reader: &mut Reader) -> Outcome<()> {
        let mut path = NumberedPath::new();
        path.push_number(pid).push_text(b"/task");
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let dir = rustix::fs::openat(&self.root, path.as_bytes(), flags, Mode::empty());
        reader.list(dir.map_err(io::Error::from), |entry| tids.extend(parse_number(entry.name)))
    }

    /// Adds the numbers of all processes to `pids`.
    pub(crate) fn processes(&self, pids: &mut Vec<u32>, reader: &mut Reader) -> Outcome<()> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let dir = rustix::fs::openat(&self.root, ".", flags, Mode::empty());
        reader.list(dir.map_err(io::Error::from), |entry| pids.extend(parse_number(entry.name)))
    }

    /// Reads a process's command line, whose arguments each end in NUL. Gives up after a moment.
    pub(crate) fn cmdline<T>(
        &self,
        pid: u32,
        command_of: CommandOf,
        reader: &mut Reader,
        parse: impl FnOnce(&[u8]) -> T,
    ) -> Outcome<T> {
        let path = self.path.join(pid.to_string()).join("cmdline");
        reader.read_slow(path, command_of).map(|text| parse(&text))
    }

    /// Reads another small file of a process, such as `/cgroup`.
    pub(crate) fn file<T>(
        &self,
        pid: u32,
        name: &[u8],
        reader: &mut Reader,
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Outcome<T> {
        let mut path = NumberedPath::new();
        path.push_number(pid).push_text(name);
        reader.read_in(&self.root, path.as_bytes(), parse)
    }
}

fn parse_number(name: &[u8]) -> Option<u32> {
    std::str::from_utf8(name).ok()?.parse().ok()
}

/// Path with numbers in it, built without an allocation.
struct NumberedPath {
    bytes: [u8; MAX_PATH_BYTES],
    length: usize,
}

impl NumberedPath {
    fn new() -> NumberedPath {
        NumberedPath { bytes: [0; MAX_PATH_BYTES], length: 0 }
    }

    fn push_text(&mut self, text: &[u8]) -> &mut NumberedPath {
        let room = self.bytes.get_mut(self.length..).unwrap_or_default();
        room.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
        self.length = (self.length + text.len()).min(MAX_PATH_BYTES);
        self
    }

    fn push_number(&mut self, mut number: u32) -> &mut NumberedPath {
        let mut digits = [0; 10];
        let mut count = 0;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
            count += 1;
            if number == 0 {
                break;
            }
        }
        self.push_text(digits.get(10 - count..).unwrap_or_default())
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::NumberedPath;

    #[test]
    fn paths_of_numbers() {
        for (pid, tid, want) in
            [(0, 7, "0/task/7/stat"), (u32::MAX, 4_000_000_000, "4294967295/task/4000000000/stat")]
        {
            let mut path = NumberedPath::new();
            path.push_number(pid).push_text(b"/task/").push_number(tid).push_text(b"/stat");
            assert_eq!(path.as_bytes(), want.as_bytes());
        }
    }
}
