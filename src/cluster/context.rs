//! Cluster of a kubeconfig's context. Its session opens once, when a caller first needs it.

use anyhow::{Result, anyhow, bail};
use tokio::sync::OnceCell;

use super::options::SessionOptions;
use super::session::{Session, kubeconfig_files};
use crate::prometheus::Secret;

/// Cluster of a kubeconfig's context. Its session opens at most once, since an exec credential may prompt the user.
pub struct Cluster {
    pub(super) options: SessionOptions,
    session: OnceCell<Option<Session>>,
}

impl Cluster {
    /// Prepares; reads no file and sends no request.
    pub fn new(options: SessionOptions) -> Cluster {
        Cluster { options, session: OnceCell::new() }
    }

    /// Reads the context's token again, to replace one that a server refused. `None` if no session is open, or the
    /// context has no token. Errors are one line with the remedy, also if the context now names another server.
    pub async fn renewed_token(&self) -> Result<Option<Secret>> {
        let Some(Some(before)) = self.session.get() else { return Ok(None) };
        // Another context may have become the current one.
        let context = self.options.context.as_ref().or(before.context.as_ref()).cloned();
        let now = Session::open(&SessionOptions { context, ..self.options.clone() }).await?;
        match now {
            Some(now) if now.server != before.server => {
                bail!("context \"{}\" now names another server, {}: start again", before.name, now.server)
            }
            now => Ok(now.and_then(|now| now.token)),
        }
    }

    /// Returns the session, and opens it on the first call. `None` if there is neither a kubeconfig nor what replaces
    /// one.
    pub(super) async fn session(&self) -> Result<Option<&Session>> {
        Ok(self.session.get_or_try_init(|| Session::open(&self.options)).await?.as_ref())
    }

    /// Returns the session as `session` does. Errors if there is no kubeconfig.
    pub(super) async fn required_session(&self) -> Result<&Session> {
        self.session().await?.ok_or_else(|| self.no_kubeconfig())
    }

    /// Words the error of a missing kubeconfig.
    pub(super) fn no_kubeconfig(&self) -> anyhow::Error {
        let paths = kubeconfig_files(&self.options).names();
        anyhow!(
            "no kubeconfig ({paths} is not there): log in with oc login, or name one with --kubeconfig FILE"
        )
    }
}
