//! kube's client of the API server over our own TLS: by the verifier of verifier.rs, and by way of a proxy if there is one.
//! kube's own would accept fewer certificates than Go does.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
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

/// Where a SOCKS proxy listens whose address names no port.
const SOCKS_PORT: &str = ":1080";
/// A server that is busy is asked again so often, at its own `Retry-After` or after so long; then its words are told.
const RETRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LAST_PAUSE: Duration = Duration::from_secs(2);

/// Prepares the client that `config` describes, with `tls` in the place of what it says of certificates; nothing is sent
/// yet. Errors: what is wrong with the kubeconfig, without its secrets.
pub(super) fn client(config: &Config, tls: &ClientConfig) -> Result<Client> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_connect_timeout(config.connect_timeout);
    let Some(proxy) = &config.proxy_url else { return over(config, named(config, tls, http)?) };
    match proxy.scheme_str() {
        // Either way the proxy looks the names up, as with Go.
        Some("socks5" | "socks5h") => over(config, named(config, tls, socks(proxy, http)?)?),
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
    let Some(user) = user(proxy) else { return tunnel };
    let user: Vec<u8> = percent_decode_str(user).collect();
    match HeaderValue::from_str(&format!("Basic {}", BASE64.encode(user))) {
        Ok(mut header) => {
            header.set_sensitive(true);
            tunnel.with_auth(header)
        }
        Err(_) => tunnel,
    }
}

/// The user and the password in a proxy's address, as they stand there.
fn user(proxy: &Uri) -> Option<&str> {
    Some(proxy.authority()?.as_str().rsplit_once('@')?.0)
}

/// A way through a SOCKS proxy, with the user and the password in its address, if any. Errors: those are no text.
fn socks<C>(proxy: &Uri, connector: C) -> Result<SocksV5<C>> {
    let host = proxy.authority().map(|authority| authority.as_str().rsplit('@').next().unwrap_or_default());
    let host = host.unwrap_or_default();
    let port = if proxy.port().is_none() { SOCKS_PORT } else { "" };
    let address = format!("socks5://{host}{port}").parse().map_err(|_| anyhow!("its proxy is no address"))?;
    let socks = SocksV5::new(address, connector);
    // A name alone is none that a proxy asks for: who offers it offers nothing else.
    let Some((name, password)) = user(proxy).and_then(|user| user.split_once(':')) else { return Ok(socks) };
    let text = |part| {
        let text = percent_decode_str(part).decode_utf8();
        text.map(String::from).map_err(|_| anyhow!("the user or the password of its proxy is no text"))
    };
    Ok(socks.with_auth(text(name)?, text(password)?))
}

/// What kube does with a request: the address, the credentials, who is impersonated, and another try if the server asks
/// for one.
fn over<C>(config: &Config, connector: C) -> Result<Client>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let unusable = |_| anyhow!("its credentials cannot be used");
    let retries = RetryPolicy::new(FIRST_PAUSE, LAST_PAUSE, RETRIES, true).context("preparing retries")?;
    let transport =
        hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build::<_, Body>(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .layer(DecompressionLayer::new())
        .layer(RetryLayer::new(retries))
        .option_layer(config.auth_layer().map_err(unusable)?)
        .layer(config.extra_headers_layer().map_err(unusable)?)
        .map_err(BoxError::from)
        .service(transport);
    Ok(Client::new(service, config.default_namespace.clone()))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tower::ServiceExt as _;

    use super::*;

    /// A SOCKS proxy is told the password and the name of the server, which it looks up.
    #[tokio::test]
    async fn a_socks_proxy_gets_its_password() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let proxy = format!("socks5h://us%40er:pass@{}", listener.local_addr().unwrap()).parse().unwrap();
        let asked = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut read = async |answer: &[u8]| {
                let mut bytes = [0; 64];
                let length = stream.read(&mut bytes).await.unwrap();
                stream.write_all(answer).await.unwrap();
                String::from_utf8_lossy(&bytes[..length]).into_owned()
            };
            let _methods = read(&[5, 2]).await;
            let login = read(&[1, 0]).await;
            (login, read(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await)
        });
        let server = "https://api.example:6443".parse::<Uri>().unwrap();
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        socks(&proxy, http).unwrap().oneshot(server).await.unwrap();
        let (login, target) = asked.await.unwrap();
        assert_eq!(login, "\u{1}\u{5}us@er\u{4}pass");
        assert!(target.contains("api.example"), "{target:?}");
    }
}
