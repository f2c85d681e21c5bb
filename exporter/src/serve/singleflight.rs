//! One pass at a time: requests share the one that runs, and the one that has just ended.

use super::scrape::Exposition;
use anyhow::Result;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Age up to which an exposition is shared: less than the time between two scrapes of one scraper, and more than the
/// time between two replicas' scrapes that are meant to be at once.
const FRESH: Duration = Duration::from_millis(100);

/// One pass, and its text. Its argument: TLS is good. It may block.
type Pass = dyn FnMut(Option<bool>) -> Result<Exposition> + Send;

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
    exposition: Result<Exposition, String>,
}

impl Singleflight {
    pub(super) fn new(pass: impl FnMut(Option<bool>) -> Result<Exposition> + Send + 'static) -> Singleflight {
        Singleflight { pass: Arc::new(Mutex::new(pass)), last: Arc::default(), running: Arc::default() }
    }

    /// Returns the age of the running pass. `None` if none runs.
    pub(super) fn running_for(&self) -> Option<Duration> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).map(|began| began.elapsed())
    }

    /// Returns the result of the running pass, of the last one if it has just ended, or of a new one. The error is a
    /// line.
    pub(super) async fn get(&self, tls_is_good: Option<bool>) -> Result<Exposition, String> {
        let came = Instant::now();
        let mut last = Arc::clone(&self.last).lock_owned().await;
        if let Some(last) = last.as_ref().filter(|last| last.ended + FRESH >= came) {
            return last.exposition.clone();
        }
        let (pass, running) = (Arc::clone(&self.pass), Arc::clone(&self.running));
        let mark = move |began| *running.lock().unwrap_or_else(PoisonError::into_inner) = began;
        // On a task of its own: a caller that goes away ends no pass, and lets no other begin beside it.
        let task = tokio::spawn(async move {
            // On a thread of its own: the other connections need not wait for it.
            let pass = move || pass.lock().unwrap_or_else(PoisonError::into_inner)(tls_is_good);
            mark(Some(Instant::now()));
            let exposition = match tokio::task::spawn_blocking(pass).await {
                Ok(exposition) => exposition.map_err(|error| format!("{error:#}")),
                Err(error) => Err(format!("the pass did not end: {error}")),
            };
            mark(None);
            *last = Some(Last { ended: Instant::now(), exposition: exposition.clone() });
            exposition
        });
        task.await.unwrap_or_else(|error| Err(format!("the pass did not end: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;
    use hyper::body::Bytes;
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

    /// Returns passes that send a message when they begin, and end by one that they receive: a number, or failure.
    fn gated() -> (Singleflight, mpsc::Receiver<()>, mpsc::Sender<Option<u64>>) {
        let ((began, begins), (gate, opened)) = (mpsc::channel(), mpsc::channel());
        let pass = move |_| {
            began.send(())?;
            // A pass too many is an error and not a test that never ends.
            match opened.recv_timeout(Duration::from_secs(20))? {
                Some(number) => Ok(Exposition::new(Bytes::from_static(b"text"), number)),
                None => bail!("no luck"),
            }
        };
        (Singleflight::new(pass), begins, gate)
    }

    /// Sends a request, and returns while it waits.
    async fn request(passes: &Singleflight) -> tokio::task::JoinHandle<Result<u64, String>> {
        let passes = passes.clone();
        let task = tokio::spawn(async move { passes.get(None).await.map(|exposition| exposition.number) });
        yield_now().await;
        task
    }

    #[tokio::test]
    async fn requests_while_it_runs_share_it() {
        let (passes, begins, gate) = gated();
        assert_eq!(passes.running_for(), None);
        let requests = [request(&passes).await, request(&passes).await, request(&passes).await];
        begins.recv().unwrap();
        assert!(passes.running_for().is_some());
        gate.send(Some(1)).unwrap();
        for one in requests {
            assert_eq!(one.await.unwrap(), Ok(1));
        }
        assert_eq!(passes.running_for(), None);
        assert!(begins.try_recv().is_err(), "a second pass has begun");
        passes.last.lock().await.as_mut().unwrap().ended -= FRESH + Duration::from_millis(1);
        let (one, other) = (request(&passes).await, request(&passes).await);
        gate.send(Some(2)).unwrap();
        assert_eq!((one.await.unwrap(), other.await.unwrap()), (Ok(2), Ok(2)), "that one is too old");
    }

    #[tokio::test]
    async fn requests_right_after_it_share_it_too() {
        let (passes, _begins, gate) = gated();
        gate.send(Some(1)).unwrap();
        assert_eq!(request(&passes).await.await.unwrap(), Ok(1));
        // However long that took: it has ended just now.
        passes.last.lock().await.as_mut().unwrap().ended = Instant::now() + Duration::from_secs(3600);
        assert_eq!(request(&passes).await.await.unwrap(), Ok(1));
    }

    #[tokio::test]
    async fn a_pass_survives_its_client() {
        let (passes, begins, gate) = gated();
        let gone = request(&passes).await;
        begins.recv().unwrap();
        let other = request(&passes).await;
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        assert!(!other.is_finished());
        gate.send(Some(1)).unwrap();
        assert_eq!(other.await.unwrap(), Ok(1));
        assert!(begins.try_recv().is_err(), "a second pass has begun");
    }

    #[tokio::test]
    async fn a_failure_is_shared() {
        let (passes, begins, gate) = gated();
        let requests = [request(&passes).await, request(&passes).await];
        begins.recv().unwrap();
        gate.send(None).unwrap();
        for one in requests {
            assert_eq!(one.await.unwrap(), Err("no luck".to_owned()));
        }
        assert!(begins.try_recv().is_err(), "a second pass has begun");
    }
}
