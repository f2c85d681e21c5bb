//! A Prometheus with a gateway of its own.

use std::path::Path;

use anyhow::Result;

use crate::bare::{Bare, Spec};
use crate::gateway::{Certificate, Doorway, Gateway};

/// A running Prometheus; ended when dropped.
pub struct Prometheus {
    /// The server, past the door.
    pub bare: Bare,
    /// Base URL, past the door: plain HTTP on loopback, to whoever asks.
    pub url: String,
    /// Host name of its gateway, port 443, its certificate signed by the ingress CA.
    pub host: String,
    _gateway: Gateway,
}

impl Prometheus {
    /// Starts one called `name`, unique in this process, with its files in a folder of `parent`; ready when this returns.
    pub(crate) fn start(parent: &Path, name: &str, spec: &Spec<'_>, doorway: &Doorway) -> Result<Self> {
        let bare = Bare::start_in(parent, name, spec)?;
        let url = bare.url.clone();
        let host = format!("{name}-openshift-monitoring.apps.test.example");
        let gateway = doorway.open(parent, &host, &url, Certificate::Good)?;
        Ok(Self { bare, url, host, _gateway: gateway })
    }
}
