//! The plugin as a stranger comes by it: through kubectl and oc, their completion, and krew. One program, so that one cluster
//! serves all of its tests.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how tests fail, helpers included"
)]

mod completion;
mod krew;
mod oc;
mod release;
mod version;
