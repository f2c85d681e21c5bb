//! The cluster that is installed into, one test at a time, and what is in it.
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use test_cluster::{Cluster, Fleet, Login, Outcome, Plugin, ServiceCa, shared, until};

/// The namespaces that are installed into.
pub(crate) const NAMESPACES: [&str; 2] = ["openshift-monitoring", "openshift-config-managed"];
/// Nodes of the cluster.
pub(crate) const NODES: usize = 3;
pub(crate) const HERE: &str = "/namespaces/openshift-monitoring";
pub(crate) const DAEMON_SET: &str =
    "/apis/apps/v1/namespaces/openshift-monitoring/daemonsets/process-exporter";
pub(crate) const CONFIG: &str = "/api/v1/namespaces/openshift-monitoring/configmaps/process-exporter";
/// Secret that the exporter's pods mount and the service CA makes.
pub(crate) const SECRET: &str = "/api/v1/namespaces/openshift-monitoring/secrets/process-exporter-tls";
pub(crate) const SERVICE: &str = "/api/v1/namespaces/openshift-monitoring/services/process-exporter";
const QUOTA: &str = "/api/v1/namespaces/openshift-monitoring/resourcequotas/none";

/// Every kind that is looked at, as `group/version` (or `v1`) and plural; without a namespace last.
const KINDS: [(&str, &str); 16] = [
    ("/api/v1", "serviceaccounts"),
    ("/apis/rbac.authorization.k8s.io/v1", "roles"),
    ("/apis/rbac.authorization.k8s.io/v1", "rolebindings"),
    ("/api/v1", "configmaps"),
    ("/api/v1", "services"),
    ("/apis/networking.k8s.io/v1", "networkpolicies"),
    ("/api/v1", "secrets"),
    ("/api/v1", "endpoints"),
    ("/apis/discovery.k8s.io/v1", "endpointslices"),
    ("/apis/apps/v1", "daemonsets"),
    ("/apis/apps/v1", "controllerrevisions"),
    ("/apis/apps/v1", "deployments"),
    ("/api/v1", "pods"),
    ("/apis/monitoring.coreos.com/v1", "servicemonitors"),
    ("/apis/monitoring.coreos.com/v1", "prometheusrules"),
    ("/apis/security.openshift.io/v1", "securitycontextconstraints"),
];

/// The cluster, this test's alone: nothing is installed when it begins, nor when it ends.
pub(crate) struct Site {
    pub(crate) cluster: &'static Cluster,
    pub(crate) fleet: &'static Fleet,
    pub(crate) plugin: Plugin,
    pub(crate) exporter: PathBuf,
    pub(crate) service_ca: &'static ServiceCa,
    _alone: MutexGuard<'static, ()>,
}

/// Takes the cluster.
pub(crate) fn site() -> Site {
    static ALONE: Mutex<()> = Mutex::new(());
    static PLATFORM: OnceLock<(Fleet, ServiceCa)> = OnceLock::new();
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let cluster = shared();
    let (fleet, service_ca) =
        PLATFORM.get_or_init(|| (Fleet::start(cluster, NODES).unwrap(), ServiceCa::start(cluster).unwrap()));
    let plugin = Plugin::new(env!("CARGO_BIN_EXE_oc-interrogate")).unwrap();
    let plugin = plugin.kubeconfig(cluster.kubeconfig(Login::Installer));
    let exporter = plugin.home().join("exporter");
    std::fs::write(&exporter, program(1_200_000, 62)).unwrap();
    let site = Site { cluster, fleet, plugin, exporter, service_ca, _alone: alone };
    site.clean();
    site
}

/// The bytes of a static program for an ELF machine, which do not compress.
pub(crate) fn program(size: usize, machine: u16) -> Vec<u8> {
    let mut bytes: Vec<u8> = Vec::new();
    let mut state = u64::from(machine);
    while bytes.len() < size {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        bytes.extend(state.to_be_bytes());
    }
    bytes[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1]);
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    bytes[56..58].copy_from_slice(&[0, 0]);
    bytes
}

impl Site {
    /// Runs `install` with the exporter of this site and more arguments.
    pub(crate) fn install(&self, more: &[&str]) -> Outcome {
        self.run_as(&self.plugin, more)
    }

    /// Runs the plugin as another user.
    pub(crate) fn run_as(&self, plugin: &Plugin, more: &[&str]) -> Outcome {
        let exporter = self.exporter.to_str().unwrap();
        let limit: &[&str] = if more.contains(&"--timeout") { &[] } else { &["--timeout", "60s"] };
        let arguments = ["install", "--exporter", exporter];
        plugin.run(arguments.iter().chain(limit).chain(more).copied()).unwrap()
    }

    pub(crate) fn uninstall(&self) -> Outcome {
        self.plugin.run(["uninstall", "-y"]).unwrap()
    }

    /// A check of `status`, as JSON has it.
    pub(crate) fn checked(&self, name: &str) -> Value {
        let report = self.plugin.run(["status", "-o", "json"]).unwrap();
        let report: Value = serde_json::from_str(&report.stdout).unwrap();
        let checks = report["checks"].as_array().unwrap();
        checks.iter().find(|check| check["check"] == name).unwrap().clone()
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        serde_json::from_str(&self.cluster.api().get(path).unwrap()).unwrap()
    }

