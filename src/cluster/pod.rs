//! Access from within a pod without a kubeconfig, as client-go has it: by the mounted service account.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use kube::config::{AuthInfo, Cluster};

/// Folder of the service account in every pod.
const MOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const REMEDY: &str = "log in with oc login, or name a kubeconfig with --kubeconfig FILE";

/// Environment of a pod, which names its API server and service account.
pub(super) struct Pod {
    /// Folder that holds `token` and `ca.crt`.
    mount: PathBuf,
    /// `KUBERNETES_SERVICE_HOST`
    host: Option<String>,
    /// `KUBERNETES_SERVICE_PORT`
    port: Option<String>,
}

impl Pod {
    /// Reads the environment of this process. Outside of pods, the variables are unset.
    pub(super) fn from_env() -> Pod {
        let variable = |name| std::env::var(name).ok();
        Pod::new(MOUNT, variable("KUBERNETES_SERVICE_HOST"), variable("KUBERNETES_SERVICE_PORT"))
    }

    /// Makes a pod whose service account is in the folder `mount`. An empty variable counts as unset.
    pub(super) fn new(mount: impl Into<PathBuf>, host: Option<String>, port: Option<String>) -> Pod {
        let set = |value: Option<String>| value.filter(|value| !value.is_empty());
        Pod { mount: mount.into(), host: set(host), port: set(port) }
    }

    /// Returns the API server and the service account; `None` outside of pods. Needs no `ca.crt` if `has_authority`.
    /// Errors are one line that names what this pod lacks.
    pub(super) fn access(&self, has_authority: bool) -> Result<Option<(Cluster, AuthInfo)>> {
        let (host, port) = match (&self.host, &self.port) {
            (None, None) => return Ok(None),
            (Some(host), Some(port)) => (host, port),
            (None, Some(_)) => bail!("{}", incomplete("KUBERNETES_SERVICE_HOST is not set")),
            (Some(_), None) => bail!("{}", incomplete("KUBERNETES_SERVICE_PORT is not set")),
        };
        let token = self.mount.join("token");
        let text = read(&token, "set automountServiceAccountToken in the pod")?;
        if text.trim_ascii().is_empty() {
            bail!("{}", incomplete(&format!("{} is empty", token.display())));
        }
        let authority = self.mount.join("ca.crt");
        if !has_authority {
            read(&authority, "give one with --certificate-authority FILE")?;
        }
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let cluster = Cluster {
            server: Some(url(host, port)),
            certificate_authority: Some(text(authority)).filter(|_| !has_authority),
            ..Cluster::default()
        };
        // Names the file instead of its text, since the kubelet renews the file before the token expires.
        Ok(Some((cluster, AuthInfo { token_file: Some(text(token)), ..AuthInfo::default() })))
    }
}

/// Joins host and port to a URL, with an IPv6 address in brackets.
fn url(host: &str, port: &str) -> String {
    if host.contains(':') && !host.starts_with('[') {
        return format!("https://[{host}]:{port}");
    }
    format!("https://{host}:{port}")
}

fn read(path: &Path, remedy: &str) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| {
        let why = incomplete(&format!("{} cannot be read ({error})", path.display()));
        anyhow!("{why}, or {remedy}")
    })
}

fn incomplete(why: &str) -> String {
    format!("no kubeconfig, and the service account of this pod is not complete ({why}): {REMEDY}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn pod(mount: &Path, host: &str, port: &str) -> Pod {
        Pod::new(mount, Some(host.to_owned()), Some(port.to_owned()))
    }

    #[test]
    fn a_pod_has_the_service_account_in_its_folder() {
        let mount = mount(&[("token", "T"), ("ca.crt", "C")]);
        let (cluster, user) = pod(mount.path(), "10.0.0.1", "443").access(false).unwrap().unwrap();
        assert_eq!(cluster.server.as_deref(), Some("https://10.0.0.1:443"));
        assert_eq!(cluster.certificate_authority.unwrap(), mount.path().join("ca.crt").to_str().unwrap());
        assert_eq!(user.token_file.unwrap(), mount.path().join("token").to_str().unwrap());
        assert!(user.token.is_none());
    }

    #[test]
    fn ipv6_hosts_stand_in_brackets() {
        for (host, expected) in [
            ("fd00:10::1", "https://[fd00:10::1]:6443"),
            ("[fd00:10::1]", "https://[fd00:10::1]:6443"),
            ("kubernetes.default.svc", "https://kubernetes.default.svc:6443"),
        ] {
            assert_eq!(url(host, "6443"), expected);
        }
    }

    #[test]
    fn outside_of_pods_there_is_no_service_account() {
        let folder = mount(&[("token", "T"), ("ca.crt", "C")]);
        assert!(Pod::new(folder.path(), None, None).access(false).unwrap().is_none());
        assert!(pod(folder.path(), "", "").access(false).unwrap().is_none());
    }

    #[test]
    fn errors_name_the_missing_variable_or_file() {
        let refused = |pod: &Pod| pod.access(false).unwrap_err().to_string();
        let whole = mount(&[("token", "hidden"), ("ca.crt", "C")]);
        for (host, port, expected) in
            [("10.0.0.1", "", "KUBERNETES_SERVICE_PORT is not set"), ("", "443", "_HOST is not set")]
        {
            let message = refused(&pod(whole.path(), host, port));
            assert!(message.contains(expected) && message.contains("--kubeconfig FILE"), "{message}");
        }
        for (files, expected) in [
            (&[("ca.crt", "C")][..], ["token cannot be read (No such file", "automountServiceAccountToken"]),
            (&[("token", " \n"), ("ca.crt", "C")], ["token is empty", "oc login"]),
            (&[("token", "hidden")], ["ca.crt cannot be read (No such file", "--certificate-authority FILE"]),
        ] {
            let mount = mount(files);
            let message = refused(&pod(mount.path(), "10.0.0.1", "443"));
            assert!(expected.iter().all(|words| message.contains(words)), "{message}");
            assert!(!message.contains("hidden"), "{message}");
        }
        let bare = mount(&[("token", "T")]);
        let (cluster, _) = pod(bare.path(), "10.0.0.1", "443").access(true).unwrap().unwrap();
        assert!(cluster.certificate_authority.is_none());
    }
}
