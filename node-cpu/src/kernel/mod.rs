//! The kernel's files: read, and parsed from bytes to values.
//!
//! ```text
//! procfs        one process's files
//! reader        small files to bytes, and what vanished apart from what failed
//! slow_file     files that may never answer
//! parse         bytes to values
//! ```

pub(crate) mod parse;
mod procfs;
mod reader;
mod slow_file;

pub(crate) use procfs::ProcFs;
pub(crate) use reader::{CommandOf, Outcome, Reader};
pub(crate) use slow_file::Tries;
