//! The connections that are open: at most so many, and what makes room for the next.

use super::pace::Pace;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Connections at a time. A scraper keeps one, a probe opens one for a moment; each costs some 20 KiB with TLS.
const MOST: usize = 64;

/// The open ones, by number.
#[derive(Default)]
pub(super) struct Connections {
    open: Mutex<Open>,
    one_ended: Notify,
}

#[derive(Default)]
struct Open {
    paces: BTreeMap<u64, Arc<Pace>>,
    last: u64,
}

/// A connection's place among them, which it gives back when it ends.
pub(super) struct Place {
    all: Arc<Connections>,
    /// Its number, which no other ever has.
    pub(super) number: u64,
    pub(super) pace: Arc<Pace>,
}

impl Connections {
    /// A place for a new connection. Where there is none, the one that is idle for the longest is closed; only while
    /// all wait for their answer does this wait too.
    pub(super) async fn naming(self: &Arc<Connections>) -> Place {
        loop {
            if let Some(naming) = self.find() {
                return naming;
            }
            self.one_ended.notified().await;
        }
    }

    fn find(self: &Arc<Connections>) -> Option<Place> {
        let mut open = self.open();
        if open.paces.len() >= MOST {
            let ranks = open.paces.iter().filter_map(|(number, pace)| Some((pace.rank()?, *number)));
            let (_, first) = ranks.min()?;
            if let Some(pace) = open.paces.remove(&first) {
                pace.break_off();
            }
        }
        open.last += 1;
        let (number, pace) = (open.last, Arc::new(Pace::new()));
        open.paces.insert(number, Arc::clone(&pace));
        Some(Place { all: Arc::clone(self), number, pace })
    }

    /// Closes all that are open now, each after its answer if it has asked.
    pub(super) fn close(&self) {
        self.open().paces.values().for_each(|pace| pace.close());
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.all.open().paces.remove(&self.number);
        self.all.one_ended.notify_one();
    }
}
