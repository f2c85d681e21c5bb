//! The objects that are installed: `manifests/` with the user's settings filled in.
use super::manifest::{field_mut, insert_field, list_mut};
use super::payload::{Chunk, Payload, mount};
use super::resources::{NAME, NAMESPACE, Resource};
use crate::time::show_duration;
use anyhow::{Context, Result, anyhow};
use node_cpu::check_rules;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

/// Manifests in the order in which they are applied. People may apply the files themselves.
const MANIFESTS: [&str; 11] = [
    include_str!("../../manifests/securitycontextconstraints.yaml"),
    include_str!("../../manifests/serviceaccount.yaml"),
    include_str!("../../manifests/role.yaml"),
    include_str!("../../manifests/rolebinding.yaml"),
    include_str!("../../manifests/configmap.yaml"),
    include_str!("../../manifests/service.yaml"),
    include_str!("../../manifests/networkpolicy.yaml"),
    include_str!("../../manifests/daemonset.yaml"),
    include_str!("../../manifests/servicemonitor.yaml"),
    include_str!("../../manifests/prometheusrule.yaml"),
    include_str!("../../manifests/dashboard.yaml"),
];
/// Scrape interval of the manifests, and the range of the rules that belongs to it.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(15);
const DEFAULT_RANGE: &str = "[1m]";
/// Number of scrapes that a range spans, so that one may be missed.
const SCRAPES_PER_RANGE: u32 = 4;
/// Scrape timeout of the manifests. Prometheus refuses one that is longer than the interval.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// Flag of the exporter for the lowest TLS version.
const MIN_TLS_FLAG: &str = "--web.tls-min-version=";

/// The user's settings of the objects.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `--threads`: count thread by thread too.
    pub threads: bool,
    /// `--node-selector`: labels of the nodes that run it.
    pub node_selector: Vec<(String, String)>,
    /// `--scrape-interval`.
    pub scrape_interval: Duration,
    /// `--config`: text of the user's own groups.
    pub config: Option<String>,
    /// Lowest TLS version that the exporter accepts, by the cluster's TLS profile.
    pub min_tls: TlsVersion,
}

/// A TLS version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TlsVersion {
    /// 1.2
    #[default]
    Tls12,
    /// 1.3
    Tls13,
}

impl TlsVersion {
    /// Both versions, as Go and OpenShift name them.
    const NAMES: [(TlsVersion, &str); 2] =
        [(TlsVersion::Tls12, "VersionTLS12"), (TlsVersion::Tls13, "VersionTLS13")];

    /// Returns the version of this name. Older versions, which the exporter does not support, become 1.2.
    pub(super) fn from_name(name: &str) -> TlsVersion {
        Self::NAMES
            .into_iter()
            .find(|(_, its)| *its == name)
            .map_or_else(TlsVersion::default, |(version, _)| version)
    }

    /// Returns the lowest version that the exporter of this DaemonSet accepts. `None` if its arguments do not set
    /// one.
    pub(crate) fn of_installed(daemonset: &Value) -> Option<TlsVersion> {
        let arguments = daemonset.pointer("/spec/template/spec/containers/0/args")?.as_array()?;
        let mut arguments = arguments.iter().filter_map(Value::as_str);
        arguments.find_map(|argument| argument.strip_prefix(MIN_TLS_FLAG)).map(TlsVersion::from_name)
    }

    fn name(self) -> &'static str {
        Self::NAMES.into_iter().find(|(version, _)| *version == self).map_or("", |(_, name)| name)
    }
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TlsVersion::Tls12 => "TLS 1.2",
            TlsVersion::Tls13 => "TLS 1.3",
        })
    }
}

impl Default for Settings {
    /// Returns what the manifests have.
    fn default() -> Settings {
        Settings {
            threads: true,
            node_selector: Vec::new(),
            scrape_interval: DEFAULT_INTERVAL,
            config: None,
            min_tls: TlsVersion::default(),
        }
    }
}

/// Source of the exporter's program.
pub(crate) enum Program {
    /// `--image`: an image that holds it.
    Image(String),
    /// A payload, which runs in an image that every node has.
    Payload { payload: Payload, image: String },
    /// A payload that is in the cluster already, in these chunks.
    Installed { chunks: Vec<Chunk>, image: String },
}

impl Program {
    /// Returns the CPU architectures of a payload. `None` if an image holds the program, since it may be built for
    /// any.
    pub(super) fn architectures(&self) -> Option<BTreeSet<&str>> {
        match self {
            Program::Image(_) => None,
            Program::Payload { payload, .. } => Some(payload.architectures()),
            Program::Installed { chunks, .. } => {
                Some(chunks.iter().map(|chunk| chunk.architecture.as_str()).collect())
            }
        }
    }
}

/// One object, with its kind and namespace.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) resource: Resource,
    pub(crate) name: String,
    pub(crate) value: Value,
}

