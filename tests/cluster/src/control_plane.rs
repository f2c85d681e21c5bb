//! etcd, kube-apiserver and kube-controller-manager.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::api::{Api, fetch, trusting};
use crate::certs::{ALWAYS, Authority, Pair, signing_key};
use crate::logins::{Login, kubeconfigs, token_file};
use crate::namespace::{free_port, tool};
use crate::process::{Process, start};

/// A running control plane.
pub(crate) struct ControlPlane {
    /// Client of its administrator.
    pub(crate) api: Api,
    /// The API server's certificate authority, PEM. It does not sign routes.
    pub(crate) ca: PathBuf,
    /// Arguments of every API server of this cluster, and its certificate.
    common: Vec<String>,
    server: Pair,
    /// Ended with this struct.
    _parts: Vec<Process>,
}

impl ControlPlane {
    /// Starts it, its files and the logins' kubeconfigs in `directory`; ready when this returns. `ingress` signs
    /// routes; as in OpenShift, ConfigMap `kube-root-ca.crt` of each namespace holds it too.
    pub(crate) fn start(directory: &Path, ingress: &Authority) -> Result<Self> {
        let certs = directory.join("certs");
        fs::create_dir_all(&certs)?;
        let authority = Authority::new(&certs, "cluster-ca")?;
        let (signer, verifier) = signing_key(&certs)?;
        let names = ["127.0.0.1", "localhost", "kubernetes.default.svc"];
        let server = authority.server(&certs, &names, ALWAYS)?;
        let published = certs.join("published.crt");
        fs::write(&published, [fs::read(&authority.file)?, fs::read(&ingress.file)?].concat())?;
        let installer = authority.client(&certs, "installer", "system:masters")?;
        let (etcd_url, peer_url) = (local_url(), local_url());
        let etcd = start(
            "etcd",
            tool("etcd")?,
            &[
                format!("--data-dir={}", directory.join("etcd").display()),
                "--unsafe-no-fsync".into(),
                format!("--listen-client-urls={etcd_url}"),
                format!("--advertise-client-urls={etcd_url}"),
                format!("--listen-peer-urls={peer_url}"),
                format!("--initial-advertise-peer-urls={peer_url}"),
                format!("--initial-cluster=default={peer_url}"),
            ],
        )?;

        let port = free_port();
        let api = Api::new(format!("https://127.0.0.1:{port}"), &authority.file, &installer)?;
        kubeconfigs(directory, api.server(), &authority.file, &installer)?;
        let common = vec![
            format!("--etcd-servers={etcd_url}"),
            "--bind-address=127.0.0.1".into(),
            "--advertise-address=127.0.0.1".into(),
            format!("--service-account-key-file={}", verifier.display()),
            format!("--service-account-signing-key-file={}", signer.display()),
            "--service-account-issuer=https://kubernetes.default.svc".into(),
            "--service-cluster-ip-range=10.96.0.0/24".into(),
            "--endpoint-reconciler-type=none".into(), // no pod will ever look for it
            "--authorization-mode=Node,RBAC".into(),
            "--allow-privileged=true".into(), // as OpenShift, which judges that by its own constraints
            format!("--token-auth-file={}", token_file(directory)?.display()),
        ];
        let mut api_server = api_server("kube-apiserver", port, &server, &authority.file, &common)?;
        api_server.await_ready(|| api.get("/readyz"))?;

        let mut controllers = start(
            "kube-controller-manager",
            tool("kube-controller-manager")?,
            &[
                format!("--kubeconfig={}", Login::Installer.file(directory).display()),
                format!("--service-account-private-key-file={}", signer.display()),
                format!("--root-ca-file={}", published.display()),
                "--use-service-account-credentials".into(),
                "--leader-elect=false".into(),
                "--secure-port=0".into(),
                // A thousand nodes' pods in seconds, and not in minutes.
                "--kube-api-qps=1000".into(),
                "--kube-api-burst=2000".into(),
                // A busy machine delays the heartbeats of nodes that are not there: they are up all the same.
                "--node-monitor-grace-period=1h".into(),
            ],
        )?;
        // The first thing of its making that a client may want.
        controllers.await_ready(|| api.get("/api/v1/namespaces/default/configmaps/kube-root-ca.crt"))?;
        Ok(Self { api, ca: authority.file, common, server, _parts: vec![etcd, api_server, controllers] })
    }

    /// Starts one more API server of this cluster, called `name`; ready when this returns. To who asks for it by one of
    /// `hosts` it shows that one's certificate. It takes clients of the authorities in `clients`, PEM.
    pub(crate) fn further(&self, name: &str, hosts: &[(String, Pair)], clients: &Path) -> Result<FurtherApi> {
        let port = free_port();
        let shown = hosts.iter().map(|(host, Pair { certificate, key })| {
            format!("--tls-sni-cert-key={},{}:{host}", certificate.display(), key.display())
        });
        let arguments: Vec<String> = self.common.iter().cloned().chain(shown).collect();
        let mut process = api_server(name, port, &self.server, clients, &arguments)?;
        let client = trusting(&self.ca)?.build()?;
        process.await_ready(|| {
            let (status, text) = fetch(&client, &format!("https://127.0.0.1:{port}/readyz"), None)?;
            ensure!(status.is_success(), "{status}: {text}");
            Ok(())
        })?;
        Ok(FurtherApi { port, _process: process })
    }
}

/// One more API server of a cluster; ended when dropped.
pub struct FurtherApi {
    /// Its port on 127.0.0.1.
    pub port: u16,
    _process: Process,
}

fn api_server(name: &str, port: u16, server: &Pair, clients: &Path, more: &[String]) -> Result<Process> {
    let mut arguments = vec![
        format!("--secure-port={port}"),
        format!("--tls-cert-file={}", server.certificate.display()),
        format!("--tls-private-key-file={}", server.key.display()),
        format!("--client-ca-file={}", clients.display()),
    ];
    arguments.extend_from_slice(more);
    start(name, tool("kube-apiserver")?, &arguments)
}

fn local_url() -> String {
    format!("http://127.0.0.1:{}", free_port())
}
