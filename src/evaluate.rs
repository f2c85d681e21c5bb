//! Evaluation: PromQL over samples in memory, as Prometheus 3 evaluates it. A file of samples thereby answers the very
//! queries that a server would be sent, so that there is one way to each number.
//!
//! It knows what this program's queries are made of, and refuses anything else.
//!
//! ```text
//! evaluator    a query -> rows, at some times or at one
//!   |
//! operators    between two vectors, or a vector and a number
//!   |
//! aggregate    sums and their like, by labels           functions   over a range of one series
//!   |                                                      |
//! store        series by metric, and those that matchers select; their samples at times
//! selection    which series are to be held at all
//! ```
mod aggregate;
mod evaluator;
mod functions;
mod operators;
mod selection;
mod store;

use crate::openmetrics::Labels;
use crate::time::Timestamp;
use std::borrow::Cow;

pub use evaluator::Evaluator;
pub use selection::Selection;
pub use store::Store;

/// One series of a result, at the times of its evaluation. Its labels are those of a file's series, or made.
#[derive(Debug, Clone)]
struct Row<'a> {
    /// Metric; `None` once something was computed of it.
    metric: Option<&'a str>,
    labels: Cow<'a, Labels>,
    /// Value at each time; `None` if there is none.
    values: Vec<Option<f64>>,
}

/// One series of a result, as a server would send it.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluated {
    /// Labels; `__name__` is the metric's name, if nothing was computed of it.
    pub labels: Labels,
    /// Times and values, in order.
    pub samples: Vec<(Timestamp, f64)>,
}
