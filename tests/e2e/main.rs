//! The plugin against a real cluster. One program, so that one cluster serves all of its tests.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how tests fail, helpers included"
)]

mod accuracy;
mod bad_days;
mod history;
mod loads;
mod way_in;
