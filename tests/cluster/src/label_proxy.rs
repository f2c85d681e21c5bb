//! prom-label-proxy: what stands before OpenShift's Thanos on the port of tenants. Each request names its namespace, and
//! gets the series of that namespace alone.

use std::net::TcpStream;

use anyhow::Result;

use crate::namespace::{free_port, tool};
use crate::process::{Process, start};

/// A running proxy; ended when dropped.
pub struct LabelProxy {
    /// Base URL: plain HTTP on loopback.
    pub url: String,
    /// Ended with this struct.
    _proxy: Process,
}

impl LabelProxy {
    /// Starts one called `name`, unique in this process, before `upstream` (a base URL), with OpenShift's flags; it
    /// listens when this returns.
    pub fn start(name: &str, upstream: &str) -> Result<Self> {
        let address = format!("127.0.0.1:{}", free_port());
        let arguments = [
            format!("--insecure-listen-address={address}"),
            format!("--upstream={upstream}"),
            "--label=namespace".to_owned(),
            "--enable-label-apis".to_owned(),
            "--error-on-replace".to_owned(),
        ];
        let mut proxy = start(name, tool("prom-label-proxy")?, &arguments)?;
        proxy.await_ready(|| Ok(TcpStream::connect(&address)?))?;
        Ok(Self { url: format!("http://{address}"), _proxy: proxy })
    }
}