impl Object {
    pub(super) fn from_manifest(value: Value) -> Result<Object> {
        let name =
            value.pointer("/metadata/name").and_then(Value::as_str).context("a manifest has no name")?;
        let resource = Resource::of_object(&value)
            .with_context(|| format!("{name} is of a kind that is not installed"))?;
        Ok(Object { resource, name: name.to_owned(), value })
    }

    /// Returns its API path.
    pub(crate) fn path(&self) -> String {
        self.resource.object_path(&self.name)
    }

    /// Returns true if `other`, as the server sent it, has the same kind, namespace and name.
    pub(crate) fn is_same_object(&self, other: &Value) -> bool {
        let name = other.pointer("/metadata/name").and_then(Value::as_str);
        Resource::of_object(other) == Some(self.resource) && name == Some(&self.name)
    }

    /// Returns its name in messages.
    pub(crate) fn title(&self) -> String {
        self.resource.object_title(&self.name)
    }

    /// Returns true for the ConfigMap of the user's own groups. It is created once, and the user edits it.
    pub(crate) fn is_user_config(&self) -> bool {
        self.resource.kind == "ConfigMap" && self.name == NAME && self.resource.namespace == Some(NAMESPACE)
    }
}

/// Renders all objects, in the order in which they are applied.
pub(crate) fn render(settings: &Settings, program: &Program) -> Result<Vec<Object>> {
    let mut objects = Vec::new();
    for text in MANIFESTS {
        let value =
            Value::deserialize(serde_yaml::Deserializer::from_str(text)).context("a manifest is no YAML")?;
        let mut object = Object::from_manifest(value)?;
        match object.resource.kind {
            "ConfigMap" if object.is_user_config() => fill_config(&mut object.value, settings)?,
            "DaemonSet" => {
                // The pods mount the payload, so it is applied before them.
                if let Program::Payload { payload, .. } = program {
                    for map in payload.config_maps() {
                        objects.push(Object::from_manifest(map)?);
                    }
                }
                fill_daemonset(&mut object.value, settings, program)?;
            }
            "ServiceMonitor" => fill_service_monitor(&mut object.value, settings.scrape_interval)?,
            "PrometheusRule" => fill_rules(&mut object.value, settings.scrape_interval)?,
            _ => {}
        }
        objects.push(object);
    }
    Ok(objects)
}

fn fill_config(map: &mut Value, settings: &Settings) -> Result<()> {
    if let Some(text) = &settings.config {
        *field_mut(map, "/data/config.yaml")? = json!(text);
    }
    Ok(())
}

fn fill_daemonset(daemonset: &mut Value, settings: &Settings, program: &Program) -> Result<()> {
    // `status` compares this label with its own version.
    insert_field(
        field_mut(daemonset, "/metadata/labels")?,
        "app.kubernetes.io/version",
        json!(env!("CARGO_PKG_VERSION")),
    )?;
    let selector = field_mut(daemonset, "/spec/template/spec/nodeSelector")?;
    for (key, value) in &settings.node_selector {
        insert_field(selector, key, json!(value))?;
    }
    let threads = settings.threads.to_string();
    for (flag, value) in [("--threads=", threads.as_str()), (MIN_TLS_FLAG, settings.min_tls.name())] {
        for argument in list_mut(daemonset, "/spec/template/spec/containers/0/args")? {
            if argument.as_str().is_some_and(|text| text.starts_with(flag)) {
                *argument = json!(format!("{flag}{value}"));
            }
        }
    }
    match program {
        Program::Image(image) => {
            *field_mut(daemonset, "/spec/template/spec/containers/0/image")? = json!(image)
        }
        Program::Payload { payload, image } => payload.mount(daemonset, image)?,
        Program::Installed { chunks, image } => mount(daemonset, image, chunks.iter().cloned())?,
    }
    Ok(())
}

fn fill_service_monitor(monitor: &mut Value, interval: Duration) -> Result<()> {
    *field_mut(monitor, "/spec/endpoints/0/interval")? = json!(show_duration(interval));
    *field_mut(monitor, "/spec/endpoints/0/scrapeTimeout")? =
        json!(show_duration(interval.min(DEFAULT_TIMEOUT)));
    Ok(())
}

fn fill_rules(rule: &mut Value, interval: Duration) -> Result<()> {
    let range = format!("[{}]", show_duration(SCRAPES_PER_RANGE * interval));
    for group in list_mut(rule, "/spec/groups")? {
        if group.get("interval").and_then(Value::as_str) != Some(&show_duration(DEFAULT_INTERVAL)) {
            continue;
        }
        insert_field(group, "interval", json!(show_duration(interval)))?;
        for rule in list_mut(group, "/rules")? {
            let expression = field_mut(rule, "/expr")?;
            let text = expression.as_str().map(|text| text.replace(DEFAULT_RANGE, &range));
            *expression = json!(text.context("a rule has no expression")?);
        }
    }
    Ok(())
}

/// Returns the user's own groups after the exporter's parser has accepted them. Errors name the cause and the line.
pub fn validate_config(text: String) -> Result<String> {
    check_rules(&text).map_err(|error| anyhow!("{error:#}: correct it"))?;
    Ok(text)
}

#[cfg(test)]
mod tests;
