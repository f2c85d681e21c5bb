//! The context's bearer token, whatever it comes from: the file, a credential plugin, an OpenID provider.

use anyhow::{Context as _, Result, anyhow, bail};
use http::header::{AUTHORIZATION, HeaderValue};
use http::{Request, Response};
use kube::Config;
use kube::client::{AuthError, ConfigExt as _};
use secrecy::ExposeSecret as _;
use tower::{BoxError, Layer as _, ServiceExt as _, service_fn};

use crate::prometheus::Secret;
use crate::prometheus::failure::one_line;

/// Finds the token and leaves it in `config` in place of its source, so that a plugin runs once and not for every use.
/// `None`: the context has another kind of credential. Errors: the source yields nothing; never the token.
pub(super) async fn resolve(config: &mut Config) -> Result<Option<Secret>> {
    let user = &config.auth_info;
    let token = if let Some(token) = &user.token {
        Some(token.clone())
    } else if let Some(path) = &user.token_file {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading the token file {path}"))?;
        Some(Secret::from(text))
    } else if user.exec.is_some() || user.auth_provider.is_some() {
        run(config).await?
    } else {
        None
    };
    let Some(token) = token else { return Ok(None) };
    let trimmed = token.expose_secret().trim();
    if trimmed.is_empty() {
        bail!("the context's token is empty: log in again with oc login");
    }
    let token = Secret::from(trimmed);
    config.auth_info.token = Some(token.clone());
    config.auth_info.token_file = None;
    config.auth_info.exec = None;
    config.auth_info.auth_provider = None;
    Ok(Some(token))
}

/// Lets kube authenticate a request that goes nowhere and reads what it would have sent.
async fn run(config: &Config) -> Result<Option<Secret>> {
    let plugin = config.auth_info.exec.as_ref().and_then(|exec| exec.command.clone());
    let source = match plugin {
        Some(command) => format!("the credential plugin {command}"),
        None => "the kubeconfig's auth-provider".to_owned(),
    };
    let config = config.clone();
    // Plugins may ask the user and take their time.
    let layer = tokio::task::spawn_blocking(move || config.auth_layer())
        .await
        .context("running a credential plugin")?;
    let layer = layer.map_err(|error| match &error {
        kube::Error::Auth(error) => failed(&source, error),
        _ => anyhow!("{source} could not be used: log in again with oc login"),
    })?;
    let Some(layer) = layer else { return Ok(None) };
    let reader = service_fn(|request: Request<String>| async move {
        Ok::<_, BoxError>(Response::new(request.headers().get(AUTHORIZATION).cloned()))
    });
    let sent = layer.layer(reader).oneshot(Request::new(String::new())).await;
    let sent = sent.map_err(|error| match error.downcast_ref::<AuthError>() {
        Some(error) => failed(&source, error),
        None => anyhow!("{source} could not be used: log in again with oc login"),
    })?;
    Ok(sent.into_body().as_ref().and_then(bearer))
}

fn bearer(header: &HeaderValue) -> Option<Secret> {
    header.to_str().ok()?.strip_prefix("Bearer ").map(Secret::from)
}

/// kube's words for these would quote the plugin's whole command line, environment and output.
fn failed(source: &str, error: &AuthError) -> anyhow::Error {
    let why = match error {
        AuthError::AuthExecStart(error) => format!("could not be started ({})", one_line(&error.to_string())),
        AuthError::AuthExecRun { out, .. } => format!("failed ({})", out.status),
        AuthError::AuthExecParse(_) | AuthError::ExecPluginFailed => "printed no credential".to_owned(),
        _ => "gave no token".to_owned(),
    };
    anyhow!("{source} {why}: run it by hand, or log in again with oc login")
}

#[cfg(test)]
mod tests {
    use kube::config::{AuthInfo, ExecConfig};

    use super::*;

    fn with_plugin(script: &str) -> Config {
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

    const ANSWER: &str = r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"sha256~T","expirationTimestamp":"2100-01-01T00:00:00Z"}}"#;

    #[tokio::test]
    async fn a_plugin_runs_once_and_yields_its_token() {
        let folder = tempfile::tempdir().unwrap();
        let runs = folder.path().join("runs");
        let mut config = with_plugin(&format!("echo x >> {}; echo '{ANSWER}'", runs.display()));
        let token = resolve(&mut config).await.unwrap().unwrap();
        assert_eq!(token.expose_secret(), "sha256~T");
        drop(kube::Client::try_from(config).unwrap());
        assert_eq!(std::fs::read_to_string(runs).unwrap(), "x\n");
    }

    #[tokio::test]
    async fn a_failing_plugin_is_named_and_its_output_is_not_quoted() {
        let error = resolve(&mut with_plugin("echo secret-token; exit 3")).await.unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("the credential plugin sh failed (exit status: 3)"), "{text}");
        assert!(!format!("{error:?}").contains("secret-token"), "{error:?}");
        let garbage = resolve(&mut with_plugin("echo secret-token:")).await.unwrap_err();
        assert!(format!("{garbage:#}").contains("printed no credential"), "{garbage:#}");
        assert!(!format!("{garbage:?}").contains("secret-token"), "{garbage:?}");
    }

    #[tokio::test]
    async fn a_token_file_is_read_without_its_newline() {
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
    async fn a_client_certificate_is_no_token() {
        let mut config = Config::new("https://127.0.0.1:1".parse().unwrap());
        config.auth_info.client_certificate_data = Some("Zm9v".into());
        assert!(resolve(&mut config).await.unwrap().is_none());
    }
}
