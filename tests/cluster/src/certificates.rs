//! Certificates of every kind that Go's verifier takes, made by Go: tests/tools/certificates.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::certs::Pair;
use crate::namespace::tool;

/// One to be made. What is left out is as in the usual server's certificate.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(default)]
pub struct GoCertificate {
    /// Name of its files, and its common name if that is empty.
    pub name: String,
    /// `rsa1024`, `rsa2048`, `rsa4096`, `p224`, `p256`, `p384`, `p521` or `ed25519`.
    pub key: String,
    /// Form of its key: `pkcs8` (if empty), `pkcs1` or `sec1`.
    pub key_form: String,
    /// Name of Go's crypto/x509, such as `ECDSA-SHA512`; empty: the usual one of the issuer's key.
    pub signature: String,
    /// The name of one before it; empty: it signs itself.
    pub issuer: String,
    /// True if it is marked as an authority.
    pub authority: bool,
    /// An authority of X.509 version 1, with a key on P-256.
    pub version1: bool,
    /// DNS names and IP addresses.
    pub hosts: Vec<String>,
    /// The common name.
    pub common: String,
    /// The organization: a user's group.
    pub group: String,
    /// For clients.
    pub client: bool,
    /// Since an hour ago.
    pub expired: bool,
}

impl GoCertificate {
    /// Makes all of these, an issuer before what it signs, in `folder`.
    pub fn make(all: &[GoCertificate], folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        let mut go = Command::new(tool("certificates")?).arg(folder).stdin(Stdio::piped()).spawn()?;
        go.stdin.take().context("no standard input")?.write_all(&serde_json::to_vec(all)?)?;
        let status = go.wait()?;
        ensure!(status.success(), "making certificates: {status}");
        Ok(())
    }

    /// Its files in `folder`.
    pub fn files(&self, folder: &Path) -> Pair {
        let file = |ending: &str| folder.join(format!("{}.{ending}", self.name));
        Pair { certificate: file("crt"), key: file("key") }
    }
}
