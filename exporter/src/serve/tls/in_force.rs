//! Certificates in force, which follow their files.

use super::{Files, Tls};
use crate::serve::reload::Reloaded;
use anyhow::{Context, Result};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::watch;

/// TLS by its files, or plain HTTP without any.
pub(in crate::serve) struct Certificates {
    files: Option<Mutex<Reloaded<Tls>>>,
    in_force: watch::Sender<Option<Arc<Tls>>>,
}

impl Certificates {
    /// Reads the files. Errors if they are missing, damaged, or do not belong together.
    pub(in crate::serve) fn open(files: Option<&Files>) -> Result<Certificates> {
        let Some(files) = files else {
            return Ok(Certificates { files: None, in_force: watch::Sender::new(None) });
        };
        let (paths, read) = (files.paths(), files.clone());
        let files = Reloaded::open(paths, move || Tls::read(&read)).context("cannot serve TLS")?;
        let in_force = watch::Sender::new(Some(Arc::clone(files.value())));
        Ok(Certificates { files: Some(Mutex::new(files)), in_force })
    }

    /// Puts the files in force if they have changed. Connections learn it by [`Certificates::subscribe`].
    pub(in crate::serve) fn renew(&self, say: fn(&str)) {
        let Some(files) = &self.files else { return };
        let mut files = files.lock().unwrap_or_else(PoisonError::into_inner);
        match files.renew(Instant::now()) {
            Ok(false) => {}
            Ok(true) => {
                self.in_force.send_replace(Some(Arc::clone(files.value())));
                say("the files of TLS have changed and are in force");
            }
            Err(error) => {
                say(&format!("the files of TLS have changed, and those of before stay in force: {error:#}"));
            }
        }
    }

    /// Returns the TLS in force, and notifies of its replacement. `None` in it is plain HTTP.
    pub(in crate::serve) fn subscribe(&self) -> watch::Receiver<Option<Arc<Tls>>> {
        self.in_force.subscribe()
    }

    /// Returns true if the files as they are now could be read. `None` if there are none.
    pub(in crate::serve) fn are_good(&self) -> Option<bool> {
        let files = self.files.as_ref()?;
        Some(files.lock().unwrap_or_else(PoisonError::into_inner).is_good())
    }
}
