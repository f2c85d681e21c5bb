//! The plugin against a real cluster. One program, so that one cluster serves all of its tests.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how tests fail, helpers included"
)]

mod bad_days;
mod bad_kubeconfig;
mod bad_server;
mod budget;
mod compare;
mod cpusets;
mod gallery;
mod header;
mod history;
mod nodes;
mod odd_data;
mod pictures;
mod plan;
mod queries;
mod renewal;
mod replay;
mod serve;
mod shards;
mod sign_in;
mod sources;
mod sums;
mod tenant;
mod terminal;
mod trust;
mod verbose;
mod watch;
mod way_in;
mod workloads;
