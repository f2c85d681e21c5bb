//! The way from a kubeconfig to Prometheus: session, token, route and trust, or a port-forward; each step says what it did.

mod api;
mod certificate;
mod connector;
mod crypto;
mod document;
mod entry;
mod files;
mod forward;
mod home;
mod identity;
mod kubeconfig;
mod names;
mod nodes;
mod plugin;
mod pod;
mod proxy;
mod route;
mod server;
mod session;
mod token;
mod trust;
mod verifier;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use rustls::ClientConfig;
use tokio::sync::OnceCell;

use self::api::NoWay;
use self::forward::Forward;
pub use self::names::Named;
use self::route::Found;
pub use self::server::{Applied, Events, FIELD_MANAGER, Failure, Part, Server};
use self::session::Session;
pub use self::session::SessionOptions;
use crate::prometheus::{Client, Endpoint, Secret, Url, is_loopback};

const NAMESPACE: &str = "openshift-monitoring";
/// The route's name, and its pods' without their number.
const ROUTE: &str = "prometheus-k8s";
/// Prometheus is told five sixths of it: just below the 30 s after which the router gives up, so that it stops by
/// itself and says so.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(35);

/// What the user said about the way to Prometheus.
#[derive(Debug, Clone, Default)]
pub struct PrometheusOptions {
    /// `--prometheus`: this address instead of the cluster's own.
    pub url: Option<Url>,
    /// `--via`
    pub via: Via,
    /// `--prometheus-ca`: a PEM file that is trusted as well.
    pub ca: Option<PathBuf>,
    /// `--insecure-prometheus`: no certificate is verified.
    pub insecure: bool,
}

/// Which way to take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Via {
    /// By route; without a token or a route, by port-forward.
    #[default]
    Auto,
    /// By route only.
    Route,
    /// By port-forward only.
    PortForward,
}

/// Prometheus within reach, for as long as this is held.
pub struct Connection {
    /// Asks.
    pub client: Client,
    /// What is not as it is by default, by an admitted route and verified: why it became this way.
    pub notes: Vec<String>,
    _forward: Option<Forward>,
}

/// The cluster of a kubeconfig's context. Its session is opened when something first needs it, and once: a credential
/// plugin may ask its user.
pub struct Cluster {
    options: SessionOptions,
    session: OnceCell<Option<Session>>,
}

impl Cluster {
    /// Prepares; nothing is read or asked yet.
    pub fn new(options: SessionOptions) -> Cluster {
        Cluster { options, session: OnceCell::new() }
    }

    /// Finds Prometheus. Asks the API server as far as needed, Prometheus itself not yet. Errors: one line with the
    /// remedy.
    pub async fn connect(&self, prometheus: &PrometheusOptions) -> Result<Connection> {
        match &prometheus.url {
            Some(url) => named(url.clone(), self, prometheus).await,
            None => found(self, prometheus).await,
        }
    }

    /// The token that the context has by now, for who held on to one that is refused; none without a context of a
    /// kubeconfig that was asked for one before. Errors: one line with the remedy; the context is of another server by now.
    pub async fn renewed_token(&self) -> Result<Option<Secret>> {
        let Some(Some(before)) = self.session.get() else { return Ok(None) };
        // Another context may have become the current one.
        let context = self.options.context.as_ref().or(before.context.as_ref()).cloned();
        let now = Session::open(&SessionOptions { context, ..self.options.clone() }).await?;
        match now {
            Some(now) if now.server != before.server => {
                bail!("context \"{}\" is of another server by now, {}: start again", before.name, now.server)
            }
            now => Ok(now.and_then(|now| now.token)),
        }
    }

    /// None where there is no kubeconfig.
    async fn opened(&self) -> Result<Option<&Session>> {
        Ok(self.session.get_or_try_init(|| Session::open(&self.options)).await?.as_ref())
    }
}

/// Parameters of a request of ours, which an address copied from a browser may hold.
const OWN_PARAMETERS: [&str; 8] =
    ["query", "time", "start", "end", "step", "timeout", "lookback_delta", "match[]"];

/// The address of `--prometheus`, as people copy it, as the base of the API. It keeps what a server behind it asks for,
/// such as a tenant's `?namespace=NAME`. Errors: no address, or one with a password.
pub fn address(given: &str) -> Result<Url> {
    let url = Url::parse(given).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let Some(mut url) = url else {
        bail!("--prometheus \"{given}\" is no http or https address: give one such as https://HOST")
    };
    if !url.username().is_empty() || url.password().is_some() {
        bail!("--prometheus takes no user or password in the address: pass --token");
    }
    let kept: Vec<(String, String)> =
        url.query_pairs().into_owned().filter(|(name, _)| !OWN_PARAMETERS.contains(&name.as_str())).collect();
    url.set_query(None);
    if !kept.is_empty() {
        url.query_pairs_mut().extend_pairs(kept);
    }
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/api/v1").unwrap_or(path).to_owned();
    url.set_path(&path);
    Ok(url)
}

