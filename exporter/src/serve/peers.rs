//! The connections that are open, in classes of at most so many.
//!
//! Joining a full class ends the member whose last request is the longest ago. So a slot costs its holder a request
//! every now and then, and nobody has to judge how fast a peer sends or takes its bytes.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// A class of connections.
pub(super) struct Peers {
    most: usize,
    /// The members, in the order of their last request, or of their arrival if they have made none.
    open: Mutex<Vec<Member>>,
}

/// A connection in a class.
struct Member {
    number: u64,
    /// Ends the connection when it is dropped.
    _end: oneshot::Sender<Infallible>,
}

/// Resolves when a connection has to end, to make room.
pub(super) type Evicted = oneshot::Receiver<Infallible>;

/// One connection's membership, in one class at a time. Dropping it leaves the class.
pub(super) struct Peer {
    /// Number of the connection, which no other has.
    pub(super) number: u64,
    class: Mutex<Arc<Peers>>,
}

impl Peers {
    /// Returns an empty class.
    pub(super) fn new(most: usize) -> Arc<Peers> {
        Arc::new(Peers { most, open: Mutex::default() })
    }

    /// Adds a member as the last. If there is no room, the first one makes it.
    fn add(&self, member: Member) {
        let mut open = self.open();
        if open.len() >= self.most {
            open.remove(0);
        }
        open.push(member);
    }

    fn remove(&self, number: u64) -> Option<Member> {
        let mut open = self.open();
        let index = open.iter().position(|member| member.number == number)?;
        Some(open.remove(index))
    }

    fn open(&self) -> MutexGuard<'_, Vec<Member>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Peer {
    /// Joins a class with a new connection.
    pub(super) fn join(class: &Arc<Peers>, number: u64) -> (Peer, Evicted) {
        let (end, evicted) = oneshot::channel();
        class.add(Member { number, _end: end });
        (Peer { number, class: Mutex::new(Arc::clone(class)) }, evicted)
    }

    /// Notes a request, which makes the connection a member of this class. Does nothing if it has been evicted.
    pub(super) fn asked(&self, class: &Arc<Peers>) {
        let mut own = self.class();
        if let Some(member) = own.remove(self.number) {
            class.add(member);
            *own = Arc::clone(class);
        }
    }

    /// Returns true if the connection has joined this class last.
    pub(super) fn is_of(&self, class: &Arc<Peers>) -> bool {
        Arc::ptr_eq(&self.class(), class)
    }

    fn class(&self) -> MutexGuard<'_, Arc<Peers>> {
        self.class.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Peer {
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

    fn members(class: &Peers) -> Vec<u64> {
        let mut numbers: Vec<u64> = class.open().iter().map(|member| member.number).collect();
        numbers.sort_unstable();
        numbers
    }

    #[test]
    fn a_full_class_ends_the_member_whose_last_request_is_the_longest_ago() {
        let class = Peers::new(3);
        let mut peers: Vec<_> = (0..3).map(|number| Peer::join(&class, number)).collect();
        peers[0].0.asked(&class);
        peers.push(Peer::join(&class, 3));
        assert_eq!(members(&class), [0, 2, 3], "1 came before 2, and 0 has asked since");
        let evicted: Vec<bool> = peers.iter_mut().map(|(_, evicted)| is_evicted(evicted)).collect();
        assert_eq!(evicted, [false, true, false, false]);
        peers[1].0.asked(&class);
        assert_eq!(members(&class), [0, 2, 3], "an evicted peer does not come back");
    }

    #[test]
    fn a_peer_is_in_one_class_until_it_is_dropped() {
        let (strangers, scrapers) = (Peers::new(2), Peers::new(1));
        let (one, mut one_evicted) = Peer::join(&strangers, 1);
        let (other, mut other_evicted) = Peer::join(&strangers, 2);
        assert!(one.is_of(&strangers) && !one.is_of(&scrapers));
        one.asked(&scrapers);
        assert!(one.is_of(&scrapers));
        assert_eq!((members(&strangers), members(&scrapers)), (vec![2], vec![1]));
        one.asked(&scrapers);
        assert!(!is_evicted(&mut one_evicted), "a member takes no second slot");
        other.asked(&scrapers);
        assert_eq!((members(&strangers), members(&scrapers)), (vec![], vec![2]));
        assert!(is_evicted(&mut one_evicted) && !is_evicted(&mut other_evicted));
        drop(one);
        assert_eq!(members(&scrapers), [2]);
        drop(other);
        assert!(members(&scrapers).is_empty());
    }
}
