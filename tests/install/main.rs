//! `install` and `uninstall` against a real API server, controllers and scheduler, with nodes that are not there. One
//! program, so that one cluster serves all of its tests; they take turns, since there is one namespace to install into.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how tests fail, helpers included"
)]

mod admission;
mod basics;
mod by_hand;
mod failures;
mod interrupted;
mod matrix;
mod others;
mod proxy;
mod rights;
mod scale;
mod serving_certificate;
mod site;
mod tls;
mod webhook;
