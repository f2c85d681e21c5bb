//! Counter of a cgroup: its `cpu.stat`, which may be kept open.

use crate::cpu::Cpu;
use crate::kernel::parse;
use crate::kernel::{Outcome, Reader};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use std::io;
use std::path::PathBuf;

/// Counter of a cgroup: its `cpu.stat`.
#[derive(Debug, Default)]
pub(super) struct Counter {
    file: Option<OwnedFd>,
    /// Inode of the file, as another file is another cgroup's; 0 before it was opened.
    inode: u64,
}

impl Counter {
    /// Returns true if the file was opened before.
    pub(super) fn was_read(&self) -> bool {
        self.inode != 0
    }

    /// Returns true if the file is kept open.
    pub(super) fn is_open(&self) -> bool {
        self.file.is_some()
    }

    /// Closes the file. Returns true if it was open.
    pub(super) fn close(&mut self) -> bool {
        self.file.take().is_some()
    }

    /// Reads the counter of the cgroup at `path`. Keeps the file open if `open_slots` is above 0, and counts it down.
    pub(super) fn read(
        &mut self,
        path: &mut PathBuf,
        reader: &mut Reader,
        open_slots: &mut usize,
    ) -> Outcome<Cpu> {
        if let Some(file) = &self.file {
            return reader.read_open(file, parse::cpu_stat);
        }
        path.push("cpu.stat");
        let opened = rustix::fs::open(&*path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
        path.pop();
        let opened = opened.and_then(|file| Ok((rustix::fs::fstat(&file)?.st_ino, file)));
        let (inode, file) = match reader.classify(opened.map_err(io::Error::from)) {
            Outcome::Got(opened) => opened,
            Outcome::Gone => return Outcome::Gone,
            Outcome::Failed => return Outcome::Failed,
        };
        if self.was_read() && self.inode != inode {
            return Outcome::Gone;
        }
        self.inode = inode;
        let read = reader.read_open(&file, parse::cpu_stat);
        if *open_slots > 0 {
            *open_slots -= 1;
            self.file = Some(file);
        }
        read
    }
}
