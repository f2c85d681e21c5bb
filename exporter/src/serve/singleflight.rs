//! One pass at a time, and one for all who ask while it runs or right after its end.

use super::gzip;
use anyhow::Result;
use hyper::body::Bytes;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How long a text is news: less than between two scrapes of any one, and more than between two replicas' that are
/// meant to be at the same time.
const FRESH: Duration = Duration::from_millis(100);

/// An exposition, for as many as want it.
#[derive(Clone, Debug)]
pub(super) struct Exposed {
    pub(super) text: Bytes,
    /// Number of the exposition.
    pub(super) number: u64,
    /// The text compressed, once somebody has asked for it.
    packed: Arc<OnceLock<Bytes>>,
}

impl Exposed {
    pub(super) fn new(text: Bytes, number: u64) -> Exposed {
        Exposed { text, number, packed: Arc::default() }
    }

    /// Returns the text compressed. The first to ask pays for it, on the thread of the passes. `None` if the program is
    /// about to end.
    pub(super) async fn gzip(&self) -> Option<Bytes> {
        if let Some(packed) = self.packed.get() {
            return Some(packed.clone());
        }
        let Exposed { text, packed, .. } = self.clone();
        // As many as ask at once: the first of them compresses, and the others find that done.
        let compress = move || packed.get_or_init(|| gzip::compress(&text).into()).clone();
        tokio::task::spawn_blocking(compress).await.ok()
    }
}

/// One pass and its text, given whether TLS is good. It may block.
type Pass = dyn FnMut(Option<bool>) -> Result<Exposed> + Send;

/// The only way to a pass.
#[derive(Clone)]
pub(super) struct Singleflight {
    pass: Arc<Mutex<Pass>>,
    /// The last result. Locked while a pass runs.
    last: Arc<tokio::sync::Mutex<Option<Last>>>,
    /// When the running pass began. `None` if none runs.
    running: Arc<Mutex<Option<Instant>>>,
}

struct Last {
    ended: Instant,
    exposed: Result<Exposed, String>,
}

impl Singleflight {
    pub(super) fn new(pass: impl FnMut(Option<bool>) -> Result<Exposed> + Send + 'static) -> Singleflight {
        Singleflight { pass: Arc::new(Mutex::new(pass)), last: Arc::default(), running: Arc::default() }
    }

    /// Returns the age of the running pass. `None` if none runs.
    pub(super) fn running_for(&self) -> Option<Duration> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).map(|began| began.elapsed())
    }

    /// Returns the result of the running pass, of the last one if it has just ended, or of a new one. The error is a
    /// line.
    pub(super) async fn get(&self, tls_is_good: Option<bool>) -> Result<Exposed, String> {
        let came = Instant::now();
        let mut last = Arc::clone(&self.last).lock_owned().await;
        if let Some(last) = last.as_ref().filter(|last| last.ended + FRESH >= came) {
            return last.exposed.clone();
        }
        let (pass, running) = (Arc::clone(&self.pass), Arc::clone(&self.running));
        let mark = move |began| *running.lock().unwrap_or_else(PoisonError::into_inner) = began;
        // On a task of its own: a caller that goes away ends no pass, and lets no other begin beside it.
        let task = tokio::spawn(async move {
            // On a thread of its own: the other connections need not wait for it.
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

    impl Singleflight {
        /// Dates the running pass back.
        pub(in crate::serve) fn began(&self, at: Instant) {
            *self.running.lock().unwrap() = Some(at);
        }

        /// Forgets the last result, so that the next caller gets a new one.
        pub(in crate::serve) async fn forget(&self) {
            *self.last.lock().await = None;
        }
    }

    /// Returns passes that send a word when they begin, and end when they are told to: with a number, or in failure.
    fn gated() -> (Singleflight, mpsc::Receiver<()>, mpsc::Sender<Option<u64>>) {
        let ((began, begins), (gate, opened)) = (mpsc::channel(), mpsc::channel());
        let pass = move |_| {
            began.send(())?;
            // A pass too many is an error and not a test that never ends.
            match opened.recv_timeout(Duration::from_secs(20))? {
                Some(number) => Ok(Exposed::new(Bytes::from_static(b"text"), number)),
                None => bail!("no luck"),
            }
        };
        (Singleflight::new(pass), begins, gate)
    }

    /// Asks, and returns while that waits.
    async fn ask(passes: &Singleflight) -> tokio::task::JoinHandle<Result<u64, String>> {
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

    #[tokio::test]
    async fn it_is_compressed_once_and_only_if_asked_for() {
        let exposed = Exposed::new(Bytes::from_static(b"text"), 1);
        let other = exposed.clone();
        assert!(exposed.packed.get().is_none());
        let (one, another) = tokio::join!(exposed.gzip(), other.gzip());
        let (one, another) = (one.unwrap(), another.unwrap());
        assert_eq!(one, gzip::compress(b"text"));
        assert!(std::ptr::eq(one.as_ptr(), another.as_ptr()), "it was compressed twice");
        assert!(std::ptr::eq(one.as_ptr(), exposed.gzip().await.unwrap().as_ptr()));
    }
}
