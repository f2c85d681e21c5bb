//! Users: their rights, tokens and kubeconfigs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::certs::Pair;

/// Somebody who logs in, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// May query, read the Route and the ingress CA's ConfigMap.
    Viewer,
    /// May read the Route and the ingress CA's ConfigMap, but not query.
    Nobody,
    /// May query and read the ingress CA's ConfigMap, but not the Route.
    Blind,
    /// May query and read the Route, but no ConfigMap that holds the ingress CA.
    Stranger,
    /// May query and read the Route, and the ingress CA in `kube-root-ca.crt` alone.
    RootCaReader,
    /// May query and read the Route, and the ingress CA in `oauth-serving-cert` alone.
    LoginCaReader,
    /// Has a token that the cluster does not know.
    WrongToken,
    /// The installer's kubeconfig: a client certificate of `system:masters`, no token.
    Installer,
    /// The viewer, whose kubeconfig has a program print the token.
    ExecPlugin,
    /// A kubeconfig without any credentials.
    NoUser,
}

/// Every login.
pub(crate) const LOGINS: [Login; 10] = [
    Login::Viewer,
    Login::Nobody,
    Login::Blind,
    Login::Stranger,
    Login::RootCaReader,
    Login::LoginCaReader,
    Login::WrongToken,
    Login::Installer,
    Login::ExecPlugin,
    Login::NoUser,
];

/// Token of the door itself, which reviews other tokens.
const DOOR_TOKEN: &str = "sha256~the-door-of-prometheus";

/// Groups of the token file that roles are bound to (objects.rs).
pub(crate) mod group {
    /// May query Prometheus.
    pub(crate) const QUERY: &str = "may-query";
    /// May read the Route.
    pub(crate) const ROUTE: &str = "may-read-route";
    /// May read the ingress CA.
    pub(crate) const CA: &str = "may-read-ingress-ca";
    /// May read the cluster's bundle of authorities.
    pub(crate) const ROOT_CA: &str = "may-read-root-ca";
    /// May read the certificate of the login page.
    pub(crate) const LOGIN_CA: &str = "may-read-login-ca";
    /// May have tokens and rights reviewed.
    pub(crate) const REVIEW: &str = "may-review";
}

impl Login {
    /// The user's name in the cluster, the context's name in the kubeconfig, and the stem of its file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Nobody => "nobody",
            Self::Blind => "blind",
            Self::Stranger => "stranger",
            Self::RootCaReader => "root-ca-reader",
            Self::LoginCaReader => "login-ca-reader",
            Self::WrongToken => "wrong-token",
            Self::Installer => "installer",
            Self::ExecPlugin => "exec-plugin",
            Self::NoUser => "no-user",
        }
    }

    /// The bearer token that this login comes to, if any.
    pub fn token(self) -> Option<&'static str> {
        match self {
            Self::Viewer | Self::ExecPlugin => Some("sha256~the-viewer-has-this-token"),
            Self::Nobody => Some("sha256~nobody-has-this-token"),
            Self::Blind => Some("sha256~the-blind-one-has-this-token"),
            Self::Stranger => Some("sha256~the-stranger-has-this-token"),
            Self::RootCaReader => Some("sha256~the-root-ca-reader-has-this-token"),
            Self::LoginCaReader => Some("sha256~the-login-ca-reader-has-this-token"),
            Self::WrongToken => Some("sha256~this-token-is-unknown"),
            Self::Installer | Self::NoUser => None,
        }
    }

    fn groups(self) -> &'static [&'static str] {
        match self {
            Self::Viewer => &[group::QUERY, group::ROUTE, group::CA],
            Self::Nobody => &[group::ROUTE, group::CA],
            Self::Blind => &[group::QUERY, group::CA],
            Self::Stranger => &[group::QUERY, group::ROUTE],
            Self::RootCaReader => &[group::QUERY, group::ROUTE, group::ROOT_CA],
            Self::LoginCaReader => &[group::QUERY, group::ROUTE, group::LOGIN_CA],
            Self::WrongToken | Self::Installer | Self::ExecPlugin | Self::NoUser => &[],
        }
    }

    /// Returns the path of this login's kubeconfig in a folder. It is JSON, which is YAML.
    pub(crate) fn file(self, directory: &Path) -> PathBuf {
        directory.join(format!("{}.kubeconfig", self.name()))
    }
}

/// The API server's token file: every user that has groups, and the door.
pub(crate) fn token_file(directory: &Path) -> Result<PathBuf> {
    let mut text = format!("{DOOR_TOKEN},door,door,\"{}\"\n", group::REVIEW);
    for login in LOGINS {
        if let (Some(token), [_, ..]) = (login.token(), login.groups()) {
            let name = login.name();
            text += &format!("{token},{name},{name},\"{}\"\n", login.groups().join(","));
        }
    }
    write(directory.join("tokens.csv"), &text)
}

/// Writes every login's kubeconfig.
pub(crate) fn kubeconfigs(directory: &Path, server: &str, ca: &Path, installer: &Pair) -> Result<()> {
    let credential = json!({
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": Login::ExecPlugin.token()},
    });
    let credential = write(directory.join("exec-credential.json"), &credential.to_string())?;
    for login in LOGINS {
        let user = match (login, login.token()) {
            (Login::Installer, _) => {
                json!({"client-certificate": installer.certificate, "client-key": installer.key})
            }
            (Login::ExecPlugin, _) => json!({"exec": {
                "apiVersion": "client.authentication.k8s.io/v1",
                "command": "cat",
                "args": [credential],
                "interactiveMode": "Never",
            }}),
            (_, Some(token)) => json!({"token": token}),
            (_, None) => json!({}),
        };
        write(login.file(directory), &kubeconfig(login.name(), server, ca, &user))?;
    }
    Ok(())
}

/// Writes the kubeconfig that the door reviews with.
pub(crate) fn door_kubeconfig(directory: &Path, server: &str, ca: &Path) -> Result<PathBuf> {
    write(directory.join("door.kubeconfig"), &kubeconfig("door", server, ca, &json!({"token": DOOR_TOKEN})))
}

fn kubeconfig(name: &str, server: &str, ca: &Path, user: &Value) -> String {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": server, "certificate-authority": ca}}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": "test", "user": name, "namespace": "default"}}],
        "current-context": name,
    })
    .to_string()
}

fn write(path: PathBuf, text: &str) -> Result<PathBuf> {
    fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}
