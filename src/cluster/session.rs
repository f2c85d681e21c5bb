//! One user's access to one API server: kubeconfig and flags made into a client, its token and what it trusts.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use kube::Config;
use kube::config::{
    Cluster, Context, KubeConfigOptions, Kubeconfig, KubeconfigError, NamedAuthInfo, NamedCluster,
    NamedContext,
};
use rustls::pki_types::CertificateDer;

use super::api::Api;
use super::files::{Filed, Files};
use super::identity::certificates;
use super::kubeconfig::{self, Chosen};
use super::pod::Pod;
use super::{home, proxy, token};
use crate::prometheus::failure::one_line;
use crate::prometheus::{Secret, Url, is_loopback};

const CORRECT: &str = "correct it in the kubeconfig, or log in again with oc login";
/// Without `--request-timeout` a silent API server is given up after this.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// kubectl's shared flags, with kubectl's meaning, for the API server alone.
#[derive(Debug, Clone, Default)]
pub struct SessionOptions {
    /// `--kubeconfig`: this file instead of `$KUBECONFIG` or `~/.kube/config`.
    pub kubeconfig: Option<PathBuf>,
    /// `--context`
    pub context: Option<String>,
    /// `--cluster`
    pub cluster: Option<String>,
    /// `--user`
    pub user: Option<String>,
    /// `--server`: the API server's URL.
    pub server: Option<String>,
    /// `--token`: instead of the context's credential; for Prometheus too.
    pub token: Option<Secret>,
    /// `--as`
    pub impersonate_user: Option<String>,
    /// `--as-group`
    pub impersonate_groups: Vec<String>,
    /// `--as-uid`
    pub impersonate_uid: Option<String>,
    /// `--client-certificate`: a PEM file, instead of the user's.
    pub client_certificate: Option<PathBuf>,
    /// `--client-key`: a PEM file, instead of the user's.
    pub client_key: Option<PathBuf>,
    /// `--certificate-authority`: a PEM file, instead of the cluster's.
    pub certificate_authority: Option<PathBuf>,
    /// `--insecure-skip-tls-verify`: of the API server; Prometheus is verified all the same.
    pub insecure_skip_tls_verify: bool,
    /// `--tls-server-name`
    pub tls_server_name: Option<String>,
    /// `--request-timeout` for one request to the API server; zero is no limit, none is 30 s.
    pub request_timeout: Option<Duration>,
}

/// Access to one API server.
pub(super) struct Session {
    /// The context's name, or the server's where only flags were given.
    pub(super) name: String,
    /// The same, where it is a context's.
    pub(super) context: Option<String>,
    /// The API server's address.
    pub(super) server: Url,
    pub(super) token: Option<Secret>,
    /// What the context has where it has no token, for messages.
    pub(super) instead_of_token: &'static str,
    /// Whether what the API server says is known to be its own word.
    pub(super) verified: bool,
    /// The certificate authorities that the kubeconfig and the flags name.
    pub(super) authorities: Vec<CertificateDer<'static>>,
    /// The kubeconfig's own `proxy-url`.
    pub(super) proxy: Option<Url>,
    pub(super) api: Api,
}

impl Session {
    /// Reads the kubeconfig and runs its credential plugin, if any; without one, a pod's service account. `None` if
    /// there is nothing of that and no `--server`. Errors: one line naming file, context or flag.
    pub(super) async fn open(options: &SessionOptions) -> Result<Option<Session>> {
        match chosen(&files(options), &Pod::here(), options)? {
            Some(chosen) => Session::of(chosen, options).await.map(Some),
            None => Ok(None),
        }
    }

    /// Where a kubeconfig was looked for, for the message that there is none.
    pub(super) fn looked_in(options: &SessionOptions) -> String {
        files(options).names()
    }

    async fn of(chosen: Chosen, options: &SessionOptions) -> Result<Session> {
        let Chosen { context, filed_cluster, mut cluster, user } = chosen;
        let server = cluster
            .server
            .clone()
            .context("the context's cluster has no server: give one with --server URL")?;
        let server = with_scheme(server);
        cluster.server = Some(server.clone());
        let url =
            Url::parse(&server).ok().filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host());
        let Some(url) = url else {
            bail!("the server {server} is no http or https address: correct it, or pass --server URL")
        };
        let context = Some(context).filter(|context| !context.is_empty());
        let name = context.as_ref().unwrap_or(&server).clone();
        // The kubeconfig's own stay good for the route whatever the flags say of the API server. What is wrong with them is
        // told below, unless the flags name others.
        let mut authorities = authorities(&filed_cluster).ok().flatten().unwrap_or_default();
        let own_proxy = cluster.proxy_url.clone().filter(|proxy| !proxy.is_empty());
        let user = NamedAuthInfo { name: name.clone(), auth_info: Some(user), ..NamedAuthInfo::default() };
        let mut config = config(cluster, user).await.with_context(|| format!("using context \"{name}\""))?;
        let verified = url.scheme() == "https" && !config.accept_invalid_certs;
        if !config.accept_invalid_certs {
            authorities.extend(config.root_cert.iter().flatten().cloned().map(CertificateDer::from));
        }
        config.proxy_url = proxy::of(&url, own_proxy.as_deref())?;
        let token = token::resolve(&mut config)
            .await
            .with_context(|| format!("authenticating as context \"{name}\""))?;
        if url.scheme() == "http"
            && !is_loopback(&url)
            && (token.is_some() || config.auth_info.password.is_some())
        {
            bail!("the server {url} is not encrypted and gets no token: use its https address");
        }
        let user = &config.auth_info;
        let instead_of_token = if user.client_certificate.is_some() || user.client_certificate_data.is_some()
        {
            "a client certificate, which no route takes"
        } else if user.username.is_some() {
            "a password, which no route takes"
        } else {
            "no credential at all"
        };
        let proxy = own_proxy.map(|proxy| Url::parse(&proxy)).transpose();
        let proxy = proxy.map_err(|_| {
            anyhow!("the kubeconfig's proxy-url is no address: correct it in context \"{name}\"")
        })?;
        let timeout = options
            .request_timeout
            .map_or(Some(DEFAULT_TIMEOUT), |limit| Some(limit).filter(|l| !l.is_zero()));
        let api = Api::new(&config, &server, timeout)?;
        Ok(Session { name, context, server: url, token, instead_of_token, verified, authorities, proxy, api })
    }
}

