//! Reads the kernel's files, and parses them from bytes to values.
//!
//! ```text
//! procfs        reads one process's files
//! reader        reads small files, and separates what vanished from what failed
//! slow_file     reads files that may block for ever
//! parse         parses bytes to values
//! ```

pub(crate) mod parse;
mod procfs;
mod reader;
mod slow_file;

pub(crate) use procfs::ProcFs;
pub(crate) use reader::{CommandOf, Outcome, Reader};
pub(crate) use slow_file::Tries;
