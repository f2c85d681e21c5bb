//! The node elsewhere than on Linux: the same door, and behind it only the word that there is nothing to count.

use crate::snapshot::{Detail, Method, Paths, Snapshot};
use anyhow::{Result, bail};
use std::env::consts::OS;

/// A node that is being counted: none on this system.
#[derive(Debug)]
pub enum Node {}

impl Node {
    /// Fails and says what it takes.
    pub fn open(_: &Paths, _: Detail) -> Result<Node> {
        bail!("counting CPU needs Linux's /proc, and this is {OS}: run it on a machine with Linux")
    }

    /// All counters, if there were a node.
    pub fn pass(&mut self) -> Result<Snapshot> {
        match *self {}
    }

    /// When the machine was started, if there were a node.
    pub fn boot_time(&self) -> Option<u64> {
        match *self {}
    }

    /// By what it is counted, if there were a node.
    pub fn method(&self) -> Method {
        match *self {}
    }

    /// What cannot be seen, if there were a node.
    pub fn limits(&self) -> Vec<String> {
        match *self {}
    }
}
