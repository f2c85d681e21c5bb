//! Queries to a Prometheus: how they are written, what they cost, how they are split, and what is kept of their results.
//!
//! ```text
//! querier   queries of samples on a grid and over windows, whole, however they are split
//!   |
//! split     parts that a server does not refuse          cache    results of the round before
//!   |
//! promql    queries as text          span, time   windows, and their ends from strings
//! ```
mod cache;
pub(crate) mod promql;
mod querier;
pub(crate) mod span;
mod split;
pub mod time;

pub(crate) use cache::Cache;
pub(crate) use querier::{Querier, Want, add_samples};
pub(crate) use span::{Span, points};
pub(crate) use split::{Cost, Split};
