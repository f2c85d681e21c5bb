//! Address of `--prometheus`, as users copy it.

use anyhow::{Result, bail};

use crate::prometheus::Url;

/// Parameters that the client sets itself. An address copied from a browser may hold them.
const OWN_PARAMETERS: [&str; 8] =
    ["query", "time", "start", "end", "step", "timeout", "lookback_delta", "match[]"];

/// Parses the address of `--prometheus` into the API's base address. Keeps parameters that a server behind it needs,
/// such as a tenant's `?namespace=NAME`. Errors if it is no http or https address, or holds a user or a password.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_the_base_address() {
        for (given, expected) in [
            ("http://127.0.0.1:9090", "http://127.0.0.1:9090/"),
            ("https://host/", "https://host/"),
            ("https://host/api/v1/", "https://host/"),
            ("https://host/prefix/api/v1#y", "https://host/prefix"),
            ("https://host:9092?namespace=shop", "https://host:9092/?namespace=shop"),
            ("https://host/?query=up&a=b&start=1&match[]=up&c=%26d", "https://host/?a=b&c=%26d"),
            ("https://host/api/v1/?query=up", "https://host/"),
        ] {
            assert_eq!(address(given).unwrap().as_str(), expected);
        }
        for bad in ["host:9090", "prometheus", "ftp://host", "https://user:hidden@host"] {
            let message = address(bad).unwrap_err().to_string();
            assert!(!message.contains("hidden"), "{message}");
        }
    }
}
