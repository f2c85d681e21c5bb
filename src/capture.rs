//! Captures: what this tool's questions read, in a file that travels, as a must-gather has it.
//!
//! ```text
//!   write         one archive of a window              case      what a path holds: a client of its samples
//!    |                                                  |
//!   samples       of a server, as they are             |
//!   ends          of their series                      |
//!   cluster_objects   of the cluster                   |
//!   text          OpenMetrics                          |
//!                                                      |
//!   derived       sums that a file lacks, of their parts
//!   members       files of a folder or of an archive, at any depth, one after the other
//!   input         bytes, the first of which are looked at
//!   objects       nodes, PerformanceProfiles, the Infrastructure: sets of CPUs of nodes
//!    |
//!   selectors     which series are read
//! ```
mod case;
mod cluster_objects;
mod derived;
mod ends;
mod input;
mod members;
mod objects;
mod samples;
mod selectors;
mod text;
mod write;

pub use case::{Case, Samples};
pub use input::Input;
pub use selectors::Needs;
pub use write::{Capture, Captured};
