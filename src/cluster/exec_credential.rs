//! Exec credentials: runs the program of a kubeconfig's `exec` with a limit of time and output. Errors never quote it.

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

/// Time limit without a terminal, so without anyone to prompt.
const UNATTENDED: Duration = Duration::from_secs(30);
/// Time limit with a terminal. A login by browser and second factor is slow.
const ATTENDED: Duration = Duration::from_secs(300);
/// Largest output, in bytes. A credential is smaller.
const LARGEST_OUTPUT: u64 = 1 << 20;

/// Credential that the program printed: a token, a client's certificate with its key (PEM), or both.
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

/// Runs the program. Errors are one line that names the program, without anything that it printed.
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
    tokio::time::timeout(limit, fetch(exec, command, attended))
        .await
        .unwrap_or_else(|_| Err(failed(command, &format!("did not answer within {} s", limit.as_secs()))))
}

async fn fetch(exec: &ExecConfig, command: &str, attended: bool) -> Result<Credential> {
    let mut child = prepare(exec, command, attended).spawn().map_err(|error| match &exec.install_hint {
        Some(hint) if error.kind() == io::ErrorKind::NotFound => {
            anyhow!("the credential plugin {command} is not installed: {}", one_line(hint))
        }
        _ => failed(command, &format!("could not be started ({error})")),
    })?;
    let mut printed = Vec::new();
    if let Some(output) = child.stdout.take() {
        let read = output.take(LARGEST_OUTPUT).read_to_end(&mut printed).await;
        read.map_err(|error| failed(command, &format!("could not be read ({error})")))?;
    }
    let status =
        child.wait().await.map_err(|error| failed(command, &format!("could not be waited for ({error})")))?;
    if !status.success() {
        return Err(failed(command, &format!("failed ({status})")));
    }
    // client-go also takes YAML, and some programs rely on it. The parsers' errors would quote the output.
    let json = serde_json::from_slice(&printed).ok();
    let Some(Printed { api_version, mut status }) = json.or_else(|| serde_yaml::from_slice(&printed).ok())
    else {
        return Err(failed(command, "printed no credential"));
    };
    if let (Some(wanted), Some(printed)) = (&exec.api_version, &api_version)
        && wanted != printed
    {
        return Err(failed(command, &format!("answered in another version than the kubeconfig's {wanted}")));
    }
    // Programs in Go print an empty token beside a certificate.
    status.token.take_if(|token| token.expose_secret().is_empty());
    if status.token.is_none()
        && (status.client_certificate_data.is_none() || status.client_key_data.is_none())
    {
        return Err(failed(command, "printed no credential"));
    }
    Ok(status)
}

/// Prepares the command as client-go would run it. The process ends when its handle is dropped.
fn prepare(exec: &ExecConfig, command: &str, attended: bool) -> Command {
    let mut spec = json!({"interactive": attended});
    if let (true, Some(cluster), Some(spec)) =
        (exec.provide_cluster_info, &exec.cluster, spec.as_object_mut())
    {
        spec.insert("cluster".to_owned(), json!(cluster));
    }
    let information = json!({"apiVersion": exec.api_version, "kind": "ExecCredential", "spec": spec});
    let variables =
        exec.env.iter().flatten().filter_map(|pair| Some((pair.get("name")?, pair.get("value")?)));
    let terminal = || if attended { Stdio::inherit() } else { Stdio::null() };
    let mut prepared = Command::new(command);
    prepared
        .args(exec.args.iter().flatten())
        .envs(variables)
        .env("KUBERNETES_EXEC_INFO", information.to_string())
        .stdin(terminal())
        .stdout(Stdio::piped())
        .stderr(terminal())
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
    async fn the_program_gets_client_gos_environment() {
        let mut exec = shell(
            r#"test "$A" = b && echo "$KUBERNETES_EXEC_INFO" | grep -q '"spec":{"interactive":false}' && echo '{"status":{"token":"T"}}'"#,
        );
        exec.env =
            Some(vec![[("name", "A"), ("value", "b")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()]);
        assert!(run(&exec).await.is_ok());
    }

    #[tokio::test]
    async fn errors_name_the_failure_and_quote_nothing() {
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
            // This output is endless, so a reader without a limit would never finish.
            ("exec yes hidden", "failed (signal: 13"),
        ] {
            let message = refused(&shell(script)).await;
            assert!(message.contains(expected), "{script}: {message}");
        }
    }

    #[tokio::test]
    async fn a_missing_program_has_its_install_hint_as_the_remedy() {
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
