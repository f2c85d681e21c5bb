//! `oc interrogate`: where the CPU of OpenShift nodes goes, outside and inside of pods.
//!
//! ```text
//!   main        parse, run, print the error, return the code
//!   cli         flags, turned into types once                       exit codes
//!    |
//!   status      from the objects to the data: what is wrong, and what helps
//!    |
//!   print       Report -> table, csv, json, yaml, svg; verdicts     what is shown
//!    |
//!   compare     two reports -> joined rows -> verdicts              what changed
//!    |
//!   capture     samples and objects into a file that travels, and out of it
//!    |
//!   budget      limits -> measurements -> verdicts                  what is judged
//!    |
//!   top         Question -> queries -> results -> Report            what is computed
//!    |            \-> local: this machine's own kernel -/
//!   install     manifests/ and the exporter into the cluster, and out again
//!    |
//!   query       PromQL, split into parts that no server refuses, and its results put on a grid
//!    |
//!   cluster     kubeconfig -> token -> route -> CA bundle, or a port forward
//!   progress    a bar on the terminal
//!   prometheus  the HTTP API, or a file's samples: queries out,     the ground: knows
//!    |          series in
//!   evaluate    PromQL over a file's samples
//!    |
//!   openmetrics a file's samples, as a stream
//!   report      rows, totals, statistics over steps of time         nothing of the above
//!    |
//!   time        points in time and durations                        trace: requests on stderr, for -v
//!
//!   node_cpu (node-cpu/)           counts CPU on a node; runs as a DaemonSet, and inside `top --local`
//! ```
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