async fn named(url: Url, cluster: &Cluster, prometheus: &PrometheusOptions) -> Result<Connection> {
    let mut notes = Vec::new();
    // What is not encrypted gets no token that was not meant for it, so no kubeconfig is needed.
    if url.scheme() == "http" {
        let is_open = !is_loopback(&url);
        if is_open && cluster.options.token.is_some() {
            bail!("{url} is not encrypted and gets no token: use its https address, or leave out --token");
        }
        if is_open && session::has_token(&cluster.options) {
            notes.push(format!("{url} is not encrypted, so it is asked without the kubeconfig's token"));
        }
        return connection(url, cluster.options.token.clone(), trust::nobody()?, None, notes, None);
    }
    let session = cluster.opened().await?;
    let token = session.map_or_else(|| cluster.options.token.clone(), |session| session.token.clone());
    let tls = tls(session, prometheus, &mut notes).await?;
    connection(url, token, tls, None, notes, None)
}

async fn found(cluster: &Cluster, prometheus: &PrometheusOptions) -> Result<Connection> {
    let Some(session) = cluster.opened().await? else { return Err(no_kubeconfig(&cluster.options)) };
    let mut notes = Vec::new();
    let mut no_route = None;
    if prometheus.via != Via::PortForward {
        match by_route(session).await {
            Ok((route, token)) => {
                notes.extend(route.note);
                let tls = tls(Some(session), prometheus, &mut notes).await?;
                return connection(route.url, Some(token), tls, session.proxy.clone(), notes, None);
            }
            Err(NoWay::Failed(error)) => return Err(error),
            Err(NoWay::Absent { reason, remedy }) if prometheus.via == Via::Route => {
                bail!("{reason}: {remedy}")
            }
            Err(NoWay::Absent { reason, .. }) => {
                notes.push(format!("not by route: {reason}"));
                no_route = Some(reason);
            }
        }
    }
    let forward = forward::open(&session.api).await.map_err(|no_forward| match (no_forward, no_route) {
        (NoWay::Failed(error), _) => error,
        (NoWay::Absent { reason, remedy }, None) => anyhow!("{reason}: {remedy}"),
        (NoWay::Absent { reason, .. }, Some(no_route)) => anyhow!(
            "no way to Prometheus, neither by route ({no_route}) nor by port-forward ({reason}): log in with oc login, or name the address with --prometheus URL"
        ),
    })?;
    notes.push(format!("asking pod {} of {NAMESPACE} by port-forward", forward.pod));
    connection(forward.url.clone(), None, trust::nobody()?, None, notes, Some(forward))
}

fn no_kubeconfig(options: &SessionOptions) -> anyhow::Error {
    let places = Session::looked_in(options);
    anyhow!("no kubeconfig ({places} is not there): log in with oc login, or name one with --kubeconfig FILE")
}

async fn by_route(session: &Session) -> Result<(Found, Secret), NoWay> {
    let Some(token) = &session.token else {
        let reason = format!("no token in context \"{}\" ({})", session.name, session.instead_of_token);
        return Err(NoWay::Absent { reason, remedy: "log in with oc login, or pass --token" });
    };
    Ok((route::find(&session.api).await?, token.clone()))
}

/// The trust for an `https` address. A certificate authority that cannot be read is one less, and noted.
async fn tls(
    session: Option<&Session>,
    prometheus: &PrometheusOptions,
    notes: &mut Vec<String>,
) -> Result<ClientConfig> {
    if prometheus.insecure {
        notes.push("its certificate is not verified, as --insecure-prometheus says".to_owned());
        return trust::unverified();
    }
    let mut listed = match &prometheus.ca {
        Some(path) => trust::file(path)?,
        None => Vec::new(),
    };
    if let Some(session) = session {
        listed.extend(session.authorities.iter().cloned());
        if session.verified {
            match trust::published(&session.api).await {
                Ok(certificates) => listed.extend(certificates),
                Err(error) => {
                    notes.push(format!("the cluster's own certificate authorities are not known: {error:#}"))
                }
            }
        } else {
            notes.push(
                "the API server is not verified, so the authorities it publishes are not trusted".to_owned(),
            );
        }
    }
    trust::verified(listed)
}

fn connection(
    url: Url,
    token: Option<Secret>,
    tls: ClientConfig,
    proxy: Option<Url>,
    notes: Vec<String>,
    forward: Option<Forward>,
) -> Result<Connection> {
    let client = Client::new(Endpoint { url, token, tls, proxy, timeout: ANSWER_TIMEOUT })?;
    Ok(Connection { client, notes, _forward: forward })
}

#[cfg(test)]
mod tests;
