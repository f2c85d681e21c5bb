//! Procfs: one process's or thread's files by their numbers, from a directory that is kept open.

use super::parse::{self, Stat};
use super::reader::{CommandOf, Outcome, Reader};
use anyhow::{Context, Result};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use std::io;
use std::path::{Path, PathBuf};

/// Longest path below procfs: `PID/task/TID/` with two numbers of ten digits, and the longest name that is asked for.
const LONGEST_PATH: usize = 48;

/// A mount of procfs.
#[derive(Debug)]
pub(crate) struct ProcFs {
    root: OwnedFd,
    path: PathBuf,
    /// Ticks a second.
    hz: u64,
}

impl ProcFs {
    /// Fails when there is no such directory, naming it.
    pub(crate) fn open(path: &Path) -> Result<ProcFs> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let root = rustix::fs::open(path, flags, Mode::empty()).map_err(io::Error::from);
        let root = root.with_context(|| format!("cannot open {}: is it a procfs?", path.display()))?;
        Ok(ProcFs { root, path: path.to_owned(), hz: rustix::param::clock_ticks_per_second() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Ticks a second.
    pub(crate) fn hz(&self) -> u64 {
        self.hz
    }

    /// The time since boot in ticks.
    pub(crate) fn uptime(&self, reader: &mut Reader) -> Outcome<u64> {
        reader.read_in(&self.root, b"uptime", |text| parse::uptime(text, self.hz))
    }

    /// A process's counters.
    pub(crate) fn process(&self, pid: u32, reader: &mut Reader) -> Outcome<Stat> {
        let mut path = Numbered::new();
        path.number(pid).text(b"/stat");
        reader.read_once_in(&self.root, path.bytes(), |text| parse::stat(text, self.hz))
    }

    /// A thread's counters.
    pub(crate) fn thread(&self, pid: u32, tid: u32, reader: &mut Reader) -> Outcome<Stat> {
        let mut path = Numbered::new();
        path.number(pid).text(b"/task/").number(tid).text(b"/stat");
        reader.read_once_in(&self.root, path.bytes(), |text| parse::stat(text, self.hz))
    }

    /// The numbers of a process's threads, into `tids`.
    pub(crate) fn threads(&self, pid: u32, tids: &mut Vec<u32>, reader: &mut Reader) -> Outcome<()> {
        let mut path = Numbered::new();
        path.number(pid).text(b"/task");
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let dir = rustix::fs::openat(&self.root, path.bytes(), flags, Mode::empty());
        reader.list(dir.map_err(io::Error::from), |entry| tids.extend(number(entry.name)))
    }

    /// The numbers of all processes, into `pids`.
    pub(crate) fn processes(&self, pids: &mut Vec<u32>, reader: &mut Reader) -> Outcome<()> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let dir = rustix::fs::openat(&self.root, ".", flags, Mode::empty());
        reader.list(dir.map_err(io::Error::from), |entry| pids.extend(number(entry.name)))
    }

    /// A process's command line: arguments that each end in NUL. It is waited for only a moment.
    pub(crate) fn cmdline<T>(
        &self,
        pid: u32,
        of: CommandOf,
        reader: &mut Reader,
        parse: impl FnOnce(&[u8]) -> T,
    ) -> Outcome<T> {
        let path = self.path.join(pid.to_string()).join("cmdline");
        reader.read_slow(path, of).map(|text| parse(&text))
    }

    /// Another small file of a process, such as `/cgroup`.
    pub(crate) fn file<T>(
        &self,
        pid: u32,
        name: &[u8],
        reader: &mut Reader,
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Outcome<T> {
        let mut path = Numbered::new();
        path.number(pid).text(name);
        reader.read_in(&self.root, path.bytes(), parse)
    }
}

fn number(name: &[u8]) -> Option<u32> {
    std::str::from_utf8(name).ok()?.parse().ok()
}

/// A path with numbers in it, without an allocation.
struct Numbered {
    bytes: [u8; LONGEST_PATH],
    length: usize,
}

impl Numbered {
    fn new() -> Numbered {
        Numbered { bytes: [0; LONGEST_PATH], length: 0 }
    }

    fn text(&mut self, text: &[u8]) -> &mut Numbered {
        let room = self.bytes.get_mut(self.length..).unwrap_or_default();
        room.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
        self.length = (self.length + text.len()).min(LONGEST_PATH);
        self
    }

    fn number(&mut self, mut number: u32) -> &mut Numbered {
        let mut digits = [0; 10];
        let mut used = 0;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
            used += 1;
            if number == 0 {
                break;
            }
        }
        self.text(digits.get(10 - used..).unwrap_or_default())
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::Numbered;

    #[test]
    fn paths_of_numbers() {
        for (pid, tid, want) in
            [(0, 7, "0/task/7/stat"), (u32::MAX, 4_000_000_000, "4294967295/task/4000000000/stat")]
        {
            let mut path = Numbered::new();
            path.number(pid).text(b"/task/").number(tid).text(b"/stat");
            assert_eq!(path.bytes(), want.as_bytes());
        }
    }
}
