//! Connection to Prometheus: by the user's address, by the cluster's route, or by a port forward.

use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use rustls::ClientConfig;

use super::context::Cluster;
use super::monitoring::NAMESPACE;
use super::options::{PrometheusOptions, Via};
use super::port_forward::{self, PortForward};
use super::route::{self, RouteUrl};
use super::session::{self, Session};
use super::unreachable::Unreachable;
use super::{ca_bundle, tls};
use crate::prometheus::{Client, Endpoint, Secret, Url, is_loopback};

/// Limit of one query. Prometheus gets five sixths of it, just below the router's 30 s. So Prometheus stops first, and
/// reports the timeout itself.
const QUERY_TIMEOUT: Duration = Duration::from_secs(35);

/// Connection to Prometheus. Dropping it ends its port forward.
pub struct Connection {
    /// Client of this Prometheus.
    pub client: Client,
    /// Reasons for each difference from the default: an admitted route, with a verified certificate.
    pub notes: Vec<String>,
    _port_forward: Option<PortForward>,
}

impl Cluster {
    /// Prepares a connection to Prometheus. Sends the API server the requests that this needs, and Prometheus none yet.
    /// Errors are one line with the remedy.
    pub async fn connect(&self, prometheus: &PrometheusOptions) -> Result<Connection> {
        match &prometheus.url {
            Some(url) => connect_to_url(url.clone(), self, prometheus).await,
            None => connect_to_cluster(self, prometheus).await,
        }
    }
}

async fn connect_to_url(url: Url, cluster: &Cluster, prometheus: &PrometheusOptions) -> Result<Connection> {
    let mut notes = Vec::new();
    // A plain http address never gets the kubeconfig's token, so it needs no session.
    if url.scheme() == "http" {
        let is_open = !is_loopback(&url);
        if is_open && cluster.options.token.is_some() {
            bail!("{url} is not encrypted and gets no token: use its https address, or leave out --token");
        }
        if is_open && session::has_token(&cluster.options) {
            notes.push(format!("{url} is not encrypted, so it is asked without the kubeconfig's token"));
        }
        return connection(url, cluster.options.token.clone(), tls::trusting_none()?, None, notes, None);
    }
    let session = cluster.session().await?;
    let token = session.map_or_else(|| cluster.options.token.clone(), |session| session.token.clone());
    let tls = tls_config(session, prometheus, &mut notes).await?;
    connection(url, token, tls, None, notes, None)
}

async fn connect_to_cluster(cluster: &Cluster, prometheus: &PrometheusOptions) -> Result<Connection> {
    let session = cluster.required_session().await?;
    let mut notes = Vec::new();
    let mut no_route = None;
    if prometheus.via != Via::PortForward {
        match route_and_token(session).await {
            Ok((route, token)) => {
                notes.extend(route.note);
                let tls = tls_config(Some(session), prometheus, &mut notes).await?;
                return connection(route.url, Some(token), tls, session.proxy.clone(), notes, None);
            }
            Err(Unreachable::Failed(error)) => return Err(error),
            Err(Unreachable::Absent { reason, remedy }) if prometheus.via == Via::Route => {
                bail!("{reason}: {remedy}")
            }
            Err(Unreachable::Absent { reason, .. }) => {
                notes.push(format!("not by route: {reason}"));
                no_route = Some(reason);
            }
        }
    }
    let forward = port_forward::open(&session.api).await;
    let forward = forward.map_err(|no_forward| match (no_forward, no_route) {
        (Unreachable::Failed(error), _) => error,
        (Unreachable::Absent { reason, remedy }, None) => anyhow!("{reason}: {remedy}"),
        (Unreachable::Absent { reason, .. }, Some(no_route)) => anyhow!(
            "no way to Prometheus, neither by route ({no_route}) nor by port-forward ({reason}): log in with oc login, or name the address with --prometheus URL"
        ),
    })?;
    notes.push(format!("asking pod {} of {NAMESPACE} by port-forward", forward.pod));
    connection(forward.url.clone(), None, tls::trusting_none()?, None, notes, Some(forward))
}

async fn route_and_token(session: &Session) -> Result<(RouteUrl, Secret), Unreachable> {
    let Some(token) = &session.token else {
        let reason = format!("no token in context \"{}\" ({})", session.name, session.instead_of_token);
        return Err(Unreachable::Absent { reason, remedy: "log in with oc login, or pass --token" });
    };
    Ok((route::fetch_url(&session.api).await?, token.clone()))
}

/// Makes the TLS settings for an `https` address. Adds a note if the cluster's own authorities cannot be fetched.
async fn tls_config(
    session: Option<&Session>,
    prometheus: &PrometheusOptions,
    notes: &mut Vec<String>,
) -> Result<ClientConfig> {
    if prometheus.insecure {
        notes.push("its certificate is not verified, as --insecure-prometheus says".to_owned());
        return tls::unverified();
    }
    let mut listed = match &prometheus.ca {
        Some(path) => ca_bundle::from_file(path)?,
        None => Vec::new(),
    };
    if let Some(session) = session {
        listed.extend(session.authorities.iter().cloned());
        if session.verified {
            match ca_bundle::fetch(&session.api).await {
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
    tls::verified(listed)
}

fn connection(
    url: Url,
    token: Option<Secret>,
    tls: ClientConfig,
    proxy: Option<Url>,
    notes: Vec<String>,
    port_forward: Option<PortForward>,
) -> Result<Connection> {
    let client = Client::new(Endpoint { url, token, tls, proxy, timeout: QUERY_TIMEOUT })?;
    Ok(Connection { client, notes, _port_forward: port_forward })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::address::address;
    use crate::cluster::options::SessionOptions;

    #[tokio::test]
    async fn an_unencrypted_address_gets_no_token_from_the_kubeconfig() {
        let kubeconfig = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(
            kubeconfig.path(),
            "{current-context: x, contexts: [{name: x, context: {cluster: c, user: u}}],
            clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}],
            users: [{name: u, user: {token: hidden}}]}",
        )
        .unwrap();
        let connect = async |url: &str, token: Option<&str>| {
            let kubeconfig = Some(kubeconfig.path().to_owned());
            let token = token.map(Secret::from);
            let cluster = Cluster::new(SessionOptions { kubeconfig, token, ..SessionOptions::default() });
            let url = Some(address(url).unwrap());
            cluster.connect(&PrometheusOptions { url, ..PrometheusOptions::default() }).await
        };
        let open = connect("http://prom.example:9090", None).await.unwrap();
        let note =
            "http://prom.example:9090/ is not encrypted, so it is asked without the kubeconfig's token";
        assert_eq!(open.notes, [note]);
        assert_eq!(connect("http://127.0.0.1:9090", None).await.unwrap().notes, [""; 0]);
        let refused = connect("http://prom.example:9090", Some("hidden")).await.err().unwrap().to_string();
        assert!(refused.contains("gets no token: use its https address, or leave out --token"), "{refused}");
        std::fs::write(kubeconfig.path(), "{").unwrap();
        assert_eq!(connect("http://prom.example:9090", None).await.unwrap().notes, [""; 0]);
    }
}
