//! Session: one user's access to one API server, with client, token and certificate authorities.

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
use super::options::SessionOptions;
use super::pod::Pod;
use super::{home, proxy, token};
use crate::prometheus::failure::one_line;
use crate::prometheus::{Secret, Url, is_loopback};

const CORRECT: &str = "correct it in the kubeconfig, or log in again with oc login";
/// Limit of one request to the API server without `--request-timeout`.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// Access of one user to one API server.
pub(super) struct Session {
    /// Context's name; the server's address if no context was used.
    pub(super) name: String,
    /// Context's name; `None` if no context was used.
    pub(super) context: Option<String>,
    /// API server's address.
    pub(super) server: Url,
    pub(super) token: Option<Secret>,
    /// Kind of credential that a context without a token has, for messages.
    pub(super) instead_of_token: &'static str,
    /// True if the client verifies the API server, so that it can trust the responses.
    pub(super) verified: bool,
    /// Certificate authorities that the kubeconfig and the flags name.
    pub(super) authorities: Vec<CertificateDer<'static>>,
    /// Kubeconfig's own `proxy-url`.
    pub(super) proxy: Option<Url>,
    pub(super) api: Api,
}

impl Session {
    /// Reads the kubeconfig, else a pod's service account. Runs an exec credential if the user has one. `None` if there
    /// is neither of these, nor `--server`. Errors are one line that names file, context or flag.
    pub(super) async fn open(options: &SessionOptions) -> Result<Option<Session>> {
        match choose(&kubeconfig_files(options), &Pod::from_env(), options)? {
            Some(chosen) => Session::from_chosen(chosen, options).await.map(Some),
            None => Ok(None),
        }
    }

    async fn from_chosen(chosen: Chosen, options: &SessionOptions) -> Result<Session> {
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
        // The route may need the kubeconfig's own authorities, even if the flags name others for the API server.
        // `kube_config` reports an error in them, unless the flags replace them.
        let mut authorities = read_authorities(&filed_cluster).ok().flatten().unwrap_or_default();
        let own_proxy = cluster.proxy_url.clone().filter(|proxy| !proxy.is_empty());
        let user = NamedAuthInfo { name: name.clone(), auth_info: Some(user), ..NamedAuthInfo::default() };
        let mut config =
            kube_config(cluster, user).await.with_context(|| format!("using context \"{name}\""))?;
        let verified = url.scheme() == "https" && !config.accept_invalid_certs;
        if !config.accept_invalid_certs {
            authorities.extend(config.root_cert.iter().flatten().cloned().map(CertificateDer::from));
        }
        config.proxy_url = proxy::resolve(&url, own_proxy.as_deref())?;
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

/// Adds `http://` to a server without a scheme, as kubectl does.
fn with_scheme(server: String) -> String {
    match server.is_empty() || server.contains("://") {
        true => server,
        false => format!("http://{server}"),
    }
}

/// Returns the kubeconfig files that flag, environment and home folder name.
pub(super) fn kubeconfig_files(options: &SessionOptions) -> Files {
    Files::choose(options.kubeconfig.as_deref(), std::env::var_os("KUBECONFIG").as_deref(), home::folder())
}

/// Returns true if the context has a token or a source of one. Runs no program and sends no request.
pub(super) fn has_token(options: &SessionOptions) -> bool {
    let chosen = choose(&kubeconfig_files(options), &Pod::from_env(), options);
    let Ok(Some(Chosen { user, .. })) = chosen else { return false };
    user.token.is_some() || user.token_file.is_some() || user.exec.is_some() || user.auth_provider.is_some()
}

/// Chooses cluster and user from the files, and applies the flags. Tries the pod first if neither flags nor files
/// choose any.
fn choose(files: &Files, pod: &Pod, options: &SessionOptions) -> Result<Option<Chosen>> {
    let filed = files.read()?;
    let is_named = options.server.is_some()
        || [&options.context, &options.cluster, &options.user].into_iter().any(Option::is_some);
    if !is_named && filed.as_ref().is_none_or(|filed| filed.current_context.is_empty()) {
        let has_authority = options.insecure_skip_tls_verify || options.certificate_authority.is_some();
        match pod.access(has_authority) {
            Ok(Some((cluster, user))) => {
                return kubeconfig::apply_flags(String::new(), cluster, user, options).map(Some);
            }
            Err(error) if filed.is_none() => return Err(error),
            // The match below reports what the kubeconfig lacks.
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

/// Makes kube's settings from one cluster and one user. kube reads certificate files and keys, and the exec
/// credential's cluster.
async fn kube_config(cluster: Cluster, user: NamedAuthInfo) -> Result<Config> {
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
        .map_err(|error| anyhow!(explain(&error)))
}

/// Reads the certificates of a cluster's authority; `None` if it names none. Skips broken ones, as Go does. Errors if
/// they cannot be read, or none is valid.
fn read_authorities(cluster: &Cluster) -> Result<Option<Vec<CertificateDer<'static>>>> {
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

/// Replaces the file of a cluster's authority by its valid certificates, since kube would refuse a file with a broken
/// one. Errors as `read_authorities` does.
fn with_authorities(mut cluster: Cluster) -> Result<Cluster> {
    let Some(found) = read_authorities(&cluster)? else { return Ok(cluster) };
    let block = |certificate: &CertificateDer<'_>| {
        let text = BASE64.encode(certificate);
        format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
    };
    cluster.certificate_authority_data = Some(BASE64.encode(found.iter().map(block).collect::<String>()));
    cluster.certificate_authority = None;
    Ok(cluster)
}

/// Words an error of kube, whose chain of causes repeats itself and has no remedy.
fn explain(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::ParseClusterUrl(_) => format!("its server is no address: {CORRECT}"),
        KubeconfigError::ParseProxyUrl(_) => format!("its proxy-url is no address: {CORRECT}"),
        other => format!("{}: {CORRECT}", one_line(&other.to_string())),
    }
}

#[cfg(test)]
mod tests;
