//! Bearer token of a context, from any source: the kubeconfig, a file, an exec credential or an OpenID provider.

use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{AUTHORIZATION, HeaderValue};
use http::{Request, Response};
use kube::Config;
use kube::client::ConfigExt as _;
use secrecy::ExposeSecret as _;
use tower::{BoxError, Layer as _, ServiceExt as _, service_fn};

use super::exec_credential::{self, Credential};
use crate::prometheus::Secret;

/// Limit of an OpenID provider's renewal of a token.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(30);

/// Resolves the token and puts it into `config` in place of its source, so that an exec credential runs only once. A
/// token file that kube can read again stays the source, since its token may be renewed. A token file wins over a token
/// in the kubeconfig. `None` if the context has another kind of credential. Errors if the source yields no usable token;
/// they never contain the token.
pub(super) async fn resolve(config: &mut Config) -> Result<Option<Secret>> {
    let user = &config.auth_info;
    let mut is_reread = false;
    let token = if let Some(path) = &user.token_file {
        match (read(path), &user.token) {
            (Ok(text), inline) if inline.is_none() || !text.trim().is_empty() => {
                // kube sends the text untrimmed, and would find a pipe already at its end.
                is_reread = text.trim() == text && std::fs::metadata(path).is_ok_and(|file| file.is_file());
                Some(Secret::from(text))
            }
            (Err(error), None) => return Err(error),
            (_, inline) => inline.clone(),
        }
    } else if let Some(token) = &user.token {
        Some(token.clone())
    } else if let Some(exec) = &user.exec {
        let Credential { token, client_certificate_data, client_key_data } =
            exec_credential::run(exec).await?;
        let has_certificate = user.client_certificate.is_some() || user.client_certificate_data.is_some();
        if let (Some(certificate), Some(key), false) =
            (client_certificate_data, client_key_data, has_certificate)
        {
            config.auth_info.client_certificate_data = Some(BASE64.encode(certificate));
            config.auth_info.client_key_data = Some(BASE64.encode(key.expose_secret()).into());
        }
        config.auth_info.exec = None;
        token
    } else if let Some(provider) = &user.auth_provider {
        refresh(config, &provider.name).await?
    } else {
        None
    };
    let Some(token) = token else { return Ok(None) };
    let trimmed = token.expose_secret().trim();
    if trimmed.is_empty() {
        bail!("the context's token is empty: log in again with oc login");
    }
    // A header cannot hold other characters, and its builder would panic.
    if !trimmed.bytes().all(|byte| byte.is_ascii_graphic()) {
        bail!("the context's token holds characters that no token has: log in again with oc login");
    }
    let token = Secret::from(trimmed);
    if is_reread {
        config.auth_info.token = None;
    } else {
        config.auth_info.token = Some(token.clone());
        config.auth_info.token_file = None;
    }
    config.auth_info.auth_provider = None;
    Ok(Some(token))
}

/// Reads a token file. Errors are one line without any of its text.
fn read(path: &str) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| {
        anyhow!("its token file {path} cannot be read ({error}): correct the kubeconfig, or log in again with oc login")
    })
}

/// Refreshes an OpenID token. kube does so when it authenticates a request, so this reads the token off a request to
/// nowhere.
async fn refresh(config: &Config, provider: &str) -> Result<Option<Secret>> {
    let failed =
        || anyhow!("the kubeconfig's auth-provider {provider} gave no token: log in again with oc login");
    // kubectl dropped the other providers. kube would run their programs without a time limit.
    if provider != "oidc" {
        bail!("the kubeconfig's auth-provider {provider} is no longer supported: log in again with oc login");
    }
    // kube's own message would quote the provider's response.
    let Some(layer) = config.auth_layer().map_err(|_| failed())? else { return Ok(None) };
    let reader = service_fn(|request: Request<String>| async move {
        Ok::<_, BoxError>(Response::new(request.headers().get(AUTHORIZATION).cloned()))
    });
    let sent = layer.layer(reader).oneshot(Request::new(String::new()));
    let sent =
        tokio::time::timeout(REFRESH_TIMEOUT, sent).await.map_err(|_| failed())?.map_err(|_| failed())?;
    Ok(sent.into_body().as_ref().and_then(bearer))
}

fn bearer(header: &HeaderValue) -> Option<Secret> {
    header.to_str().ok()?.strip_prefix("Bearer ").map(Secret::from)
}

