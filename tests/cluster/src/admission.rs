//! The admission that OpenShift has and upstream's API server lacks, by the real code as webhooks: SecurityContextConstraints
//! for pods, and the prometheus-operator's check of PrometheusRules.

use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::blocking::Client;
use serde_json::{Value, json};

use crate::api::{Api, fetch, trusting};
use crate::certs::{ALWAYS, Authority, Pair};
use crate::cluster::Cluster;
use crate::logins::Login;
use crate::namespace::{directory, free_port, tool};
use crate::process::{Process, start};
use crate::wait::until;

/// The standard constraints, and the right of everybody to use `restricted-v2`.
const CONSTRAINTS: &str = include_str!("constraints.yaml");
const REGISTRATIONS: &str = "/apis/admissionregistration.k8s.io/v1";
const SCC: &str = "securitycontextconstraints.admission.openshift.io";
const PODS: &str = "/api/v1/namespaces/openshift-monitoring/pods";
const RULES: &str = "/apis/monitoring.coreos.com/v1/namespaces/openshift-monitoring/prometheusrules";

/// Both webhooks, running and registered; they end when dropped, and stay registered.
pub struct Admission {
    /// Ended with this struct.
    _scc: Process,
    rules: Webhook,
    rules_process: Mutex<Process>,
}

/// Program of one webhook, and its address.
struct Webhook {
    program: &'static str,
    arguments: Vec<String>,
    url: String,
    /// Path that is answered with success once it is ready.
    ready: &'static str,
    client: Client,
    ca_bundle: String,
}

impl Admission {
    /// Path of the registration of the check of PrometheusRules.
    pub const RULE_CHECK: &'static str =
        "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/prometheusrules.openshift.io";

    /// Starts both; they judge when this returns. The cluster serves constraints and PrometheusRules already, and its
    /// namespaces exist: those that are made later lack the ranges that OpenShift gives to each.
    pub(crate) fn start(cluster: &Cluster) -> Result<Self> {
        let api = cluster.api();
        allocate(api)?;
        for document in CONSTRAINTS.split("---\n").skip(1) {
            apply(api, document)?;
        }
        let folder = directory()?.join("admission");
        fs::create_dir(&folder).with_context(|| format!("making {}", folder.display()))?;
        let authority = Authority::new(&folder, "admission-ca")?;
        let pair = authority.server(&folder, &["127.0.0.1"], ALWAYS)?;
        let scc = Webhook::scc(&authority.file, &pair, &cluster.kubeconfig(Login::Installer))?;
        let rules = Webhook::rules(&authority.file, &pair)?;
        let (process, rules_process) = (scc.start()?, Mutex::new(rules.start()?));
        register_scc(api, &scc)?;
        let admission = Self { _scc: process, rules, rules_process };
        api.apply(Self::RULE_CHECK, &admission.rule_check().to_string())?;
        until("both webhooks to judge", Duration::from_secs(30), || {
            let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "try"}, "spec": {"containers": [{"name": "try", "image": "try"}]}});
            let pod = api.create(&format!("{PODS}?dryRun=All"), &pod)?;
            ensure!(
                pod.pointer("/metadata/annotations/openshift.io~1scc").is_some(),
                "no constraints: {pod}"
            );
            let refused = try_broken_rule(api).err().map(|error| error.to_string()).unwrap_or_default();
            ensure!(refused.contains("denied the request"), "a broken rule: {refused}");
            Ok(())
        })?;
        Ok(admission)
    }

    /// The registration of the check of PrometheusRules, as cluster-monitoring-operator makes it.
    pub fn rule_check(&self) -> Value {
        let rule = json!({"apiGroups": ["monitoring.coreos.com"], "apiVersions": ["v1"], "resources": ["prometheusrules"],
            "operations": ["CREATE", "UPDATE"], "scope": "Namespaced"});
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "prometheusrules.openshift.io"},
            "webhooks": [{
                "name": "prometheusrules.openshift.io", "rules": [rule], "failurePolicy": "Ignore", "sideEffects": "None",
                "admissionReviewVersions": ["v1"], "timeoutSeconds": 5,
                "clientConfig": self.rules.client_config("/admission-prometheusrules/validate"),
            }],
        })
    }

    /// Ends the check of PrometheusRules; it stays registered.
    pub fn stop_rule_check(&self) {
        self.rules_process.lock().unwrap_or_else(PoisonError::into_inner).kill();
    }

    /// Starts it again; it answers when this returns.
    pub fn start_rule_check(&self) -> Result<()> {
        let mut process = self.rules_process.lock().unwrap_or_else(PoisonError::into_inner);
        process.kill();
        *process = self.rules.start()?;
        Ok(())
    }
}

