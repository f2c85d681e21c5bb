//! kube's client of the API server over the TLS settings of `tls`, through a proxy if there is one. kube's own TLS
//! would accept fewer certificates than Go does.

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

use super::traced::TraceLayer;

/// Port of a SOCKS proxy whose address names none.
const SOCKS_PORT: &str = ":1080";
/// Number of retries of a busy server, each after its own `Retry-After` or a pause. Then the error has the server's
/// words.
const RETRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LAST_PAUSE: Duration = Duration::from_secs(2);

/// Prepares the client that `config` describes; sends no request. `tls` replaces the certificates of `config`. Errors
/// say what is wrong with the kubeconfig, without its secrets.
pub(super) fn client(config: &Config, tls: &ClientConfig) -> Result<Client> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_connect_timeout(config.connect_timeout);
    let Some(proxy) = &config.proxy_url else {
        return kube_client(config, tls_connector(config, tls, http)?);
    };
    match proxy.scheme_str() {
        // Either way the proxy resolves host names, as with Go.
        Some("socks5" | "socks5h") => kube_client(config, tls_connector(config, tls, socks(proxy, http)?)?),
        Some("http") => kube_client(config, tls_connector(config, tls, tunnel(proxy, http))?),
        Some("https") => {
            let to_proxy = HttpsConnectorBuilder::new().with_tls_config(tls.clone()).https_or_http();
            let tunnel = tunnel(proxy, to_proxy.enable_http1().wrap_connector(http));
            kube_client(config, tls_connector(config, tls, tunnel)?)
        }
        _ => bail!("its proxy is neither http, https nor socks5"),
    }
}

/// Adds TLS to `connector`, with the kubeconfig's `tls-server-name` if it sets one.
fn tls_connector<C>(config: &Config, tls: &ClientConfig, connector: C) -> Result<HttpsConnector<C>> {
    let mut https = HttpsConnectorBuilder::new().with_tls_config(tls.clone()).https_or_http();
    if let Some(name) = &config.tls_server_name {
        let name = name.clone().try_into().map_err(|_| anyhow!("its tls-server-name is no host name"))?;
        https = https.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    Ok(https.enable_http1().wrap_connector(connector))
}

/// Makes a tunnel through an HTTP proxy, with user and password if the proxy's address has them.
fn tunnel<C>(proxy: &Uri, connector: C) -> Tunnel<C> {
    let tunnel = Tunnel::new(proxy.clone(), connector);
    let Some(user) = user_info(proxy) else { return tunnel };
    let user: Vec<u8> = percent_decode_str(user).collect();
    match HeaderValue::from_str(&format!("Basic {}", BASE64.encode(user))) {
        Ok(mut header) => {
            header.set_sensitive(true);
            tunnel.with_auth(header)
        }
        Err(_) => tunnel,
    }
}

/// Returns user and password in a proxy's address, still percent-encoded; `None` if it has none.
fn user_info(proxy: &Uri) -> Option<&str> {
    Some(proxy.authority()?.as_str().rsplit_once('@')?.0)
}

/// Makes a connector through a SOCKS proxy, with user and password if its address has both. Errors if they are not
/// UTF-8.
fn socks<C>(proxy: &Uri, connector: C) -> Result<SocksV5<C>> {
    let host = proxy.authority().map(|authority| authority.as_str().rsplit('@').next().unwrap_or_default());
    let host = host.unwrap_or_default();
    let port = if proxy.port().is_none() { SOCKS_PORT } else { "" };
    let address = format!("socks5://{host}{port}").parse().map_err(|_| anyhow!("its proxy is no address"))?;
    let socks = SocksV5::new(address, connector);
    // With a login, the client offers the proxy no other method. A user without a password is no login.
    let Some((name, password)) = user_info(proxy).and_then(|user| user.split_once(':')) else {
        return Ok(socks);
    };
    let text = |part| {
        let text = percent_decode_str(part).decode_utf8();
        text.map(String::from).map_err(|_| anyhow!("the user or the password of its proxy is no text"))
    };
    Ok(socks.with_auth(text(name)?, text(password)?))
}

/// Makes a client with kube's own layers: base address, decompression, retries, credentials and impersonation.
fn kube_client<C>(config: &Config, connector: C) -> Result<Client>
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
        .layer(TraceLayer)
        .service(transport);
    Ok(Client::new(service, config.default_namespace.clone()))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tower::ServiceExt as _;

    use super::*;

    /// The proxy resolves the name of the server itself.
    #[tokio::test]
    async fn a_socks_proxy_gets_its_password_and_the_servers_name() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let proxy = format!("socks5h://us%40er:pass@{}", listener.local_addr().unwrap()).parse().unwrap();
        let received = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut read = async |response: &[u8]| {
                let mut bytes = [0; 64];
                let length = stream.read(&mut bytes).await.unwrap();
                stream.write_all(response).await.unwrap();
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
        let (login, target) = received.await.unwrap();
        assert_eq!(login, "\u{1}\u{5}us@er\u{4}pass");
        assert!(target.contains("api.example"), "{target:?}");
    }
}
