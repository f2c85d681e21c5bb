//! kube's client of the API server over our own TLS: by the verifier of verifier.rs, and by way of a proxy if there is one.
//! kube's own would accept fewer certificates than Go does.

use anyhow::{Result, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderValue, Uri};
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::TokioExecutor;
use kube::client::retry::RetryPolicy;
use kube::client::{Body, ConfigExt as _};
use kube::{Client, Config};
use percent_encoding::percent_decode_str;
use rustls::ClientConfig;
use tower::retry::RetryLayer;
use tower::{BoxError, ServiceBuilder};
use tower_http::decompression::DecompressionLayer;

/// Prepares the client that `config` describes, with `tls` in the place of what it says of certificates; nothing is sent
/// yet. Errors: what is wrong with the kubeconfig, without its secrets.
pub(super) fn client(config: &Config, tls: &ClientConfig) -> Result<Client> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_connect_timeout(config.connect_timeout);
    let Some(proxy) = &config.proxy_url else { return over(config, named(config, tls, http)?) };
    match proxy.scheme_str() {
        Some("socks5") => over(config, named(config, tls, SocksV5::new(proxy.clone(), http))?),
        Some("http") => over(config, named(config, tls, tunnel(proxy, http))?),
        Some("https") => {
            let to_proxy = HttpsConnectorBuilder::new().with_tls_config(tls.clone()).https_or_http();
            over(config, named(config, tls, tunnel(proxy, to_proxy.enable_http1().wrap_connector(http)))?)
        }
        _ => bail!("its proxy is neither http, https nor socks5"),
    }
}

/// TLS over `connector`, with the name that the kubeconfig says the server's certificate has.
fn named<C>(config: &Config, tls: &ClientConfig, connector: C) -> Result<HttpsConnector<C>> {
    let mut https = HttpsConnectorBuilder::new().with_tls_config(tls.clone()).https_or_http();
    if let Some(name) = &config.tls_server_name {
        let name = name.clone().try_into().map_err(|_| anyhow!("its tls-server-name is no host name"))?;
        https = https.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    Ok(https.enable_http1().wrap_connector(connector))
}

/// A tunnel through an HTTP proxy, with the password in its address, if any.
fn tunnel<C>(proxy: &Uri, connector: C) -> Tunnel<C> {
    let tunnel = Tunnel::new(proxy.clone(), connector);
    let user = proxy.authority().and_then(|authority| authority.as_str().rsplit_once('@'));
    let Some((user, _)) = user else { return tunnel };
    let user: Vec<u8> = percent_decode_str(user).collect();
    match HeaderValue::from_str(&format!("Basic {}", BASE64.encode(user))) {
        Ok(mut header) => {
            header.set_sensitive(true);
            tunnel.with_auth(header)
        }
        Err(_) => tunnel,
    }
}

/// What kube does with a request: the address, the credentials, who is impersonated, and another try if the server asks
/// for one.
fn over<C>(config: &Config, connector: C) -> Result<Client>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let unusable = |_| anyhow!("its credentials cannot be used");
    let transport =
        hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build::<_, Body>(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .layer(DecompressionLayer::new())
        .layer(RetryLayer::new(RetryPolicy::server_retry()))
        .option_layer(config.auth_layer().map_err(unusable)?)
        .layer(config.extra_headers_layer().map_err(unusable)?)
        .map_err(BoxError::from)
        .service(transport);
    Ok(Client::new(service, config.default_namespace.clone()))
}
