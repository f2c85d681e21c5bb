//! Context, cluster and user by kubectl's rules: the flags choose them among a kubeconfig's entries, and change them.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use kube::config::{AuthInfo, Cluster};

use super::entry::{Entry, Names};
use super::files::Filed;
use super::options::SessionOptions;

/// Entries to use, already changed by the flags.
#[derive(Debug)]
pub(super) struct Chosen {
    /// Context's name; empty if no context was used.
    pub(super) context: String,
    /// Cluster in the files.
    pub(super) filed_cluster: Cluster,
    /// Cluster after the flags' changes.
    pub(super) cluster: Cluster,
    pub(super) user: AuthInfo,
}

/// Chooses context, cluster and user, and applies the flags to them by kubectl's rules. Parses these three entries
/// only. Errors name what is missing, and in which files.
pub(super) fn choose(filed: &Filed, names: &str, options: &SessionOptions) -> Result<Chosen> {
    let within = || format!("kubeconfig {names}");
    let context = options.context.as_ref().unwrap_or(&filed.current_context);
    let mut leads = match first_named(&filed.contexts, context) {
        Some(found) => found.context().with_context(within)?,
        None if !context.is_empty() => {
            bail!(
                "no context \"{context}\" in kubeconfig {names}: oc config get-contexts lists those there are"
            )
        }
        None if options.server.is_none() && options.cluster.is_none() => {
            bail!(
                "kubeconfig {names} has no current context: choose one with --context, or log in with oc login"
            )
        }
        None => Names::default(),
    };
    if let Some(name) = &options.cluster {
        leads.cluster.clone_from(name);
    }
    if let Some(name) = &options.user {
        leads.user.clone_from(name);
    }
    let Names { cluster, user } = leads;
    let filed_cluster = match first_named(&filed.clusters, &cluster) {
        Some(found) => found.cluster().with_context(within)?,
        None if options.server.is_some() && options.cluster.is_none() => Cluster::default(),
        None if cluster.is_empty() => {
            bail!(
                "context \"{context}\" in kubeconfig {names} has no cluster: choose one with --cluster NAME"
            )
        }
        None => {
            bail!(
                "no cluster \"{cluster}\" in kubeconfig {names}: oc config get-clusters lists those there are"
            )
        }
    };
    let filed_user = match first_named(&filed.users, &user) {
        Some(found) => found.user().with_context(within)?,
        // kubectl would go on without credentials, which hides the mistake.
        None if !user.is_empty() && (options.user.is_some() || options.token.is_none()) => {
            bail!("no user \"{user}\" in kubeconfig {names}: oc config get-users lists those there are")
        }
        None => AuthInfo::default(),
    };
    apply_flags(context.clone(), filed_cluster, filed_user, options)
}

/// Applies the flags to a cluster and a user by kubectl's rules. Errors if they contradict each other or the
/// kubeconfig.
pub(super) fn apply_flags(
    context: String,
    filed_cluster: Cluster,
    mut user: AuthInfo,
    options: &SessionOptions,
) -> Result<Chosen> {
    let mut cluster = filed_cluster.clone();
    change_cluster(&mut cluster, options)?;
    change_user(&mut user, options)?;
    reject_duplicates(&cluster, &user)?;
    Ok(Chosen { context, filed_cluster, cluster, user })
}

/// Returns the first entry of this name, since the first of several files wins.
fn first_named<'a>(entries: &'a [Entry], name: &str) -> Option<&'a Entry> {
    entries.iter().find(|entry| entry.name == name)
}

/// Rejects a kubeconfig that both holds and names a certificate or a key. kubectl does not choose between the two
/// either.
fn reject_duplicates(cluster: &Cluster, user: &AuthInfo) -> Result<()> {
    for (name, both) in [
        (
            "certificate-authority",
            cluster.certificate_authority.is_some() && cluster.certificate_authority_data.is_some(),
        ),
        ("client-certificate", user.client_certificate.is_some() && user.client_certificate_data.is_some()),
        ("client-key", user.client_key.is_some() && user.client_key_data.is_some()),
    ] {
        if both {
            bail!("{name} and {name}-data exclude each other: take one out of the kubeconfig");
        }
    }
    Ok(())
}

fn change_cluster(cluster: &mut Cluster, options: &SessionOptions) -> Result<()> {
    if let Some(server) = &options.server {
        cluster.server = Some(server.clone());
    }
    // The file's name belongs to another server, so --server drops it.
    if options.server.is_some() || options.tls_server_name.is_some() {
        cluster.tls_server_name.clone_from(&options.tls_server_name);
    }
    if options.insecure_skip_tls_verify || options.certificate_authority.is_some() {
        cluster.insecure_skip_tls_verify = Some(options.insecure_skip_tls_verify);
        cluster.certificate_authority_data = None;
        cluster.certificate_authority =
            options.certificate_authority.as_ref().map(|path| path.to_string_lossy().into_owned());
    }
    let has_authority =
        cluster.certificate_authority.is_some() || cluster.certificate_authority_data.is_some();
    if cluster.insecure_skip_tls_verify == Some(true) && has_authority {
        bail!("a certificate authority and insecure-skip-tls-verify exclude each other: leave one out");
    }
    Ok(())
}

fn change_user(user: &mut AuthInfo, options: &SessionOptions) -> Result<()> {
    if let Some(token) = &options.token {
        user.token = Some(token.clone());
        user.token_file = None;
        user.username = None;
        user.password = None;
        user.exec = None;
        user.auth_provider = None;
    }
    if let Some(name) = &options.impersonate_user {
        user.impersonate = Some(name.clone());
    }
    if let Some(uid) = &options.impersonate_uid {
        user.impersonate_uid = Some(uid.clone());
    }
    if !options.impersonate_groups.is_empty() {
        user.impersonate_groups = Some(options.impersonate_groups.clone());
    }
    if user.impersonate.is_none() {
        if user.impersonate_groups.is_some() {
            bail!("--as-group needs --as: add --as USER");
        }
        if user.impersonate_uid.is_some() {
            bail!("--as-uid needs --as: add --as USER");
        }
        if user.impersonate_user_extra.is_some() {
            bail!("the kubeconfig's as-user-extra needs as: add --as USER");
        }
    }
    change_certificate(user, options)?;
    // An empty password is valid, and kube needs both.
    if user.username.is_some() && user.token.is_none() && user.token_file.is_none() && user.exec.is_none() {
        user.password.get_or_insert_default();
    }
    Ok(())
}

/// Applies the flags for the certificate and its key. Errors if a flag sets one of them and the other is missing.
fn change_certificate(user: &mut AuthInfo, options: &SessionOptions) -> Result<()> {
    let text = |path: &PathBuf| Some(path.to_string_lossy().into_owned());
    if let Some(path) = &options.client_certificate {
        user.client_certificate = text(path);
        user.client_certificate_data = None;
    }
    if let Some(path) = &options.client_key {
        user.client_key = text(path);
        user.client_key_data = None;
    }
    let has_certificate = user.client_certificate.is_some() || user.client_certificate_data.is_some();
    let has_key = user.client_key.is_some() || user.client_key_data.is_some();
    if options.client_certificate.is_some() && !has_key {
        bail!("--client-certificate needs its key: add --client-key FILE");
    }
    if options.client_key.is_some() && !has_certificate {
        bail!("--client-key needs its certificate: add --client-certificate FILE");
    }
    // kubectl ignores a key without a certificate.
    if !has_certificate {
        (user.client_key, user.client_key_data) = (None, None);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
