//! Proxy to the API server, by kubectl's rules.

use anyhow::{Result, anyhow};
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

use crate::prometheus::{Url, is_loopback};

/// Returns the kubeconfig's `proxy-url`, else `HTTPS_PROXY` unless `NO_PROXY` names the server. Ignores the environment
/// for a loopback server. Errors if the address is invalid, without it: it may hold a password.
pub(super) fn resolve(server: &Url, own: Option<&str>) -> Result<Option<Uri>> {
    // Not left to kube, which compares `NO_PROXY` with the proxy's own name.
    let variable = ["HTTPS_PROXY", "https_proxy"].into_iter().filter_map(|name| std::env::var(name).ok());
    let environment = variable.into_iter().find(|value| !value.is_empty());
    choose(server, own, environment.as_deref(), &Matcher::from_env())
}

fn choose(
    server: &Url,
    own: Option<&str>,
    environment: Option<&str>,
    rules: &Matcher,
) -> Result<Option<Uri>> {
    if let Some(own) = own {
        return parse(own)
            .map(Some)
            .ok_or_else(|| anyhow!("the kubeconfig's proxy-url is no address: correct it"));
    }
    let Some(environment) = environment.filter(|_| server.scheme() == "https" && !is_loopback(server)) else {
        return Ok(None);
    };
    let server = server.as_str().parse::<Uri>()?;
    if rules.intercept(&server).is_none() {
        return Ok(None);
    }
    parse(environment)
        .map(Some)
        .ok_or_else(|| anyhow!("HTTPS_PROXY is no address: give one such as http://HOST:PORT"))
}

fn parse(address: &str) -> Option<Uri> {
    let whole = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
    whole.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proxy_follows_kubectls_rules() {
        let rules = || Matcher::builder().https("http://proxy.corp:3128").no("intern.corp,.lab");
        let environment = Some("proxy.corp:3128");
        for (server, own, environment, expected) in [
            ("https://api.example.com:6443", None, environment, Some("http://proxy.corp:3128/")),
            ("https://api.example.com:6443", None, None, None),
            ("https://intern.corp:6443", None, environment, None),
            ("https://api.lab:6443", None, environment, None),
            ("https://127.0.0.1:6443", None, environment, None),
            ("http://api.example.com", None, environment, None),
            (
                "https://api.lab:6443",
                Some("socks5://bastion:1080"),
                environment,
                Some("socks5://bastion:1080/"),
            ),
        ] {
            let chosen = choose(&Url::parse(server).unwrap(), own, environment, &rules().build()).unwrap();
            assert_eq!(chosen.map(|uri| uri.to_string()).as_deref(), expected, "{server}");
        }
    }
}
