//! Surroundings of the installed pod: a node, the operator, and the authorities whose certificates are exchanged.
use anyhow::Context as _;
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use test_cluster::{Authority, Cluster, Fleet, Operator, Pair, Pod, Prometheus, ServiceCa, directory, until};

/// The one node's name.
pub(crate) const NODE: &str = "node-0";
const HERE: &str = "/api/v1/namespaces/openshift-monitoring";
/// Paths of the certificates that the ServiceMonitor names, below Prometheus's folder.
const SERVICE_CA: &str = "configmaps/serving-certs-ca-bundle/service-ca.crt";
const CLIENT: [&str; 2] = ["secrets/metrics-client-certs/tls.crt", "secrets/metrics-client-certs/tls.key"];
const SECRET: &str = "/api/v1/namespaces/openshift-monitoring/secrets/process-exporter-tls";
pub(crate) const SERVICE: &str = "process-exporter.openshift-monitoring.svc";
pub(crate) const CLIENT_NAME: &str = "system:serviceaccount:openshift-monitoring:prometheus-k8s";

pub(crate) struct Chain {
    pub(crate) operator: Operator,
    cluster: &'static Cluster,
    folder: PathBuf,
    service: ServiceCa,
    clients: Authority,
    _fleet: Fleet,
}

impl Chain {
    /// A cluster with one node, the operator, the service CA, and what the platform's monitoring publishes.
    pub(crate) fn new(cluster: &'static Cluster) -> Chain {
        let fleet = Fleet::start(cluster, 1).unwrap();
        let operator = Operator::start(cluster).unwrap();
        let folder = directory().unwrap().join("chain");
        fs::create_dir(&folder).unwrap();
        let service = ServiceCa::start(cluster).unwrap();
        let clients = Authority::new(&folder, "clients").unwrap();
        let chain = Chain { operator, cluster, folder, service, clients, _fleet: fleet };
        chain.trust(true);
        chain.publish_clients();
        chain.next_client_certificate(CLIENT_NAME);
        chain
    }

    /// Deletes the Secret, as who wants another certificate does; the service CA issues it.
    pub(crate) fn reissue(&self) {
        let before = self.secret();
        self.cluster.api().delete(SECRET).unwrap();
        until("another secret", Duration::from_secs(30), || {
            let secret: Value = serde_json::from_str(&self.cluster.api().get(SECRET)?)?;
            anyhow::ensure!(secret["data"]["tls.crt"] != before["data"]["tls.crt"]);
            Ok(())
        })
        .unwrap();
    }

    /// The Secret of the serving certificate, once the service CA has made it.
    fn secret(&self) -> Value {
        let found =
            until("the serving certificate", Duration::from_secs(30), || self.cluster.api().get(SECRET));
        serde_json::from_str(&found.unwrap()).unwrap()
    }

    /// From now on clients are of another authority.
    pub(crate) fn next_client_authority(&mut self) {
        let folder = self.folder.join("next");
        fs::create_dir(&folder).unwrap();
        self.clients = Authority::new(&folder, "clients-2").unwrap();
        self.publish_clients();
    }

    /// Prometheus gets a certificate of that authority, of this name.
    pub(crate) fn next_client_certificate(&self, name: &str) {
        let Pair { certificate, key } = self.clients.client(&self.folder, name, "prometheus").unwrap();
        for (place, file) in CLIENT.into_iter().zip([certificate, key]) {
            self.operator.copy_file(place, &file).unwrap();
        }
    }

    /// Prometheus trusts what the service CA publishes in the platform's ConfigMap, or another authority.
    pub(crate) fn trust(&self, right: bool) {
        let file = self.folder.join("bundle.crt");
        fs::write(
            &file,
            if right { self.published() } else { fs::read_to_string(&self.clients.file).unwrap() },
        )
        .unwrap();
        self.operator.copy_file(SERVICE_CA, &file).unwrap();
    }

