//! `Node` on systems other than Linux: it has the functions of Linux, but opening one always fails.

use crate::options::{Detail, Paths};
use crate::snapshot::{Method, Snapshot};
use anyhow::{Result, bail};
use std::env::consts::OS;

/// A node that is being counted. No value exists on this system.
#[derive(Debug)]
pub enum Node {}

impl Node {
    /// Fails, and says what counting needs.
    pub fn open(_: &Paths, _: Detail) -> Result<Node> {
        bail!("counting CPU needs Linux's /proc, and this is {OS}: run it on a machine with Linux")
    }

    /// Returns all counters. Unreachable, because no node exists on this system.
    pub fn pass(&mut self) -> Result<Snapshot> {
        match *self {}
    }

    /// Returns when the machine was started. Unreachable, because no node exists on this system.
    pub fn boot_time(&self) -> Option<u64> {
        match *self {}
    }

    /// Returns the method that counts the node. Unreachable, because no node exists on this system.
    pub fn method(&self) -> Method {
        match *self {}
    }

    /// Returns what cannot be seen. Unreachable, because no node exists on this system.
    pub fn limits(&self) -> Vec<String> {
        match *self {}
    }
}
