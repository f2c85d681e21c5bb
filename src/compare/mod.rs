//! Compare: what changed between two windows, of this cluster or of saved reports.
//!
//! ```text
//!   run              one comparison
//!    |
//!   notes            what keeps the sides from being alike
//!   judge            findings: over tolerance and floor, and beyond noise
//!    |                 \- noise: the U test, and many rows
//!   trends          what a picture shows
//!   join             rows of one thing, though its pods were restarted
//!    |                 \- workload: what is generated of a pod's name
//!   saved            a side of a file
//!    |
//!   side             rows and totals of one side             operand   windows and paths, as they are given
//!    |                 \- blocks: means that noise is judged by
//!   report, level
//! ```
mod blocks;
mod join;
mod judge;
mod level;
mod noise;
mod notes;
mod operand;
mod report;
mod run;
mod saved;
mod side;
mod trends;
mod workload;

pub use blocks::BLOCKS;
pub use judge::Limits;
pub use level::Level;
pub use operand::Operand;
pub use report::{Change, ClassComparison, Comparison, Findings, RowComparison, SideReport, Trends, Verdict};
pub use run::{Prepared, Query};