impl Webhook {
    /// `arguments` are those beside the address, whose flag is `listen`.
    fn new(
        program: &'static str,
        ready: &'static str,
        ca: &Path,
        listen: &str,
        mut arguments: Vec<String>,
    ) -> Result<Self> {
        let address = format!("127.0.0.1:{}", free_port());
        arguments.push(format!("{listen}={address}"));
        let (client, ca_bundle) = (trusting(ca)?.build()?, BASE64.encode(fs::read(ca)?));
        Ok(Self { program, arguments, url: format!("https://{address}"), ready, client, ca_bundle })
    }

    fn scc(ca: &Path, pair: &Pair, kubeconfig: &Path) -> Result<Self> {
        let arguments = vec![
            format!("--tls-cert-file={}", pair.certificate.display()),
            format!("--tls-private-key-file={}", pair.key.display()),
            format!("--kubeconfig={}", kubeconfig.display()),
        ];
        Self::new("scc-admission", "/readyz", ca, "--listen-address", arguments)
    }

    fn rules(ca: &Path, pair: &Pair) -> Result<Self> {
        let arguments = vec![
            "--web.enable-tls=true".to_owned(),
            format!("--web.cert-file={}", pair.certificate.display()),
            format!("--web.key-file={}", pair.key.display()),
        ];
        Self::new("admission-webhook", "/healthz", ca, "--web.listen-address", arguments)
    }

    /// Starts it; it answers when this returns.
    fn start(&self) -> Result<Process> {
        let mut process = start(self.program, tool(self.program)?, &self.arguments)?;
        process.await_ready(|| {
            let (status, text) = fetch(&self.client, &format!("{}{}", self.url, self.ready), None)?;
            ensure!(status.is_success(), "{status}: {text}");
            Ok(())
        })?;
        Ok(process)
    }

    fn client_config(&self, path: &str) -> Value {
        json!({"url": format!("{}{path}", self.url), "caBundle": self.ca_bundle})
    }
}

/// Registers the constraints' two webhooks for all that the plugin judges when it is compiled in.
fn register_scc(api: &Api, webhook: &Webhook) -> Result<()> {
    let rule = json!({"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods", "pods/ephemeralcontainers"],
        "operations": ["CREATE", "UPDATE"], "scope": "Namespaced"});
    for (kind, path) in [("Mutating", "/mutate"), ("Validating", "/validate")] {
        let object = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": format!("{kind}WebhookConfiguration"),
            "metadata": {"name": SCC},
            "webhooks": [{
                "name": SCC, "rules": [rule], "failurePolicy": "Fail", "sideEffects": "None",
                "admissionReviewVersions": ["v1"], "timeoutSeconds": 30, "clientConfig": webhook.client_config(path),
            }],
        });
        let plural = format!("{}webhookconfigurations", kind.to_lowercase());
        api.apply(&format!("{REGISTRATIONS}/{plural}/{SCC}"), &object.to_string())?;
    }
    Ok(())
}

/// Gives each namespace users and SELinux levels of its own, as OpenShift's namespace controller does.
fn allocate(api: &Api) -> Result<()> {
    let list: Value = serde_json::from_str(&api.get("/api/v1/namespaces")?)?;
    let namespaces = list.pointer("/items").and_then(Value::as_array).context("no namespaces")?;
    for (number, namespace) in namespaces.iter().enumerate() {
        let name = namespace.pointer("/metadata/name").and_then(Value::as_str).context("no name")?;
        let range = format!("{}/10000", 1_000_000_000 + 10_000 * number);
        let annotations = json!({
            "openshift.io/sa.scc.uid-range": range, "openshift.io/sa.scc.supplemental-groups": range,
            "openshift.io/sa.scc.mcs": format!("s0:c27,c{number}"),
        });
        api.merge(&format!("/api/v1/namespaces/{name}"), &json!({"metadata": {"annotations": annotations}}))?;
    }
    Ok(())
}

/// Applies one document of the constraints' file.
fn apply(api: &Api, document: &str) -> Result<()> {
    let object: Value = serde_yaml::from_str(document).context("reading the constraints")?;
    let field = |pointer: &str| {
        let text = object.pointer(pointer).and_then(Value::as_str);
        text.with_context(|| format!("constraints without {pointer}"))
    };
    let (version, kind, name) = (field("/apiVersion")?, field("/kind")?, field("/metadata/name")?);
    let plural = format!("{}s", kind.trim_end_matches('s').to_lowercase());
    api.apply(&format!("/apis/{version}/{plural}/{name}"), document)
}

/// Asks for a rule whose expression is no PromQL, without making it.
fn try_broken_rule(api: &Api) -> Result<Value> {
    let rules = json!([{"name": "try", "rules": [{"record": "try", "expr": "sum("}]}]);
    let rule = json!({"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": {"name": "try"},
        "spec": {"groups": rules}});
    api.create(&format!("{RULES}?dryRun=All"), &rule)
}
