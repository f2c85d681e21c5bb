//! kube-rbac-proxy, which stands for the router too: port 443 of a host name of its own.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::json;

use crate::certs::{ALWAYS, Authority};
use crate::namespace::{add_host, tool};
use crate::process::{Process, start};

/// Authority and kubeconfig of all gateways.
pub(crate) struct Doorway {
    /// Signs the gateways' certificates.
    pub(crate) ingress: Authority,
    /// Kubeconfig by which gateways have the API server review clients.
    pub(crate) kubeconfig: PathBuf,
}

/// Certificate of a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// For its host, signed by the ingress CA.
    Good,
    /// No longer valid.
    Expired,
    /// Not valid before the year 3000.
    Early,
    /// For another host.
    ForAnother,
    /// Signed by an authority that nobody publishes.
    Unpublished,
}

/// A running gateway; ended when dropped.
pub struct Gateway {
    /// Its host name; port 443.
    pub host: String,
    /// The certificate that it shows, a PEM file without its authority.
    pub certificate: PathBuf,
    address: Ipv4Addr,
    arguments: Vec<String>,
    /// Ended with this struct.
    proxy: Process,
}

impl Gateway {
    /// Ends it and starts it again. It then has no session of an earlier client.
    pub fn restart(&mut self) -> Result<()> {
        self.proxy.kill();
        self.proxy = knock(&self.host, self.address, &self.arguments)?;
        Ok(())
    }
}

/// Starts a proxy; it listens when this returns.
fn knock(host: &str, address: Ipv4Addr, arguments: &[String]) -> Result<Process> {
    let mut proxy = start(&format!("gateway-{host}"), tool("kube-rbac-proxy")?, arguments)?;
    proxy.await_ready(|| Ok(TcpStream::connect((address, 443))?))?;
    Ok(proxy)
}

impl Doorway {
    /// Opens a gateway for `host`, its files in `directory`. It listens when this returns.
    pub(crate) fn open(
        &self,
        directory: &Path,
        host: &str,
        upstream: &str,
        certificate: Certificate,
    ) -> Result<Gateway> {
        let address = add_host(host)?;
        let directory = directory.join(host);
        fs::create_dir(&directory)?;
        let unpublished = Authority::new(&directory, "unpublished-ca")?;
        let (authority, name, years) = match certificate {
            Certificate::Good => (&self.ingress, host, ALWAYS),
            Certificate::Expired => (&self.ingress, host, 2000..2020),
            Certificate::Early => (&self.ingress, host, 3000..4000),
            Certificate::ForAnother => (&self.ingress, "another.apps.test.example", ALWAYS),
            Certificate::Unpublished => (&unpublished, host, ALWAYS),
        };
        let pair = authority.server(&directory, &[name], years)?;
        let authorization = directory.join("authorization.yaml");
        fs::write(&authorization, authorization_config())?;
        let arguments = vec![
            format!("--secure-listen-address={address}:443"),
            format!("--upstream={upstream}/"),
            format!("--tls-cert-file={}", pair.certificate.display()),
            format!("--tls-private-key-file={}", pair.key.display()),
            format!("--kubeconfig={}", self.kubeconfig.display()),
            format!("--config-file={}", authorization.display()),
        ];
        let proxy = knock(host, address, &arguments)?;
        Ok(Gateway { host: host.to_owned(), certificate: pair.certificate, address, arguments, proxy })
    }
}

/// Review by which OpenShift's own proxy lets a client query.
fn authorization_config() -> String {
    json!({"authorization": {"resourceAttributes": {
        "apiGroup": "monitoring.coreos.com", "resource": "prometheuses", "subresource": "api",
        "name": "k8s", "namespace": "openshift-monitoring",
    }}})
    .to_string()
}
