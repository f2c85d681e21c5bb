//! A kubeconfig's entries by kubectl's rules: which of them the flags choose, and how they change them.

use anyhow::{Result, bail};
use kube::config::{AuthInfo, Cluster, Kubeconfig};
use secrecy::ExposeSecret as _;

use super::SessionOptions;

/// The entries of the files that are in force, the flags already put in.
#[derive(Debug)]
pub(super) struct Chosen {
    /// The context's name; empty when the flags alone say everything.
    pub(super) context: String,
    /// The cluster as the files have it.
    pub(super) filed_cluster: Cluster,
    /// The cluster as the flags change it.
    pub(super) cluster: Cluster,
    pub(super) user: AuthInfo,
}

/// Picks context, cluster and user, and lets the flags change them with kubectl's meaning. Errors name what is missing
/// in which files.
pub(super) fn choose(files: Kubeconfig, names: &str, options: &SessionOptions) -> Result<Chosen> {
    let context = options.context.clone().or(files.current_context).unwrap_or_default();
    let named = files.contexts.into_iter().find(|named| named.name == context);
    let (mut cluster_name, mut user_name) = match named.and_then(|named| named.context) {
        Some(found) => (found.cluster, found.user.unwrap_or_default()),
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
        None => (String::new(), String::new()),
    };
    if let Some(name) = &options.cluster {
        cluster_name.clone_from(name);
    }
    if let Some(name) = &options.user {
        user_name.clone_from(name);
    }
    let found =
        files.clusters.into_iter().find(|named| named.name == cluster_name).and_then(|named| named.cluster);
    let filed_cluster = match found {
        Some(cluster) => cluster,
        None if options.server.is_some() && options.cluster.is_none() => Cluster::default(),
        None => bail!(
            "no cluster \"{cluster_name}\" in kubeconfig {names}: oc config get-clusters lists those there are"
        ),
    };
    let found =
        files.auth_infos.into_iter().find(|named| named.name == user_name).and_then(|named| named.auth_info);
    // kubectl goes on as nobody where a context names a user that is not there; that only hides the mistake.
    if found.is_none() && !user_name.is_empty() && (options.user.is_some() || options.token.is_none()) {
        bail!("no user \"{user_name}\" in kubeconfig {names}: oc config get-users lists those there are");
    }
    let mut chosen =
        Chosen { context, cluster: filed_cluster.clone(), filed_cluster, user: found.unwrap_or_default() };
    change_cluster(&mut chosen.cluster, options)?;
    change_user(&mut chosen.user, options)?;
    Ok(chosen)
}

