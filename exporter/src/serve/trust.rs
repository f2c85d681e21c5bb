//! The TLS that is in force, which follows its files.

use super::reload::Watched;
use super::tls::{Files, Tls};
use anyhow::{Context, Result};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// TLS as the files say; none: plain HTTP.
pub(super) struct Trust(Option<Mutex<Watched<Tls>>>);

impl Trust {
    /// Fails when the files are missing, damaged, or do not belong together.
    pub(super) fn open(files: Option<&Files>) -> Result<Trust> {
        let Some(files) = files else { return Ok(Trust(None)) };
        let (paths, read) = (files.paths(), files.clone());
        let watched = Watched::open(paths, move || Tls::read(&read)).context("cannot serve TLS")?;
        Ok(Trust(Some(Mutex::new(watched))))
    }

    /// Looks at the files; true: another certificate or CA is in force now.
    pub(super) fn look(&self, say: fn(&str)) -> bool {
        let Some(mut watched) = self.watched() else { return false };
        match watched.look(Instant::now()) {
            Ok(false) => false,
            Ok(true) => {
                say("the files of TLS have changed and are in force");
                true
            }
            Err(error) => {
                say(&format!("the files of TLS have changed, and those of before stay in force: {error:#}"));
                false
            }
        }
    }

    /// What is in force.
    pub(super) fn now(&self) -> Option<Arc<Tls>> {
        self.watched().map(|watched| Arc::clone(watched.value()))
    }

    /// Whether the files as they are now could be read; none without TLS.
    pub(super) fn is_good(&self) -> Option<bool> {
        self.watched().map(|watched| watched.is_good())
    }

    fn watched(&self) -> Option<MutexGuard<'_, Watched<Tls>>> {
        self.0.as_ref().map(|watched| watched.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
