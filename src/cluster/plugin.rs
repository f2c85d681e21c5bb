//! Credential plugins (a kubeconfig's `exec`): run once, with a limit of time and of output, and never quoted.

use std::io::{self, IsTerminal as _};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use kube::config::{ExecConfig, ExecInteractiveMode};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use crate::prometheus::Secret;
use crate::prometheus::failure::one_line;

/// Where nobody can be asked anything.
const UNATTENDED: Duration = Duration::from_secs(30);
/// Where somebody can: a login by browser and second factor takes its time.
const ATTENDED: Duration = Duration::from_secs(300);
/// Above this many bytes it is no credential.
const LONGEST: u64 = 1 << 20;

/// What a plugin printed: a token, or a client's certificate with its key (PEM), or both.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Credential {
    pub(super) token: Option<Secret>,
    pub(super) client_certificate_data: Option<String>,
    pub(super) client_key_data: Option<Secret>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Printed {
    api_version: Option<String>,
    status: Credential,
}

/// Runs the plugin. Errors: one line that names it, without anything that it printed.
pub(super) async fn run(exec: &ExecConfig) -> Result<Credential> {
    let Some(command) = exec.command.as_deref().filter(|command| !command.is_empty()) else {
        bail!(
            "its credential plugin (exec) names no command: correct the kubeconfig, or log in again with oc login"
        )
    };
    let attended = exec.interactive_mode != Some(ExecInteractiveMode::Never) && io::stdin().is_terminal();
    if exec.interactive_mode == Some(ExecInteractiveMode::Always) && !attended {
        return Err(failed(command, "wants to ask somebody, and standard input is no terminal"));
    }
    let limit = if attended { ATTENDED } else { UNATTENDED };
    tokio::time::timeout(limit, credential(exec, command, attended))
        .await
        .unwrap_or_else(|_| Err(failed(command, &format!("did not answer within {} s", limit.as_secs()))))
}

async fn credential(exec: &ExecConfig, command: &str, attended: bool) -> Result<Credential> {
    let mut child = prepared(exec, command, attended).spawn().map_err(|error| match &exec.install_hint {
        Some(hint) if error.kind() == io::ErrorKind::NotFound => {
            anyhow!("the credential plugin {command} is not installed: {}", one_line(hint))
        }
        _ => failed(command, &format!("could not be started ({error})")),
    })?;
    let mut printed = Vec::new();
    if let Some(output) = child.stdout.take() {
        let read = output.take(LONGEST).read_to_end(&mut printed).await;
        read.map_err(|error| failed(command, &format!("could not be read ({error})")))?;
    }
    let status =
        child.wait().await.map_err(|error| failed(command, &format!("could not be waited for ({error})")))?;
    if !status.success() {
        return Err(failed(command, &format!("failed ({status})")));
    }
    // JSON it should be; client-go takes YAML too, and some plugins rely on it. No parser's word: it would quote.
    let json = serde_json::from_slice(&printed).ok();
    let Some(Printed { api_version, mut status }) = json.or_else(|| serde_yaml::from_slice(&printed).ok())
    else {
        return Err(failed(command, "printed no credential"));
    };
    if let (Some(asked), Some(printed)) = (&exec.api_version, &api_version)
        && asked != printed
    {
        return Err(failed(command, &format!("answered in another version than the kubeconfig's {asked}")));
    }
    // Go's plugins print an empty one beside a certificate.
    status.token.take_if(|token| token.expose_secret().is_empty());
    if status.token.is_none()
        && (status.client_certificate_data.is_none() || status.client_key_data.is_none())
    {
        return Err(failed(command, "printed no credential"));
    }
    Ok(status)
}

/// The command as client-go would run it. It ends with the wait for it.
fn prepared(exec: &ExecConfig, command: &str, attended: bool) -> Command {
    let mut spec = json!({"interactive": attended});
    if let (true, Some(cluster), Some(spec)) =
        (exec.provide_cluster_info, &exec.cluster, spec.as_object_mut())
    {
        spec.insert("cluster".to_owned(), json!(cluster));
    }
    let information = json!({"apiVersion": exec.api_version, "kind": "ExecCredential", "spec": spec});
    let variables =
        exec.env.iter().flatten().filter_map(|pair| Some((pair.get("name")?, pair.get("value")?)));
    let person = || if attended { Stdio::inherit() } else { Stdio::null() };
    let mut prepared = Command::new(command);
    prepared
        .args(exec.args.iter().flatten())
        .envs(variables)
        .env("KUBERNETES_EXEC_INFO", information.to_string())
        .stdin(person())
        .stdout(Stdio::piped())
        .stderr(person())
        .kill_on_drop(true);
    prepared
}

