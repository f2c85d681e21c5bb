//! The pace that is expected of a connection: how long it may take to open, to ask, to be answered, and be idle.
//!
//! hyper has one timeout for a request's head, which counts the idle time before it, and none for a client that takes
//! its answer a byte at a time. So what is around hyper tells what happens: the first byte of a request, and
//! that an answer has been written to its end.

use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// From the connection to the first byte of a request, the TLS handshake included.
const OPENING: Duration = Duration::from_secs(10);
/// From the first byte of a request to the end of its head.
const ASKING: Duration = Duration::from_secs(10);
/// From there to the last byte of the answer, the reading of the node included.
const ANSWERING: Duration = Duration::from_secs(30);
/// Between two requests: as Prometheus keeps its connections, and longer than people scrape.
const IDLE: Duration = Duration::from_secs(300);

/// How far a connection is, and until when it may be.
pub(super) struct Pace(Mutex<State>);

struct State {
    phase: Phase,
    since: Instant,
    /// Whether it has been answered before.
    served: bool,
    closing: bool,
    /// What is to be done once the answer has been written.
    then: Option<Box<dyn FnOnce() + Send>>,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Opening,
    Asking,
    /// The answer is being made.
    Answering,
    /// The answer is on its way: all of it is in hyper's hands.
    Writing,
    Idle,
}

/// Which connection is closed first to make room: the smaller.
pub(super) type Rank = (u8, Instant);

impl Pace {
    pub(super) fn new() -> Pace {
        let (phase, since) = (Phase::Opening, Instant::now());
        Pace(Mutex::new(State { phase, since, served: false, closing: false, then: None, waker: None }))
    }

    /// Runs a connection to its end, or until it is too slow or to be closed.
    pub(super) async fn keep(&self, connection: impl Future<Output = ()>) {
        let (mut connection, mut sleep) = (pin!(connection), pin!(sleep_until(Instant::now() + OPENING)));
        // The phase changes while the connection is polled, and with it the time that is left.
        std::future::poll_fn(|context| {
            if connection.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            let Some(by) = self.by(context) else { return Poll::Ready(()) };
            if sleep.deadline() != by {
                sleep.as_mut().reset(by);
            }
            sleep.as_mut().poll(context)
        })
        .await;
    }

    /// Until when the phase may last; none: the connection is to be closed now.
    fn by(&self, context: &Context) -> Option<Instant> {
        let mut state = self.state();
        if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            state.waker = Some(context.waker().clone());
        }
        let answered = !matches!(state.phase, Phase::Answering | Phase::Writing);
        (!(state.closing && answered)).then(|| state.since + state.phase.longest())
    }

    /// Closes the connection, after its answer if it has asked.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closing = true;
        state.waker.iter().for_each(Waker::wake_by_ref);
    }

    /// Its place among those that may be closed to make room, the first to go before the others: who has asked for
    /// nothing yet, who is idle, and who is slow to take its answer; none while its answer is made.
    pub(super) fn rank(&self) -> Option<Rank> {
        let state = self.state();
        let rank = match state.phase {
            Phase::Opening | Phase::Asking if !state.served => 0,
            Phase::Opening | Phase::Asking | Phase::Idle => 1,
            Phase::Writing => 2,
            Phase::Answering => return None,
        };
        Some((rank, state.since))
    }

    /// Closes the connection although its answer has not been taken.
    pub(super) fn break_off(&self) {
        self.state().enter(Phase::Idle);
        self.close();
    }

    /// A request has come in whole.
    pub(super) fn answering(&self) {
        self.state().enter(Phase::Answering);
    }

    /// What is to be done once the answer has been written.
    pub(super) fn then(&self, then: impl FnOnce() + Send + 'static) {
        self.state().then = Some(Box::new(then));
    }

    /// Bytes have come in.
    pub(super) fn read(&self) {
        let mut state = self.state();
        if matches!(state.phase, Phase::Opening | Phase::Idle) {
            state.enter(Phase::Asking);
        }
    }

    /// All of an answer is in hyper's hands.
    pub(super) fn handed_over(&self) {
        let mut state = self.state();
        // The time for an answer goes on.
        if state.phase == Phase::Answering {
            state.phase = Phase::Writing;
        }
    }

    /// What hyper held has been written.
    pub(super) fn flushed(&self) {
        let mut state = self.state();
        if state.phase != Phase::Writing {
            return;
        }
        state.served = true;
        state.enter(Phase::Idle);
        let then = state.then.take();
        drop(state);
        if let Some(then) = then {
            then();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enter(&mut self, phase: Phase) {
        (self.phase, self.since) = (phase, Instant::now());
    }
}

impl Phase {
    fn longest(self) -> Duration {
        match self {
            Phase::Opening => OPENING,
            Phase::Asking => ASKING,
            Phase::Answering | Phase::Writing => ANSWERING,
            Phase::Idle => IDLE,
        }
    }
}
