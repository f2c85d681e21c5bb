//! What hyper reads, writes and sends, watched by a connection's pace.

use super::pace::Pace;
use http_body_util::Full;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that tells what happens on it.
pub(super) struct Stream<S> {
    stream: S,
    pace: Arc<Pace>,
}

/// The body of an answer, in one piece, which tells when hyper has taken it.
pub(super) struct Answer {
    body: Full<Bytes>,
    pace: Arc<Pace>,
}

impl<S> Stream<S> {
    pub(super) fn new(stream: S, pace: Arc<Pace>) -> Stream<S> {
        Stream { stream, pace }
    }
}

impl Answer {
    pub(super) fn new(body: Bytes, pace: Arc<Pace>) -> Answer {
        Answer { body: Full::new(body), pace }
    }
}

/// hyper drops a body once it holds all of it, and only then flushes the stream.
impl Drop for Answer {
    fn drop(&mut self) {
        self.pace.handed_over();
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context,
        buffer: &mut ReadBuf,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.pace.read();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context,
        parts: &[io::IoSlice],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if matches!(flushed, Poll::Ready(Ok(()))) {
            self.pace.flushed();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Response;
    use hyper::server::conn::http1;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::task::JoinHandle;
    use tokio::time::{Instant, sleep};

    /// A server that answers with `size` bytes after `takes`, on a pipe that holds 64; and when it has ended.
    fn served(pace: &Arc<Pace>, size: usize, takes: Duration) -> (DuplexStream, JoinHandle<Instant>) {
        let (client, server) = duplex(64);
        let pace = Arc::clone(pace);
        let task = tokio::spawn(async move {
            let stream = TokioIo::new(Stream::new(server, Arc::clone(&pace)));
            let answer = service_fn(async |_| {
                pace.answering();
                sleep(takes).await;
                Ok::<_, Infallible>(Response::new(Answer::new(
                    Bytes::from(vec![b'x'; size]),
                    Arc::clone(&pace),
                )))
            });
            pace.keep(async {
                let mut http = http1::Builder::new();
                let _ = http.header_read_timeout(None).serve_connection(stream, answer).await;
            })
            .await;
            Instant::now()
        });
        (client, task)
    }

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    const NO_TIME: Duration = Duration::ZERO;

    /// Reads an answer of so many bytes.
    async fn answer(client: &mut DuplexStream, size: usize) {
        let mut text = Vec::new();
        while !text.ends_with(b"\r\n\r\n") {
            text.push(client.read_u8().await.unwrap());
        }
        client.read_exact(&mut vec![0; size]).await.unwrap();
    }

    // The clock is the runtime's own and jumps ahead when all wait, so that these are exact and take no time.

    #[tokio::test(start_paused = true)]
    async fn who_asks_for_nothing_is_cut_off() {
        let start = Instant::now();
        let (_client, ended) = served(&Arc::new(Pace::new()), 1, NO_TIME);
        assert_eq!(ended.await.unwrap() - start, Duration::from_secs(10));
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_a_byte_a_second_is_cut_off() {
        let (mut client, ended) = served(&Arc::new(Pace::new()), 1, NO_TIME);
        sleep(Duration::from_secs(9)).await;
        let start = Instant::now();
        for byte in REQUEST {
            if client.write_all(&[*byte]).await.is_err() {
                break;
            }
            sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(ended.await.unwrap() - start, Duration::from_secs(10));
    }

    #[tokio::test(start_paused = true)]
    async fn who_reads_a_byte_a_second_is_cut_off() {
        let (mut client, ended) = served(&Arc::new(Pace::new()), 10_000, Duration::from_secs(5));
        let start = Instant::now();
        client.write_all(REQUEST).await.unwrap();
        while client.read_u8().await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(ended.await.unwrap() - start, Duration::from_secs(30));
    }

    #[tokio::test(start_paused = true)]
    async fn idle_for_five_minutes_after_each_answer() {
        let pace = Arc::new(Pace::new());
        let (mut client, ended) = served(&pace, 1000, NO_TIME);
        for _ in 0..3 {
            client.write_all(REQUEST).await.unwrap();
            answer(&mut client, 1000).await;
            sleep(Duration::from_secs(299)).await;
        }
        assert!(!ended.is_finished());
        let start = Instant::now();
        client.write_all(&REQUEST[..5]).await.unwrap();
        assert_eq!(ended.await.unwrap() - start, Duration::from_secs(10), "a head that does not end");
        let (mut client, ended) = served(&Arc::new(Pace::new()), 1000, NO_TIME);
        client.write_all(REQUEST).await.unwrap();
        answer(&mut client, 1000).await;
        let start = Instant::now();
        assert_eq!(ended.await.unwrap() - start, Duration::from_secs(300));
    }

    #[tokio::test(start_paused = true)]
    async fn closed_after_its_answer() {
        let pace = Arc::new(Pace::new());
        let (mut client, ended) = served(&pace, 1000, Duration::from_secs(5));
        client.write_all(REQUEST).await.unwrap();
        sleep(Duration::from_secs(1)).await;
        pace.close();
        answer(&mut client, 1000).await;
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
        ended.await.unwrap();
        let idle = Arc::new(Pace::new());
        let (_client, ended) = served(&idle, 1000, NO_TIME);
        sleep(Duration::from_secs(1)).await;
        let start = Instant::now();
        idle.close();
        assert_eq!(ended.await.unwrap() - start, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn what_follows_the_answer_is_done_when_all_is_written() {
        let pace = Arc::new(Pace::new());
        let (mut client, _ended) = served(&pace, 1000, NO_TIME);
        let (done, mut written) = tokio::sync::oneshot::channel();
        pace.then(move || done.send(()).unwrap());
        client.write_all(REQUEST).await.unwrap();
        answer(&mut client, 900).await;
        sleep(Duration::from_secs(1)).await;
        assert!(written.try_recv().is_err(), "that was not all");
        client.read_exact(&mut [0; 100]).await.unwrap();
        sleep(Duration::from_secs(1)).await;
        written.try_recv().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_first() {
        let (opening, asking, again) = (Arc::new(Pace::new()), Arc::new(Pace::new()), Arc::new(Pace::new()));
        let (idle, slow, busy) = (Arc::new(Pace::new()), Arc::new(Pace::new()), Arc::new(Pace::new()));
        let _opening = served(&opening, 1, NO_TIME);
        let mut asking_client = served(&asking, 1, NO_TIME).0;
        asking_client.write_all(b"GET").await.unwrap();
        let mut clients = Vec::new();
        for (pace, size, takes) in [(&again, 1, 0), (&idle, 1, 0), (&slow, 10_000, 0), (&busy, 1, 5)] {
            sleep(Duration::from_millis(1)).await;
            let (mut client, _) = served(pace, size, Duration::from_secs(takes));
            client.write_all(REQUEST).await.unwrap();
            clients.push(client);
        }
        answer(&mut clients[0], 1).await;
        answer(&mut clients[1], 1).await;
        sleep(Duration::from_millis(1)).await;
        clients[0].write_all(b"GET").await.unwrap();
        sleep(Duration::from_millis(1)).await;
        let ranks =
            [&opening, &asking, &again, &idle, &slow, &busy].map(|pace| pace.rank().map(|rank| rank.0));
        assert_eq!(ranks, [Some(0), Some(0), Some(1), Some(1), Some(2), None]);
        assert!(idle.rank() < again.rank(), "idle for longer");
    }
}
