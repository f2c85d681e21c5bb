//! An API server that counts: kubectl's own proxy behind a port that lets so many requests through, and no more.
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use test_cluster::{Cluster, Login, Process, free_port, start, tool};

/// End of the first line of a request, which is nowhere else in one.
const REQUEST: &[u8] = b" HTTP/1.1\r\n";
const LOGGED_OUT: &[u8] = b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: 103\r\nConnection: close\r\n\r\n{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"message\":\"Unauthorized\",\"reason\":\"x\",\"code\":401}";

/// Treatment of requests beyond those that are let through.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beyond {
    /// Their connections hang; so does the answer to the last one let through, which has been done.
    Hang,
    /// Their connections are closed.
    Close,
    /// They are answered 401.
    LogOut,
}

/// A proxy while this lives.
pub(crate) struct Proxy {
    /// Its address.
    pub(crate) url: String,
    state: Arc<State>,
    reached: Mutex<Receiver<()>>,
    _kubectl: Process,
}

struct State {
    seen: AtomicUsize,
    limit: AtomicUsize,
    beyond: Beyond,
    open: AtomicBool,
    reached: Mutex<Sender<()>>,
}

impl Proxy {
    /// Lets `limit` requests through.
    pub(crate) fn start(cluster: &Cluster, limit: usize, beyond: Beyond) -> Proxy {
        let (upstream, port) = (free_port(), free_port());
        let kubeconfig = format!("--kubeconfig={}", cluster.kubeconfig(Login::Installer).display());
        let arguments = ["proxy".to_owned(), format!("--port={upstream}"), kubeconfig];
        let mut kubectl = start("kubectl-proxy", tool("kubectl").unwrap(), &arguments).unwrap();
        kubectl.await_ready(|| Ok(TcpStream::connect(("127.0.0.1", upstream))?)).unwrap();
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let (sender, receiver) = channel();
        let state = Arc::new(State {
            seen: AtomicUsize::new(0),
            limit: AtomicUsize::new(limit),
            beyond,
            open: AtomicBool::new(true),
            reached: Mutex::new(sender),
        });
        let shared = state.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let (state, client) = (shared.clone(), client.unwrap());
                if !state.open.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", upstream)) else { continue };
                let hold = Arc::new(AtomicBool::new(false));
                let (c, s, h, st) =
                    (client.try_clone().unwrap(), server.try_clone().unwrap(), hold.clone(), state.clone());
                thread::spawn(move || upwards(client, &server, &hold, &state));
                thread::spawn(move || downwards(s, &c, &h, &st));
            }
        });
        Proxy {
            url: format!("http://127.0.0.1:{port}"),
            state,
            reached: Mutex::new(receiver),
            _kubectl: kubectl,
        }
    }

    /// Requests so far, those beyond included.
    pub(crate) fn seen(&self) -> usize {
        self.state.seen.load(Ordering::SeqCst)
    }

    /// From now on all are let through, or from the `more`th on none.
    pub(crate) fn allow(&self, more: usize) {
        self.state.limit.store(self.seen().saturating_add(more), Ordering::SeqCst);
    }

    /// Returns true if the last request that is let through has its response within `time`.
    pub(crate) fn is_reached(&self, time: Duration) -> bool {
        self.reached.lock().unwrap().recv_timeout(time).is_ok()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.open.store(false, Ordering::SeqCst);
        // Its listener wakes up to see it.
        drop(TcpStream::connect(self.url.trim_start_matches("http://")));
    }
}

/// From the client to the server, as far as requests are let through.
fn upwards(mut client: TcpStream, mut server: &TcpStream, hold: &AtomicBool, state: &State) {
    let (mut buffer, mut tail) = (vec![0; 1 << 16], Vec::new());
    while let Ok(size @ 1..) = client.read(&mut buffer) {
        let chunk = &buffer[..size];
        // A line may be cut by the end of a chunk.
        tail.extend_from_slice(chunk);
        let count = tail.windows(REQUEST.len()).filter(|window| *window == REQUEST).count();
        tail.drain(..tail.len().saturating_sub(REQUEST.len() - 1));
        if count > 0 {
            let number = state.seen.fetch_add(count, Ordering::SeqCst) + count;
            let limit = state.limit.load(Ordering::SeqCst);
            if number > limit {
                match state.beyond {
                    Beyond::Hang => thread::park(),
                    Beyond::Close => {}
                    Beyond::LogOut => drop(client.write_all(LOGGED_OUT)),
                }
                let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
                return;
            }
            hold.store(number == limit, Ordering::SeqCst);
        }
        if server.write_all(chunk).is_err() {
            return;
        }
    }
    let _ = server.shutdown(Shutdown::Write);
}

/// From the server to the client. The answer to the last request that is let through tells that it has been done.
fn downwards(mut server: TcpStream, mut client: &TcpStream, hold: &AtomicBool, state: &State) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(size @ 1..) = server.read(&mut buffer) {
        if hold.swap(false, Ordering::SeqCst) {
            let _ = state.reached.lock().unwrap().send(());
            if state.beyond == Beyond::Hang {
                thread::park();
            }
        }
        if client.write_all(&buffer[..size]).is_err() {
            return;
        }
    }
    let _ = client.shutdown(Shutdown::Write);
}