    fn published(&self) -> String {
        let path = format!("{HERE}/configmaps/serving-certs-ca-bundle");
        let asking = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "serving-certs-ca-bundle",
            "annotations": {"service.beta.openshift.io/inject-cabundle": "true"}}});
        self.cluster.api().apply(&path, &asking.to_string()).unwrap();
        until("the service CA to be published", Duration::from_secs(30), || {
            let map: Value = serde_json::from_str(&self.cluster.api().get(&path)?)?;
            Ok(map["data"]["service-ca.crt"].as_str().context("not yet")?.to_owned())
        })
        .unwrap()
    }

    fn publish_clients(&self) {
        let ca = fs::read_to_string(&self.clients.file).unwrap();
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "metrics-client-ca"}, "data": {"client-ca.crt": ca}});
        self.cluster.api().apply(&format!("{HERE}/configmaps/metrics-client-ca"), &map.to_string()).unwrap();
    }

    /// The exporter's pod, once it has a node and an address.
    pub(crate) fn pod(&self) -> Pod<'static> {
        let path = format!("{HERE}/pods?labelSelector=app.kubernetes.io/name=process-exporter");
        let name = until("the pod to have an address", Duration::from_secs(60), || {
            let list: Value = serde_json::from_str(&self.cluster.api().get(&path)?)?;
            let pod = &list["items"][0];
            anyhow::ensure!(pod["status"]["podIP"].is_string() && pod["spec"]["nodeName"] == NODE, "{pod}");
            Ok(pod["metadata"]["name"].as_str().unwrap().to_owned())
        });
        self.secret();
        Pod::new(self.cluster, &format!("{HERE}/pods/{}", name.unwrap())).unwrap()
    }

    /// Returns the certificates that the pod presents to a client that connects by `name`, the leaf first.
    pub(crate) fn served_certificates(
        &self,
        pod: &Pod<'_>,
        name: &'static str,
    ) -> Vec<CertificateDer<'static>> {
        let address = format!("{}:9256", pod.object["status"]["podIP"].as_str().unwrap());
        let mut roots = rustls::RootCertStore::empty();
        let pem = fs::read(&self.service.file).unwrap();
        roots.add(rustls::pki_types::pem::PemObject::from_pem_slice(&pem).unwrap()).unwrap();
        let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let mut client = rustls::ClientConnection::new(config.into(), name.try_into().unwrap()).unwrap();
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        while client.is_handshaking() {
            client.complete_io(&mut stream).unwrap();
        }
        client.peer_certificates().unwrap().iter().cloned().map(CertificateDer::into_owned).collect()
    }
}

/// Waits for so many more scrapes.
pub(crate) fn await_scrapes(prometheus: &Prometheus, more: u64) {
    let passes = || {
        let series = prometheus.bare.series("namedprocess_exporter_passes_total", None)?;
        let passes = series.first().and_then(|series| series["value"][1].as_str());
        anyhow::Ok(passes.unwrap_or_default().parse::<u64>()?)
    };
    let first = passes().unwrap();
    until("more scrapes", Duration::from_secs(60), || {
        let passes = passes()?;
        anyhow::ensure!(passes >= first + more, "{passes} after {first}");
        Ok(())
    })
    .unwrap();
}

/// Gives this machine the pod's address, in the network namespace that is the test's own.
pub(crate) fn address(pod: &Pod<'_>) {
    let address = format!("{}/32", pod.object["status"]["podIP"].as_str().unwrap());
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let done = Command::new("ip")
        .args(["address", "add", &address, "dev", "lo"])
        .env("PATH", path)
        .status()
        .unwrap();
    assert!(done.success(), "ip address add {address}");
}

/// The exporter as it is shipped, built if it is not.
pub(crate) fn exporter() -> PathBuf {
    let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("exporter/build");
    let built = Command::new(build).env("CARGO_NET_OFFLINE", "true").output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    String::from_utf8(built.stdout).unwrap().trim().into()
}
