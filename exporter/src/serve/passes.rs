//! The passes over the node: one at a time, and one for all who ask while it runs or right after its end.

use anyhow::Result;
use hyper::body::Bytes;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a text is news: less than between two scrapes of any one, and more than between two replicas' that are
/// meant to be at the same time.
const FRESH: Duration = Duration::from_millis(100);

/// The metrics as text, for as many as want them.
#[derive(Clone, Debug)]
pub(super) struct Exposed {
    pub(super) text: Bytes,
    /// The exposition's number.
    pub(super) number: u64,
}

/// What one pass does, given whether TLS is good; it may block.
type Pass = dyn FnMut(Option<bool>) -> Result<Exposed> + Send;

/// The door to the passes.
#[derive(Clone)]
pub(super) struct Passes {
    pass: Arc<Mutex<Pass>>,
    /// Locked while a pass runs.
    last: Arc<tokio::sync::Mutex<Option<Last>>>,
    /// When the pass that runs began; None while none runs.
    running: Arc<Mutex<Option<Instant>>>,
}

struct Last {
    ended: Instant,
    exposed: Result<Exposed, String>,
}

impl Passes {
    pub(super) fn new(pass: impl FnMut(Option<bool>) -> Result<Exposed> + Send + 'static) -> Passes {
        Passes { pass: Arc::new(Mutex::new(pass)), last: Arc::default(), running: Arc::default() }
    }

    /// For how long the pass that is under way has run.
    pub(super) fn running_for(&self) -> Option<Duration> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).map(|began| began.elapsed())
    }

    /// What the pass that is running finds, or the last one if it has just ended, or a new one. The error is a line.
    pub(super) async fn get(&self, tls_is_good: Option<bool>) -> Result<Exposed, String> {
        let came = Instant::now();
        let mut last = Arc::clone(&self.last).lock_owned().await;
        if let Some(last) = last.as_ref().filter(|last| last.ended + FRESH >= came) {
            return last.exposed.clone();
        }
        let (pass, running) = (Arc::clone(&self.pass), Arc::clone(&self.running));
        let mark = move |began| *running.lock().unwrap_or_else(PoisonError::into_inner) = began;
        // On a task of its own: that who has asked goes away ends no pass, and lets no other begin beside it.
        let task = tokio::spawn(async move {
            // On a thread of its own: the others need not wait for it.
            let pass = move || pass.lock().unwrap_or_else(PoisonError::into_inner)(tls_is_good);
            mark(Some(Instant::now()));
            let exposed = match tokio::task::spawn_blocking(pass).await {
                Ok(exposed) => exposed.map_err(|error| format!("{error:#}")),
                Err(error) => Err(format!("the pass did not end: {error}")),
            };
            mark(None);
            *last = Some(Last { ended: Instant::now(), exposed: exposed.clone() });
            exposed
        });
        task.await.unwrap_or_else(|error| Err(format!("the pass did not end: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;
    use std::sync::mpsc;
    use tokio::task::yield_now;

    /// Passes that say when they begin and end when they are told to: with a number, or in failure.
    fn gated() -> (Passes, mpsc::Receiver<()>, mpsc::Sender<Option<u64>>) {
        let ((began, begins), (gate, opened)) = (mpsc::channel(), mpsc::channel());
        let pass = move |_| {
            began.send(())?;
            // A pass too many is an error and not a test that never ends.
            match opened.recv_timeout(Duration::from_secs(20))? {
                Some(number) => Ok(Exposed { text: Bytes::from_static(b"text"), number }),
                None => bail!("no luck"),
            }
        };
        (Passes::new(pass), begins, gate)
    }

    /// Somebody asks, who is waiting when this returns.
    async fn ask(passes: &Passes) -> tokio::task::JoinHandle<Result<u64, String>> {
        let passes = passes.clone();
        let task = tokio::spawn(async move { passes.get(None).await.map(|exposed| exposed.number) });
        yield_now().await;
        task
    }

    #[tokio::test]
    async fn who_comes_while_it_runs_gets_the_same() {
        let (passes, begins, gate) = gated();
        assert_eq!(passes.running_for(), None);
        let asked = [ask(&passes).await, ask(&passes).await, ask(&passes).await];
        begins.recv().unwrap();
        assert!(passes.running_for().is_some());
        gate.send(Some(1)).unwrap();
        for one in asked {
            assert_eq!(one.await.unwrap(), Ok(1));
        }
        assert_eq!(passes.running_for(), None);
        assert!(begins.try_recv().is_err(), "a second pass has begun");
        passes.last.lock().await.as_mut().unwrap().ended -= FRESH + Duration::from_millis(1);
        let (one, other) = (ask(&passes).await, ask(&passes).await);
        gate.send(Some(2)).unwrap();
        assert_eq!((one.await.unwrap(), other.await.unwrap()), (Ok(2), Ok(2)), "that is no news any more");
    }

    #[tokio::test]
    async fn who_comes_right_after_it_gets_it_too() {
        let (passes, _begins, gate) = gated();
        gate.send(Some(1)).unwrap();
        assert_eq!(ask(&passes).await.await.unwrap(), Ok(1));
        // However long that took: it has ended just now.
        passes.last.lock().await.as_mut().unwrap().ended = Instant::now() + Duration::from_secs(3600);
        assert_eq!(ask(&passes).await.await.unwrap(), Ok(1));
    }

    #[tokio::test]
    async fn a_pass_survives_who_has_asked_for_it() {
        let (passes, begins, gate) = gated();
        let gone = ask(&passes).await;
        begins.recv().unwrap();
        let other = ask(&passes).await;
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        assert!(!other.is_finished());
        gate.send(Some(1)).unwrap();
        assert_eq!(other.await.unwrap(), Ok(1));
        assert!(begins.try_recv().is_err(), "a second pass has begun");
    }

    #[tokio::test]
    async fn a_failure_is_everybodys() {
        let (passes, begins, gate) = gated();
        let asked = [ask(&passes).await, ask(&passes).await];
        begins.recv().unwrap();
        gate.send(None).unwrap();
        for one in asked {
            assert_eq!(one.await.unwrap(), Err("no luck".to_owned()));
        }
        assert!(begins.try_recv().is_err(), "a second pass has begun");
    }
}
