//! `oc interrogate`: where the CPU of OpenShift nodes goes, outside and inside of pods.
//!
//! Drawn by `UPDATE_EXPECT=1 cargo test --test floors`, of the first sentence of each room:
//!
//! ```text
//!   main        Parse, run, print the error, return the code
//!    |
//!   cli         Command line: runs the commands, returns exit codes, prints the error
//!               line
//!    |
//!   status      `status`: checks an installation from its objects to its data, and names
//!               remedies
//!    |
//!   print       From a report to a page: one small file a format, each of which writes
//!               to any `io::Write`
//!    |
//!   compare     what changed between two windows, of this cluster or of saved reports
//!    |
//!   capture     Captures: what this tool's questions read, in a file that travels, as a
//!               must-gather has it
//!    |
//!   budget      limits of what the platform may use, and verdicts on them
//!    |
//!   top         From a question to a report: by the cluster's Prometheus, or by this
//!               machine's own kernel
//!   install     `install` and `uninstall`: the exporter, its rules and its dashboard,
//!               into the cluster and out of it
//!    |
//!   query       Queries to a Prometheus: their text, cost and shards, and a cache of
//!               their results
//!    |
//!   cluster     Access to a cluster and to its Prometheus: from a kubeconfig to a client
//!               of each
//!   progress    Progress bar for work that takes over a second
//!    |
//!   prometheus  Client of Prometheus: sends queries to its HTTP API or to a file of
//!               samples, parses responses, and words each failure with its remedy
//!    |
//!   report      The one result in the middle: sources make a `Report`, printers read it
//!   evaluate    Evaluation: PromQL over samples in memory, as Prometheus 3 evaluates it
//!    |
//!   openmetrics OpenMetrics text as `promtool tsdb dump-openmetrics` writes it, one line
//!               a sample: read as a stream, and only the samples of metrics that are
//!               wanted are parsed
//!    |
//!   time        Points in time to the millisecond, as Prometheus has them, and its
//!               durations: from strings and to strings
//!   trace       Trace of requests on stderr, for `-v`: each with its duration, series
//!               and bytes, as a curl command that repeats it
//! ```
//! Beside them `node_cpu` (node-cpu/) counts CPU on a node: in the exporter's DaemonSet, and inside of `top --local`.
//!
//! No room imports from one above it. Two principles decide in doubt: **it adds up** (what cannot be attributed is a
//! row of its own), and **cost follows work, not size**.
pub mod budget;
pub mod capture;
pub mod cli;
pub mod cluster;
pub mod compare;
pub mod evaluate;
#[cfg(test)]
#[path = "../tests/golden/check.rs"]
mod golden;
pub mod install;
pub mod openmetrics;
pub mod print;
pub mod progress;
pub mod prometheus;
pub mod query;
pub mod report;
pub mod status;
pub mod time;
pub mod top;
pub mod trace;