fn change_cluster(cluster: &mut Cluster, options: &SessionOptions) -> Result<()> {
    if let Some(server) = &options.server {
        cluster.server = Some(server.clone());
    }
    // Another server's name is not this one's, so --server drops the file's.
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
    user.token = user.token.take().filter(|token| !token.expose_secret().is_empty());
    user.token_file = user.token_file.take().filter(|path| !path.is_empty());
    if let Some(name) = &options.impersonate_user {
        user.impersonate = Some(name.clone());
    }
    if !options.impersonate_groups.is_empty() {
        user.impersonate_groups = Some(options.impersonate_groups.clone());
    }
    if user.impersonate.is_none() && user.impersonate_groups.as_ref().is_some_and(|groups| !groups.is_empty())
    {
        bail!("--as-group says whose groups only together with --as: add --as USER");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::files::Files;
    use super::*;
    use crate::prometheus::Secret;

    const FIRST: &str = "{current-context: '', clusters: [{name: c, cluster: {server: 'https://first', certificate-authority-data: Zm9v, tls-server-name: inner}}]}";
    const SECOND: &str = "{current-context: two, clusters: [{name: c, cluster: {server: 'https://second'}}, {name: d, cluster: {server: 'https://other'}}],
        contexts: [{name: two, context: {cluster: c, user: u}}], users: [{name: u, user: {exec: {command: plugin}}}, {name: v, user: {token: V}}]}";

    fn both() -> Kubeconfig {
        let folder = tempfile::tempdir().unwrap();
        let [first, gone, second] = ["1", "gone", "2"].map(|name| folder.path().join(name));
        std::fs::write(&first, FIRST).unwrap();
        std::fs::write(&second, SECOND).unwrap();
        let paths = std::env::join_paths([first, gone, second]).unwrap();
        Files::of(None, Some(&paths), None).read().unwrap().unwrap()
    }

    #[test]
    fn files_are_merged_and_the_first_wins() {
        let chosen = choose(both(), "f", &SessionOptions::default()).unwrap();
        assert_eq!(chosen.context, "two");
        assert_eq!(chosen.cluster.server.as_deref(), Some("https://first"));
        assert_eq!(chosen.user.exec.unwrap().command.as_deref(), Some("plugin"));
    }

    #[test]
    fn flags_change_the_cluster_as_kubectls_do() {
        let with = |change: fn(&mut SessionOptions)| {
            let mut options = SessionOptions::default();
            change(&mut options);
            choose(both(), "f", &options)
        };
        let server = with(|o| o.server = Some("https://flag".into())).unwrap().cluster;
        assert_eq!((server.server.as_deref(), server.tls_server_name), (Some("https://flag"), None));
        let authority = with(|o| o.certificate_authority = Some("/ca".into())).unwrap();
        assert_eq!(authority.cluster.certificate_authority.as_deref(), Some("/ca"));
        assert_eq!(authority.cluster.certificate_authority_data, None);
        assert!(authority.filed_cluster.certificate_authority_data.is_some());
        let insecure = with(|o| o.insecure_skip_tls_verify = true).unwrap().cluster;
        assert_eq!(
            (insecure.insecure_skip_tls_verify, insecure.certificate_authority_data),
            (Some(true), None)
        );
        let other = with(|o| o.cluster = Some("d".into())).unwrap().cluster;
        assert_eq!(other.server.as_deref(), Some("https://other"));
        let both =
            with(|o| (o.insecure_skip_tls_verify, o.certificate_authority) = (true, Some("/ca".into())));
        assert!(both.unwrap_err().to_string().contains("exclude each other"));
    }

    #[test]
    fn flags_change_the_user_as_kubectls_do() {
        let options = SessionOptions { token: Some(Secret::from("T")), ..SessionOptions::default() };
        let user = choose(both(), "f", &options).unwrap().user;
        assert!(user.exec.is_none() && user.token.is_some());
        let options = SessionOptions {
            user: Some("v".into()),
            impersonate_user: Some("w".into()),
            ..SessionOptions::default()
        };
        let user = choose(both(), "f", &options).unwrap().user;
        assert_eq!((user.token.unwrap().expose_secret(), user.impersonate.as_deref()), ("V", Some("w")));
        let options = SessionOptions { impersonate_groups: vec!["g".into()], ..SessionOptions::default() };
        assert!(choose(both(), "f", &options).unwrap_err().to_string().contains("add --as USER"));
    }

    #[test]
    fn what_is_not_there_is_named() {
        let named = |name: &str| Some(name.to_owned());
        for (options, expected) in [
            (
                SessionOptions { context: named("x"), ..SessionOptions::default() },
                "no context \"x\" in kubeconfig f:",
            ),
            (
                SessionOptions { cluster: named("x"), ..SessionOptions::default() },
                "no cluster \"x\" in kubeconfig f:",
            ),
            (
                SessionOptions { user: named("x"), ..SessionOptions::default() },
                "no user \"x\" in kubeconfig f:",
            ),
        ] {
            let message = choose(both(), "f", &options).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
        let message = choose(Kubeconfig::default(), "f", &SessionOptions::default()).unwrap_err().to_string();
        assert!(message.starts_with("kubeconfig f has no current context"), "{message}");
    }
}
