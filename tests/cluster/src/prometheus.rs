//! A Prometheus behind kube-rbac-proxy, which stands for the router too: port 443 of a host name of its own.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::api::{fetch, trusting};
use crate::certs::Authority;
use crate::namespace::{add_host, free_port, tool};
use crate::process::{Process, mortal, start};

/// What a Prometheus is started with.
#[derive(Clone, Debug, Default)]
pub struct Spec<'a> {
    /// Its configuration, YAML; rule files and targets by absolute paths and addresses.
    pub config: &'a str,
    /// A history in OpenMetrics text for it to hold from the start.
    pub history: Option<&'a Path>,
    /// More arguments.
    pub arguments: &'a [&'a str],
}

/// A running Prometheus; ended when dropped.
pub struct Prometheus {
    /// Base URL, past the door: plain HTTP on loopback, to whoever asks.
    pub url: String,
    /// Host name of the door, port 443, its certificate signed by the ingress CA.
    pub host: String,
    /// Ended with this struct.
    _parts: [Process; 2],
}

/// What every door needs.
pub(crate) struct Doorway {
    /// Signs the doors' certificates.
    pub(crate) ingress: Authority,
    /// How doors reach the API server to review who asks.
    pub(crate) kubeconfig: PathBuf,
}

impl Prometheus {
    /// Starts one called `name`, unique in this process, with its files in `directory`; ready when this returns.
    pub(crate) fn start(directory: &Path, name: &str, spec: &Spec<'_>, doorway: &Doorway) -> Result<Self> {
        let directory = directory.join(name);
        let data = directory.join("data");
        fs::create_dir_all(&data).with_context(|| format!("making {}", data.display()))?;
        if let Some(history) = spec.history {
            fill(&data, history)?;
        }
        let config = directory.join("prometheus.yml");
        fs::write(&config, spec.config)?;
        let (port, client) = (free_port(), trusting(&doorway.ingress.file)?.build()?);
        let url = format!("http://127.0.0.1:{port}");
        let mut arguments = vec![
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", data.display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
        ];
        arguments.extend(spec.arguments.iter().map(ToString::to_string));
        let mut prometheus = start(name, tool("prometheus")?, &arguments)?;
        prometheus.await_ready(|| {
            let (status, text) = fetch(&client, &format!("{url}/-/ready"), None)?;
            ensure!(status.is_success(), "{status}: {text}");
            Ok(())
        })?;

        let host = format!("{name}-openshift-monitoring.apps.test.example");
        let address = add_host(&host)?;
        let certificate = doorway.ingress.server(&directory, &[&host])?;
        let authorization = directory.join("authorization.yaml");
        fs::write(&authorization, authorization_config())?;
        let mut door = start(
            &format!("{name}-door"),
            tool("kube-rbac-proxy")?,
            &[
                format!("--secure-listen-address={address}:443"),
                format!("--upstream={url}/"),
                format!("--tls-cert-file={}", certificate.certificate.display()),
                format!("--tls-private-key-file={}", certificate.key.display()),
                format!("--kubeconfig={}", doorway.kubeconfig.display()),
                format!("--config-file={}", authorization.display()),
            ],
        )?;
        door.await_ready(|| fetch(&client, &format!("https://{host}/api/v1/labels"), None))?;
        Ok(Self { url, host, _parts: [prometheus, door] })
    }
}

/// What OpenShift's own door asks the API server about whoever queries.
fn authorization_config() -> String {
    json!({"authorization": {"resourceAttributes": {
        "apiGroup": "monitoring.coreos.com", "resource": "prometheuses", "subresource": "api",
        "name": "k8s", "namespace": "openshift-monitoring",
    }}})
    .to_string()
}

fn fill(data: &Path, history: &Path) -> Result<()> {
    let answer = mortal(tool("promtool")?)
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .args([history, data])
        .output()
        .context("starting promtool")?;
    let (what, text) = (history.display(), String::from_utf8_lossy(&answer.stderr));
    ensure!(answer.status.success(), "promtool refused the history {what} ({}): {text}", answer.status);
    Ok(())
}
