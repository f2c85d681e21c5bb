//! The real prometheus-operator, which turns ServiceMonitors and PrometheusRules into what OpenShift's Prometheus runs with.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::logins::Login;
use crate::namespace::{directory, free_port, tool};
use crate::objects::serve;
use crate::process::{Process, start};
use crate::wait::until;

const GROUP: &str = "monitoring.coreos.com";
/// The kinds that the operator wants served beside those of a fleet.
const KINDS: [&str; 3] = ["prometheuses", "podmonitors", "probes"];
const HERE: &str = "namespaces/openshift-monitoring";
/// Folder of the files of the platform's Prometheus.
const PLATFORM: &str = "/etc/prometheus/";

/// A running operator with OpenShift's `Prometheus` object `k8s`; ended when dropped.
pub struct Operator {
    /// Folder in place of `/etc/prometheus`, with the files that ServiceMonitors name.
    pub files: PathBuf,
    /// Ended with this struct.
    _process: Process,
}

impl Operator {
    /// Starts it beside a cluster that has a fleet. There is room for one.
    pub fn start(cluster: &Cluster) -> Result<Self> {
        let api = cluster.api();
        for kind in KINDS {
            serve(api, GROUP, "v1", kind)?;
        }
        let installer: Value = serde_json::from_slice(&fs::read(cluster.kubeconfig(Login::Installer))?)?;
        let of_user = |field: &str| {
            let path = installer.pointer("/users/0/user").and_then(|user| user.get(field)?.as_str());
            path.map(str::to_owned).with_context(|| format!("the installer has no {field}"))
        };
        let (cert, key) = (of_user("client-certificate")?, of_user("client-key")?);
        let ca = cluster.api_ca().display().to_string();
        let selected = json!({"matchLabels": {"openshift.io/cluster-monitoring": "true"}});
        // Like the platform's own, but it reaches the API server from outside of a pod.
        let prometheus = json!({
            "apiVersion": format!("{GROUP}/v1"), "kind": "Prometheus", "metadata": {"name": "k8s"},
            "spec": {
                "serviceMonitorSelector": {}, "serviceMonitorNamespaceSelector": selected,
                "ruleSelector": {}, "ruleNamespaceSelector": selected,
                "scrapeInterval": "30s", "evaluationInterval": "30s",
                "apiserverConfig": {"host": api.server(), "tlsConfig": {"caFile": ca, "certFile": cert, "keyFile": key}},
            },
        });
        api.apply(&format!("/apis/{GROUP}/v1/{HERE}/prometheuses/k8s"), &prometheus.to_string())?;
        let process = start(
            "prometheus-operator",
            tool("prometheus-operator")?,
            &[
                format!("--apiserver={}", api.server()),
                format!("--ca-file={ca}"),
                format!("--cert-file={cert}"),
                format!("--key-file={key}"),
                format!("--web.listen-address=127.0.0.1:{}", free_port()),
            ],
        )?;
        let files = directory()?.join("etc-prometheus");
        fs::create_dir(&files)?;
        Ok(Self { files, _process: process })
    }

    /// Waits until it has read the ServiceMonitor and the PrometheusRule of this name; gives the configuration, YAML, with
    /// this machine's paths, its rule files written. An `old` one is for Prometheus 2, with targets found by `Endpoints`;
    /// later releases find them by `EndpointSlice`.
    pub fn configuration(&self, cluster: &Cluster, name: &str, old: bool) -> Result<String> {
        let (role, version) = if old { ("Endpoints", Some("v2.42.0")) } else { ("EndpointSlice", None) };
        let release = json!({"spec": {"serviceDiscoveryRole": role, "version": version}});
        cluster.api().merge(&format!("/apis/{GROUP}/v1/{HERE}/prometheuses/k8s"), &release)?;
        let get = |path: &str| -> Result<Value> {
            Ok(serde_json::from_str(&cluster.api().get(&format!("/api/v1/{HERE}/{path}"))?)?)
        };
        until("the operator to have written both", Duration::from_secs(90), || {
            let secret = get("secrets/prometheus-k8s")?;
            let packed = secret.pointer("/data/prometheus.yaml.gz").and_then(Value::as_str);
            let packed = BASE64.decode(packed.context("no configuration")?)?;
            let mut text = String::new();
            GzDecoder::new(packed.as_slice()).read_to_string(&mut text)?;
            ensure!(
                text.contains(&format!("serviceMonitor/openshift-monitoring/{name}/0")),
                "it has no such job"
            );
            ensure!(text.contains(&format!("role: {}\n", role.to_lowercase())), "it finds targets otherwise");
            let rules = get("configmaps/prometheus-k8s-rulefiles-0")?;
            let rules = rules.pointer("/data").and_then(Value::as_object).context("no rule files")?;
            ensure!(rules.keys().any(|file| file.contains(name)), "it has no such rules");
            let folder = self.files.join("rules/prometheus-k8s-rulefiles-0");
            fs::create_dir_all(&folder)?;
            for (file, text) in rules {
                fs::write(folder.join(file), text.as_str().unwrap_or_default())?;
            }
            // The rest is what the pod's config-reloader fills in.
            let text = text.replace(PLATFORM, &format!("{}/", self.files.display()));
            Ok(text.replace("$(SHARD)", "0").replace("$(POD_NAME)", "prometheus-k8s-0"))
        })
    }

    /// Copies a certificate, or another file, to its path below `/etc/prometheus` of the platform's Prometheus.
    pub fn copy_file(&self, path: &str, file: &Path) -> Result<()> {
        let target = self.files.join(path);
        fs::create_dir_all(target.parent().context("a file without a folder")?)?;
        fs::copy(file, &target).map(drop).with_context(|| format!("writing {}", target.display()))
    }
}
