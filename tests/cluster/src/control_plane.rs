//! etcd, kube-apiserver and kube-controller-manager.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::api::Api;
use crate::certs::{ALWAYS, Authority, signing_key};
use crate::logins::{Login, kubeconfigs, token_file};
use crate::namespace::{free_port, tool};
use crate::process::{Process, start};

/// A running control plane.
pub(crate) struct ControlPlane {
    /// As its administrator.
    pub(crate) api: Api,
    /// The API server's certificate authority, PEM. It does not sign routes.
    pub(crate) ca: PathBuf,
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
        let ca = authority.file.display();

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
        let mut api_server = start(
            "kube-apiserver",
            tool("kube-apiserver")?,
            &[
                format!("--etcd-servers={etcd_url}"),
                "--bind-address=127.0.0.1".into(),
                "--advertise-address=127.0.0.1".into(),
                format!("--secure-port={port}"),
                format!("--tls-cert-file={}", server.certificate.display()),
                format!("--tls-private-key-file={}", server.key.display()),
                format!("--client-ca-file={ca}"),
                format!("--service-account-key-file={}", verifier.display()),
                format!("--service-account-signing-key-file={}", signer.display()),
                "--service-account-issuer=https://kubernetes.default.svc".into(),
                "--service-cluster-ip-range=10.96.0.0/24".into(),
                "--endpoint-reconciler-type=none".into(), // no pod will ever look for it
                "--authorization-mode=Node,RBAC".into(),
                format!("--token-auth-file={}", token_file(directory)?.display()),
            ],
        )?;
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
        Ok(Self { api, ca: authority.file, _parts: vec![etcd, api_server, controllers] })
    }
}

fn local_url() -> String {
    format!("http://127.0.0.1:{}", free_port())
}