/// A server as kubectl reads it: without a scheme it is plain http.
fn with_scheme(server: String) -> String {
    match server.is_empty() || server.contains("://") {
        true => server,
        false => format!("http://{server}"),
    }
}

pub(super) fn files(options: &SessionOptions) -> Files {
    Files::of(options.kubeconfig.as_deref(), std::env::var_os("KUBECONFIG").as_deref(), home::folder())
}

/// Whether the context has a token, or what yields one; nothing is run or asked for it.
pub(super) fn has_token(options: &SessionOptions) -> bool {
    let Ok(Some(Chosen { user, .. })) = chosen(&files(options), &Pod::here(), options) else { return false };
    user.token.is_some() || user.token_file.is_some() || user.exec.is_some() || user.auth_provider.is_some()
}

/// What the files, else the pod, and the flags make together.
fn chosen(files: &Files, pod: &Pod, options: &SessionOptions) -> Result<Option<Chosen>> {
    let filed = files.read()?;
    let is_named = options.server.is_some()
        || [&options.context, &options.cluster, &options.user].into_iter().any(Option::is_some);
    if !is_named && filed.as_ref().is_none_or(|filed| filed.current_context.is_empty()) {
        let has_authority = options.insecure_skip_tls_verify || options.certificate_authority.is_some();
        match pod.access(has_authority) {
            Ok(Some((cluster, user))) => {
                return kubeconfig::changed(String::new(), cluster, user, options).map(Some);
            }
            Err(error) if filed.is_none() => return Err(error),
            // What the kubeconfig lacks is said.
            Ok(None) | Err(_) => {}
        }
    }
    match filed {
        Some(filed) => kubeconfig::choose(&filed, &files.names(), options).map(Some),
        None if options.server.is_some() => {
            kubeconfig::choose(&Filed::default(), &files.names(), options).map(Some)
        }
        None => Ok(None),
    }
}

/// kube's own reading of one cluster and one user: certificate files, keys, what a plugin is told of its cluster.
async fn config(cluster: Cluster, user: NamedAuthInfo) -> Result<Config> {
    let name = user.name.clone();
    let cluster = with_authorities(cluster)?;
    let context = Context { cluster: name.clone(), user: Some(name.clone()), ..Context::default() };
    let one = Kubeconfig {
        clusters: vec![NamedCluster {
            name: name.clone(),
            cluster: Some(cluster),
            ..NamedCluster::default()
        }],
        contexts: vec![NamedContext {
            name: name.clone(),
            context: Some(context),
            ..NamedContext::default()
        }],
        auth_infos: vec![user],
        current_context: Some(name),
        ..Kubeconfig::default()
    };
    Config::from_custom_kubeconfig(one, &KubeConfigOptions::default())
        .await
        .map_err(|error| anyhow!(unusable(&error)))
}

/// The certificates of a cluster's authority; `None` if it names none. Those that cannot be read are left out, as with Go.
/// Errors: there is none that can.
fn authorities(cluster: &Cluster) -> Result<Option<Vec<CertificateDer<'static>>>> {
    const REMEDY: &str = "name a PEM file with --certificate-authority FILE";
    let pem = match (&cluster.certificate_authority_data, &cluster.certificate_authority) {
        (Some(data), _) => BASE64
            .decode(data)
            .map_err(|_| anyhow!("its certificate-authority-data is no base64: {CORRECT}"))?,
        (None, Some(path)) => std::fs::read(path)
            .map_err(|why| anyhow!("its certificate authority {path} cannot be read ({why}): {REMEDY}"))?,
        (None, None) => return Ok(None),
    };
    let found = certificates(&pem);
    if found.is_empty() {
        bail!("its certificate authority holds no certificate: {REMEDY}");
    }
    Ok(Some(found))
}

/// The cluster with its authority's certificates in the place of their file: of a file with a broken one kube would refuse
/// all. Errors as above.
fn with_authorities(mut cluster: Cluster) -> Result<Cluster> {
    let Some(found) = authorities(&cluster)? else { return Ok(cluster) };
    let block = |certificate: &CertificateDer<'_>| {
        let text = BASE64.encode(certificate);
        format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
    };
    cluster.certificate_authority_data = Some(BASE64.encode(found.iter().map(block).collect::<String>()));
    cluster.certificate_authority = None;
    Ok(cluster)
}

/// kube's words say everything twice in a chain of causes, and no remedy.
fn unusable(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::ParseClusterUrl(_) => format!("its server is no address: {CORRECT}"),
        KubeconfigError::ParseProxyUrl(_) => format!("its proxy-url is no address: {CORRECT}"),
        other => format!("{}: {CORRECT}", one_line(&other.to_string())),
    }
}

#[cfg(test)]
mod tests;
