//! Queries to a Prometheus: their text, cost and shards, and a cache of their results.
//!
//! ```text
//! querier   queries of samples on a grid and over windows, whole, however they are split
//!   |
//! split     parts that a server does not refuse          cache    results of the round before
//!   |
//! promql    queries as text                        span     windows
//! ```
mod cache;
pub(crate) mod promql;
mod querier;
pub(crate) mod span;
mod split;

use crate::prometheus::Client;
use crate::report::{Source, SourceKind};

pub(crate) use cache::Cache;
pub(crate) use querier::{Querier, Query, Want, add_samples};
pub(crate) use span::Span;
pub(crate) use split::{Cost, Split};

/// Returns the source that a report names: a server, or a file. `kind`: kind of its series.
pub(crate) fn source_of(client: &Client, kind: SourceKind, nodes: usize) -> Source {
    let make = if client.is_file() { Source::in_file } else { Source::at };
    make(client.address(), kind, nodes)
}
