//! `status` against a real API server that `install` has filled, and against a Prometheus that scrapes a real exporter with
//! the rules as they are stored: each kind of failure is made for real. They take turns, as there is one namespace.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how tests fail, helpers included"
)]

mod admission;
mod data;
mod drift;
mod nodes;
mod objects;
mod report;
mod rights;
mod scrape;
mod serving_certificate;
#[path = "../install/site.rs"]
#[allow(dead_code, reason = "the tests of install compare more of the objects")]
mod site;
mod strays;
