//! Whatever kubectl connects with, the plugin connects with: each kubeconfig, flag and certificate of the tables is given to
//! the real kubectl and to the plugin, against the real API server, and both must come to the same end.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how tests fail, helpers included"
)]

mod certificates;
mod clients;
mod flags;
mod kubeconfigs;
mod trial;