fn failed(command: &str, why: &str) -> anyhow::Error {
    anyhow!("the credential plugin {command} {why}: run it by hand, or log in again with oc login")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> ExecConfig {
        ExecConfig {
            api_version: Some("client.authentication.k8s.io/v1".into()),
            command: Some("sh".into()),
            args: Some(vec!["-c".into(), script.into()]),
            interactive_mode: Some(ExecInteractiveMode::Never),
            ..ExecConfig::default()
        }
    }

    async fn refused(exec: &ExecConfig) -> String {
        let error = run(exec).await.err().unwrap();
        assert!(!format!("{error:?}").contains("hidden"), "{error:?}");
        format!("{error:#}")
    }

    #[tokio::test]
    async fn json_and_yaml_are_credentials() {
        for script in [
            r#"echo '{"kind":"ExecCredential","status":{"token":"sha256~T","expirationTimestamp":"2100-01-01T00:00:00Z"}}'"#,
            "echo 'kind: ExecCredential'; echo 'status: {token: sha256~T}'",
            r#"printf '{\n\t"status": {"token": "sha256~T"}\n}'"#,
        ] {
            assert_eq!(
                run(&shell(script)).await.unwrap().token.unwrap().expose_secret(),
                "sha256~T",
                "{script}"
            );
        }
        for token in ["", r#""token":"","#] {
            let pair = r#""clientCertificateData":"C","clientKeyData":"K""#;
            let certificate = shell(&format!(r#"echo '{{"status":{{{token}{pair}}}}}'"#));
            let certificate = run(&certificate).await.unwrap();
            assert!(
                certificate.token.is_none() && certificate.client_certificate_data.as_deref() == Some("C")
            );
        }
    }

    #[tokio::test]
    async fn what_it_is_told_is_client_gos() {
        let mut exec = shell(
            r#"test "$A" = b && echo "$KUBERNETES_EXEC_INFO" | grep -q '"spec":{"interactive":false}' && echo '{"status":{"token":"T"}}'"#,
        );
        exec.env =
            Some(vec![[("name", "A"), ("value", "b")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()]);
        assert!(run(&exec).await.is_ok());
    }

    #[tokio::test]
    async fn each_failure_is_named_and_nothing_quoted() {
        for (script, expected) in [
            ("echo hidden; exit 3", "the credential plugin sh failed (exit status: 3): run it by hand"),
            ("kill -9 $$", "signal: 9"),
            ("echo hidden:", "printed no credential"),
            ("echo '\"hidden'", "printed no credential"),
            (r#"echo '{"status":{"token":["hidden"]}}'"#, "printed no credential"),
            (r#"echo '{"status":{"clientCertificateData":"hidden"}}'"#, "printed no credential"),
            ("true", "printed no credential"),
            (
                r#"echo '{"apiVersion":"client.authentication.k8s.io/v1beta1","status":{"token":"hidden"}}'"#,
                "answered in another version than the kubeconfig's client.authentication.k8s.io/v1",
            ),
            // Endless: whoever reads it whole never comes to an end.
            ("exec yes hidden", "failed (signal: 13"),
        ] {
            let message = refused(&shell(script)).await;
            assert!(message.contains(expected), "{script}: {message}");
        }
    }

    #[tokio::test]
    async fn one_that_is_not_there_says_how_to_get_it() {
        let mut exec = ExecConfig { command: Some("/nonexistent/plugin".into()), ..ExecConfig::default() };
        assert!(
            refused(&exec).await.contains("plugin /nonexistent/plugin could not be started (No such file")
        );
        exec.install_hint = Some("brew install\nplugin".into());
        assert!(refused(&exec).await.ends_with("is not installed: brew install plugin"));
        exec.interactive_mode = Some(ExecInteractiveMode::Always);
        assert!(refused(&exec).await.contains("standard input is no terminal"));
    }
}