    /// Returns true if there is an object of this path.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.cluster.api().get(path).is_ok()
    }

    /// Has a quota refuse every new pod; it counts when this returns.
    pub(crate) fn forbid_pods(&self) {
        let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}});
        self.cluster.api().apply(QUOTA, &quota.to_string()).unwrap();
        let counts = || {
            anyhow::ensure!(self.get(QUOTA)["status"]["hard"]["pods"] == "0");
            Ok(())
        };
        until("the quota to count", Duration::from_secs(30), counts).unwrap();
    }

    /// Takes that quota away.
    pub(crate) fn allow_pods(&self) {
        self.cluster.api().delete(QUOTA).unwrap();
    }

    /// Waits until the service CA has issued the certificate and says so on the Service; gives the Secret.
    pub(crate) fn await_certificate(&self) -> Value {
        until("a certificate", Duration::from_secs(30), || {
            let service: Value = serde_json::from_str(&self.cluster.api().get(SERVICE)?)?;
            let secret: Value = serde_json::from_str(&self.cluster.api().get(SECRET)?)?;
            let of = &secret["metadata"]["annotations"]["service.beta.openshift.io/originating-service-uid"];
            anyhow::ensure!(*of == service["metadata"]["uid"], "{of}");
            let by = &service["metadata"]["annotations"]["service.beta.openshift.io/serving-cert-signed-by"];
            anyhow::ensure!(*by == self.service_ca.name, "{by}");
            Ok(secret)
        })
        .unwrap()
    }

    /// Puts somebody's own Secret where the service CA's would be.
    pub(crate) fn put_foreign_secret(&self) {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "process-exporter-tls"},
            "type": "kubernetes.io/tls", "stringData": {"tls.crt": "somebody's", "tls.key": "somebody's"}});
        self.cluster.api().apply(SECRET, &secret.to_string()).unwrap();
    }

    /// Waits until the service CA has given up.
    pub(crate) fn await_surrender(&self) {
        until("the service CA to give up", Duration::from_secs(30), || {
            let annotations = &self.get(SERVICE)["metadata"]["annotations"];
            let number = &annotations["service.beta.openshift.io/serving-cert-generation-error-num"];
            anyhow::ensure!(number == "10", "{annotations}");
            Ok(())
        })
        .unwrap();
    }

    /// Every object of both namespaces and of the cluster's kinds.
    pub(crate) fn objects(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for (root, plural) in KINDS {
            let paths = match plural {
                "securitycontextconstraints" => vec![format!("{root}/{plural}")],
                _ => NAMESPACES.map(|namespace| format!("{root}/namespaces/{namespace}/{plural}")).to_vec(),
            };
            for path in paths {
                for mut item in self.get(&path)["items"].as_array().cloned().unwrap_or_default() {
                    item["kind"] = json!(plural);
                    all.push(item);
                }
            }
        }
        all
    }

    /// Returns all objects, by kind, namespace and name.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.objects().iter().map(name).collect();
        names.sort();
        names
    }

    /// Returns our applied objects, without the server's counters and dates, and without the service CA's note on the
    /// signer.
    pub(crate) fn ours(&self) -> Vec<Value> {
        let mut ours: Vec<Value> = self.objects().into_iter().filter(is_applied).collect();
        for object in &mut ours {
            object.as_object_mut().unwrap().remove("status");
            let metadata = object["metadata"].as_object_mut().unwrap();
            for field in ["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"] {
                metadata.remove(field);
            }
            if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
                annotations.retain(|key, _| !key.ends_with("/serving-cert-signed-by"));
            }
        }
        ours.sort_by_key(name);
        ours
    }

    /// The resource versions of what we have applied, by name.
    pub(crate) fn versions(&self) -> Vec<(String, String)> {
        let ours = self.objects().into_iter().filter(is_applied);
        ours.map(|object| (name(&object), object["metadata"]["resourceVersion"].to_string())).collect()
    }

    /// Takes out of the cluster what a test has left, whoever made it.
    pub(crate) fn clean(&self) {
        let done = self.uninstall();
        assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
        let nothing_left = || {
            let left: Vec<_> = self.objects().iter().filter(|object| is_ours(object)).map(name).collect();
            anyhow::ensure!(left.is_empty(), "{left:?}");
            Ok(())
        };
        until("nothing to be left", Duration::from_secs(30), nothing_left).unwrap();
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.clean();
        }
    }
}

fn name(object: &Value) -> String {
    let metadata = &object["metadata"];
    format!("{} {} {}", object["kind"], metadata["namespace"], metadata["name"])
}

fn is_ours(object: &Value) -> bool {
    object["metadata"]["labels"]["app.kubernetes.io/name"] == "process-exporter"
}

/// Ours, and not what controllers made of it: they change theirs as they like.
fn is_applied(object: &Value) -> bool {
    let made = object["metadata"].get("ownerReferences").is_some();
    is_ours(object) && !made && object["kind"] != "endpoints"
}
