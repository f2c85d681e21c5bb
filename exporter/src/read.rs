//! Reads the kernel's small files, and is the one place that tells what vanished from what went wrong.

use rustix::io::Errno;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Why something could not be read; these are the values of the label `reason`.
pub(crate) const REASONS: [&str; 5] =
    ["invisible_process", "malformed", "other", "permission_denied", "too_many_open_files"];

/// What came of one reading.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome<T> {
    Got(T),
    /// The process or cgroup ended: normal, and not an error.
    Gone,
    /// It is there but cannot be read; already counted by reason.
    Failed,
}

/// Reads files into one buffer and counts errors by reason.
#[derive(Debug)]
pub(crate) struct Reader {
    buffer: Vec<u8>,
    errors: BTreeMap<&'static str, u64>,
}

impl Reader {
    pub(crate) fn new() -> Reader {
        Reader { buffer: Vec::new(), errors: REASONS.map(|reason| (reason, 0)).into() }
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
        self.buffer.clear();
        let read = File::open(path).and_then(|mut file| file.read_to_end(&mut self.buffer));
        match self.sort(read) {
            Outcome::Got(_) => match parse(&self.buffer) {
                Some(value) => Outcome::Got(value),
                None => {
                    self.count("malformed");
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
            // A removed cgroup answers ENODEV, a process that ends between open and read ESRCH.
            Some(Errno::NOENT | Errno::SRCH | Errno::NODEV) => return Outcome::Gone,
            Some(Errno::ACCESS | Errno::PERM) => "permission_denied",
            Some(Errno::MFILE | Errno::NFILE) => "too_many_open_files",
            _ => "other",
        };
        self.count(reason);
        Outcome::Failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_vanished_is_no_error() {
        let cases = [
            (Errno::NOENT, None),
            (Errno::SRCH, None),
            (Errno::NODEV, None),
            (Errno::ACCESS, Some("permission_denied")),
            (Errno::PERM, Some("permission_denied")),
            (Errno::MFILE, Some("too_many_open_files")),
            (Errno::IO, Some("other")),
        ];
        for (errno, reason) in cases {
            let mut reader = Reader::new();
            let outcome = reader.sort::<()>(Err(errno.into()));
            assert_eq!(outcome, if reason.is_some() { Outcome::Failed } else { Outcome::Gone }, "{errno}");
            let counted: Vec<_> = reader.errors().iter().filter(|(_, n)| **n > 0).map(|(r, _)| *r).collect();
            assert_eq!(counted, Vec::from_iter(reason), "{errno}");
        }
    }

    #[test]
    fn text_that_cannot_be_parsed_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cpu.stat");
        std::fs::write(&path, "what").unwrap();
        let mut reader = Reader::new();
        assert_eq!(reader.read(&path, crate::parse::cpu_stat), Outcome::Failed);
        assert_eq!(reader.errors().get("malformed"), Some(&1));
    }
}
