//! Captures: what this tool's questions read, in a file that travels, as a must-gather has it.
//!
//! ```text
//!   case          what a path holds: samples, the cluster's objects; a client of them
//!    |
//!   derived       sums that a file lacks, of their parts
//!   members       files of a folder or of an archive, at any depth, one after the other
//!   objects       nodes, PerformanceProfiles, the Infrastructure: sets of CPUs of nodes
//!    |
//!   selectors     which series are read
//! ```
mod case;
mod derived;
mod members;
mod objects;
mod selectors;

pub use case::{Case, holds_samples};
pub use selectors::Needs;
