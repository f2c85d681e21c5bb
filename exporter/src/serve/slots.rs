//! Slots of connections, in classes that each have a limited number.
//!
//! Joining a full class ends the holder whose last request is the longest ago. So a slot costs its holder a request
//! every now and then, and nobody has to judge how fast a peer sends or takes its bytes.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// The slots of a class of connections.
pub(super) struct Slots {
    most: usize,
    /// The holders, in the order of their last request, or of their arrival if they have made none.
    open: Mutex<Vec<Holder>>,
}

/// A connection that has a slot.
struct Holder {
    number: u64,
    /// Ends the connection when it is dropped.
    _end: oneshot::Sender<Infallible>,
}

/// Resolves when a connection has to end, to make room.
pub(super) type Evicted = oneshot::Receiver<Infallible>;

/// One connection's slot, in one class at a time. Dropping it frees the slot.
pub(super) struct Slot {
    /// Number of the connection, which no other has.
    pub(super) number: u64,
    class: Mutex<Arc<Slots>>,
}

impl Slots {
    /// Returns a class without connections.
    pub(super) fn new(most: usize) -> Arc<Slots> {
        Arc::new(Slots { most, open: Mutex::default() })
    }

    /// Adds a holder as the last. If there is no room, the first one makes it.
    fn add(&self, holder: Holder) {
        let mut open = self.open();
        if open.len() >= self.most {
            open.remove(0);
        }
        open.push(holder);
    }

    fn remove(&self, number: u64) -> Option<Holder> {
        let mut open = self.open();
        let index = open.iter().position(|holder| holder.number == number)?;
        Some(open.remove(index))
    }

    fn open(&self) -> MutexGuard<'_, Vec<Holder>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Gives a slot to a new connection.
    pub(super) fn join(class: &Arc<Slots>, number: u64) -> (Slot, Evicted) {
        let (end, evicted) = oneshot::channel();
        class.add(Holder { number, _end: end });
        (Slot { number, class: Mutex::new(Arc::clone(class)) }, evicted)
    }

    /// Notes a request, which moves the connection to a slot of this class. Does nothing if it has been evicted.
    pub(super) fn requested(&self, class: &Arc<Slots>) {
        let mut own = self.class();
        if let Some(holder) = own.remove(self.number) {
            class.add(holder);
            *own = Arc::clone(class);
        }
    }

    /// Returns true if the connection has joined this class last.
    pub(super) fn is_of(&self, class: &Arc<Slots>) -> bool {
        Arc::ptr_eq(&self.class(), class)
    }

    fn class(&self) -> MutexGuard<'_, Arc<Slots>> {
        self.class.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.class().remove(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_evicted(evicted: &mut Evicted) -> bool {
        matches!(evicted.try_recv(), Err(oneshot::error::TryRecvError::Closed))
    }

    fn holders(class: &Slots) -> Vec<u64> {
        let mut numbers: Vec<u64> = class.open().iter().map(|holder| holder.number).collect();
        numbers.sort_unstable();
        numbers
    }

    #[test]
    fn a_full_class_ends_the_member_whose_last_request_is_the_longest_ago() {
        let class = Slots::new(3);
        let mut slots: Vec<_> = (0..3).map(|number| Slot::join(&class, number)).collect();
        slots[0].0.requested(&class);
        slots.push(Slot::join(&class, 3));
        assert_eq!(holders(&class), [0, 2, 3], "1 came before 2, and 0 has made a request since");
        let evicted: Vec<bool> = slots.iter_mut().map(|(_, evicted)| is_evicted(evicted)).collect();
        assert_eq!(evicted, [false, true, false, false]);
        slots[1].0.requested(&class);
        assert_eq!(holders(&class), [0, 2, 3], "an evicted connection does not come back");
    }

    #[test]
    fn a_connection_has_one_slot_until_it_is_dropped() {
        let (strangers, scrapers) = (Slots::new(2), Slots::new(1));
        let (one, mut one_evicted) = Slot::join(&strangers, 1);
        let (other, mut other_evicted) = Slot::join(&strangers, 2);
        assert!(one.is_of(&strangers) && !one.is_of(&scrapers));
        one.requested(&scrapers);
        assert!(one.is_of(&scrapers));
        assert_eq!((holders(&strangers), holders(&scrapers)), (vec![2], vec![1]));
        one.requested(&scrapers);
        assert!(!is_evicted(&mut one_evicted), "a connection takes no second slot");
        other.requested(&scrapers);
        assert_eq!((holders(&strangers), holders(&scrapers)), (vec![], vec![2]));
        assert!(is_evicted(&mut one_evicted) && !is_evicted(&mut other_evicted));
        drop(one);
        assert_eq!(holders(&scrapers), [2]);
        drop(other);
        assert!(holders(&scrapers).is_empty());
    }
}