#[cfg(test)]
mod tests {
    use kube::config::{AuthInfo, ExecConfig};

    use super::*;

    fn with_exec(script: &str) -> Config {
        let mut config = Config::new("https://127.0.0.1:1".parse().unwrap());
        config.auth_info = AuthInfo {
            exec: Some(ExecConfig {
                api_version: Some("client.authentication.k8s.io/v1".into()),
                command: Some("sh".into()),
                args: Some(vec!["-c".into(), script.into()]),
                interactive_mode: Some(kube::config::ExecInteractiveMode::Never),
                ..ExecConfig::default()
            }),
            ..AuthInfo::default()
        };
        config
    }

    const CREDENTIAL: &str = r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"sha256~T","expirationTimestamp":"2100-01-01T00:00:00Z"}}"#;

    #[tokio::test]
    async fn an_exec_credential_runs_once_and_yields_its_token() {
        let folder = tempfile::tempdir().unwrap();
        let runs = folder.path().join("runs");
        let mut config = with_exec(&format!("echo x >> {}; echo '{CREDENTIAL}'", runs.display()));
        let token = resolve(&mut config).await.unwrap().unwrap();
        assert_eq!(token.expose_secret(), "sha256~T");
        drop(kube::Client::try_from(config).unwrap());
        assert_eq!(std::fs::read_to_string(runs).unwrap(), "x\n");
    }

    #[tokio::test]
    async fn an_exec_credential_may_yield_a_certificate_instead() {
        let mut config = with_exec(r#"echo '{"status":{"clientCertificateData":"C","clientKeyData":"K"}}'"#);
        assert!(resolve(&mut config).await.unwrap().is_none());
        assert_eq!(config.auth_info.client_certificate_data.as_deref(), Some("Qw=="));
        assert!(config.auth_info.exec.is_none());
    }

    #[tokio::test]
    async fn the_error_names_a_provider_that_kubectl_dropped() {
        let mut config = Config::new("https://127.0.0.1:1".parse().unwrap());
        config.auth_info.auth_provider =
            serde_json::from_str(r#"{"name":"gcp","config":{"cmd-path":"sh"}}"#).unwrap();
        assert!(
            resolve(&mut config).await.unwrap_err().to_string().contains("auth-provider gcp is no longer")
        );
    }

    #[tokio::test]
    async fn the_newline_of_a_token_file_is_no_part_of_the_token() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "sha256~F\n").unwrap();
        let mut config = Config::new("https://127.0.0.1:1".parse().unwrap());
        config.auth_info.token_file = Some(file.path().to_str().unwrap().to_owned());
        assert_eq!(resolve(&mut config).await.unwrap().unwrap().expose_secret(), "sha256~F");
        std::fs::write(file.path(), "\n").unwrap();
        config.auth_info =
            AuthInfo { token_file: Some(file.path().to_str().unwrap().to_owned()), ..AuthInfo::default() };
        assert!(resolve(&mut config).await.unwrap_err().to_string().contains("empty"));
    }

    #[tokio::test]
    async fn a_token_file_wins_and_stays_the_source() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = || Some(file.path().to_str().unwrap().to_owned());
        let with = |token_file| {
            let mut config = Config::new("https://127.0.0.1:1".parse().unwrap());
            let token = Some(Secret::from("inline"));
            config.auth_info = AuthInfo { token, token_file, ..AuthInfo::default() };
            config
        };
        for (text, expected) in [("file", "file"), ("file\n", "file"), ("\n", "inline"), ("", "inline")] {
            std::fs::write(file.path(), text).unwrap();
            let token = resolve(&mut with(path())).await.unwrap().unwrap();
            assert_eq!(token.expose_secret(), expected, "{text:?}");
        }
        let token = resolve(&mut with(Some("/nonexistent".into()))).await.unwrap().unwrap();
        assert_eq!(token.expose_secret(), "inline");

        std::fs::write(file.path(), "rotated").unwrap();
        let mut config = with(path());
        resolve(&mut config).await.unwrap();
        assert!(config.auth_info.token.is_none() && config.auth_info.token_file == path());
    }

    #[tokio::test]
    async fn a_client_certificate_is_no_token() {
        let mut config = Config::new("https://127.0.0.1:1".parse().unwrap());
        config.auth_info.client_certificate_data = Some("Zm9v".into());
        assert!(resolve(&mut config).await.unwrap().is_none());
    }
}
