//! The cluster that tests hold.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::{Context, Result};

use crate::api::{Api, fetch, trusting};
use crate::bare::Spec;
use crate::certs::{Authority, Pair};
use crate::control_plane::{ControlPlane, FurtherApi};
use crate::door::Door;
use crate::gateway::{Certificate, Doorway, Gateway};
use crate::logins::{Login, door_kubeconfig};
use crate::namespace::directory;
use crate::oauth_proxy::OauthProxy;
use crate::objects;
use crate::prometheus::Prometheus;

/// A running cluster; ended when dropped, and with this process.
pub struct Cluster {
    control_plane: ControlPlane,
    doorway: Doorway,
    prometheus: Prometheus,
    directory: PathBuf,
    door: Mutex<()>,
}

/// This test process's cluster, started by whoever asks first.
#[allow(clippy::panic, reason = "no test can go on without it")]
pub fn shared() -> &'static Cluster {
    static SHARED: OnceLock<Result<Cluster, String>> = OnceLock::new();
    match SHARED.get_or_init(|| Cluster::start().map_err(|error| format!("{error:#}"))) {
        Ok(cluster) => cluster,
        Err(error) => panic!("the test cluster did not start: {error}"),
    }
}

impl Cluster {
    /// Starts one; ready when this returns. There is room for one in a process.
    pub fn start() -> Result<Self> {
        let directory = directory()?.join("cluster");
        fs::create_dir(&directory).with_context(|| format!("making {}", directory.display()))?;
        let ingress = Authority::new(&directory, "ingress-ca")?;
        let control_plane = ControlPlane::start(&directory, &ingress)?;
        let api = &control_plane.api;
        objects::apply(api, &ingress.file)?;
        let kubeconfig = door_kubeconfig(&directory, api.server(), &control_plane.ca)?;
        let doorway = Doorway { ingress, kubeconfig };
        let empty = Spec { config: "{}", ..Spec::default() };
        let prometheus = Prometheus::start(&directory, "prometheus-k8s", &empty, &doorway)?;
        objects::route(api, &prometheus.host)?;
        Ok(Self { control_plane, doorway, prometheus, directory, door: Mutex::new(()) })
    }

    /// The API server, as its administrator.
    pub fn api(&self) -> &Api {
        &self.control_plane.api
    }

    /// The API server's certificate authority, a PEM file. It does not sign routes.
    pub fn api_ca(&self) -> &Path {
        &self.control_plane.ca
    }

    /// The routes' certificate authority, a PEM file; published in ConfigMaps `default-ingress-cert` and
    /// `kube-root-ca.crt`, for the logins that may read them.
    pub fn ingress_ca(&self) -> &Path {
        &self.doorway.ingress.file
    }

    /// The Prometheus that the Route leads to. It holds and scrapes nothing.
    pub fn prometheus(&self) -> &Prometheus {
        &self.prometheus
    }

    /// Starts a further Prometheus, with a door of its own; `name` is unique in this process and a part of its host
    /// name. The Route does not lead to it until told to ([`Door::lead_to`]).
    pub fn start_prometheus(&self, name: &str, spec: &Spec<'_>) -> Result<Prometheus> {
        Prometheus::start(&self.directory, name, spec, &self.doorway)
    }

    /// Starts a further gateway: what stands on port 443 of `host` before `upstream` (a base URL) and shows `certificate`.
    pub fn start_gateway(&self, host: &str, upstream: &str, certificate: Certificate) -> Result<Gateway> {
        self.doorway.open(&self.directory, host, upstream, certificate)
    }

    /// Starts one more API server of this cluster, called `name`; ready when this returns. To who asks for it by one of
    /// `hosts` it shows that one's certificate. It takes clients of the authorities in `clients`, PEM.
    pub fn start_api_server(
        &self,
        name: &str,
        hosts: &[(String, Pair)],
        clients: &Path,
    ) -> Result<FurtherApi> {
        self.control_plane.further(name, hosts, clients)
    }

    /// Has the API server serve one more kind of OpenShift's, by the real definition that tests/tools/build has fetched.
    pub fn serve(&self, group: &str, version: &str, plural: &str) -> Result<()> {
        objects::serve(self.api(), group, version, plural)
    }

    /// Starts an oauth-proxy on port 443 of `host` before `upstream` (a base URL), as older releases have it.
    pub fn start_oauth_proxy(&self, host: &str, upstream: &str) -> Result<OauthProxy> {
        let ingress = &self.doorway.ingress;
        OauthProxy::start(&self.directory, (host, upstream), ingress, self.api().clone())
    }

    /// Takes hold of the Route. Any test that goes through it holds it while it does.
    pub fn door(&self) -> Door<'_> {
        // A test that failed has restored the Route all the same.
        Door::new(self, self.door.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The kubeconfig of a login. It is JSON; paths in it are absolute.
    pub fn kubeconfig(&self, login: Login) -> PathBuf {
        login.file(&self.directory)
    }

    /// Asks a host behind the ingress CA: the HTTP status and the text.
    pub fn fetch(&self, host: &str, path: &str, token: Option<&str>) -> Result<(u16, String)> {
        let client = trusting(self.ingress_ca())?.build()?;
        let (status, text) = fetch(&client, &format!("https://{host}{path}"), token)?;
        Ok((status.as_u16(), text))
    }
}
