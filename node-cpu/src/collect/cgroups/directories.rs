//! Directories in a directory: the cgroups in a cgroup.

use crate::kernel::{Outcome, Reader};
use rustix::fs::{Mode, OFlags};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Lists the directories in a directory, with their inodes.
pub(super) fn list_directories(path: &Path, reader: &mut Reader) -> Outcome<Vec<(OsString, u64)>> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    let dir = rustix::fs::open(path, flags, Mode::empty());
    let mut directories = Vec::new();
    let listed = reader.list(dir.map_err(io::Error::from), |entry| {
        if entry.is_dir && entry.name != b"." && entry.name != b".." {
            directories.push((OsStr::from_bytes(entry.name).to_owned(), entry.inode));
        }
    });
    listed.map(|()| directories)
}
