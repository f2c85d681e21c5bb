//! Reads files that may block for ever, on a thread of their own that the caller can give up on.
//!
//! `/proc/PID/cmdline` takes a lock of the process. A process that populates memory holds it for seconds. A process whose
//! pages are on a server that is gone holds it for ever.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

/// Time that a caller waits for a file. Command lines take some microseconds.
const TIMEOUT: Duration = Duration::from_millis(100);
/// Number of threads that may be stuck at a time. No more files are opened then.
const MAX_STUCK: usize = 8;
/// Number of bytes read of a file at most.
const MAX_BYTES: u64 = 64 << 10;

/// Limits how often a file is read for text that it may contain only later.
///
/// A limited number of reads may succeed without that text. Each read that fails doubles the pause before the next.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tries {
    reads_left: u8,
    /// Number of passes without a read after the last failure.
    pause: u8,
    /// Number of passes of that pause that are left.
    pause_left: u8,
}

/// Longest pause in passes, which is a quarter of an hour.
const MAX_PAUSE: u8 = 64;

impl Tries {
    /// Allows `reads_left` reads that succeed without the text.
    pub(crate) fn new(reads_left: u8) -> Tries {
        Tries { reads_left, ..Tries::default() }
    }

    /// Returns `true` if the file is to be read now. Call it once a pass.
    pub(crate) fn is_due(&mut self) -> bool {
        let is_paused = self.pause_left > 0;
        self.pause_left = self.pause_left.saturating_sub(1);
        !is_paused && self.reads_left > 0
    }

    /// Records a read that succeeded without the text.
    pub(crate) fn succeeded(&mut self) {
        self.reads_left = self.reads_left.saturating_sub(1);
    }

    /// Records a read that failed.
    pub(crate) fn failed(&mut self) {
        self.pause = self.pause.saturating_mul(2).clamp(1, MAX_PAUSE);
        self.pause_left = self.pause;
    }
}

/// Reads files that may block, one at a time.
#[derive(Debug, Default)]
pub(crate) struct SlowFiles {
    worker: Option<Worker>,
    /// Number of running threads, including those that are stuck.
    threads: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Worker {
    paths: Sender<PathBuf>,
    texts: Receiver<io::Result<Vec<u8>>>,
}

impl SlowFiles {
    /// Reads the beginning of a file. Fails with the file's error, or with [`ErrorKind::TimedOut`] if the read blocks.
    /// The latter is also the error if too many other reads block.
    pub(crate) fn read(&mut self, path: PathBuf) -> io::Result<Vec<u8>> {
        if self.worker.is_none() && self.threads.load(Ordering::Acquire) >= MAX_STUCK {
            return Err(ErrorKind::TimedOut.into());
        }
        let worker = match self.worker.take() {
            Some(worker) => worker,
            None => Worker::start(&self.threads)?,
        };
        if worker.paths.send(path).is_err() {
            return Err(io::Error::other("the thread that reads command lines has ended"));
        }
        // A worker whose read blocks is dropped here. Its thread ends when the read returns, because nobody waits for it.
        let text = worker.texts.recv_timeout(TIMEOUT).map_err(|_| ErrorKind::TimedOut)?;
        self.worker = Some(worker);
        text
    }
}

impl Worker {
    fn start(threads: &Arc<AtomicUsize>) -> io::Result<Worker> {
        let ((paths, requests), (results, texts)) = (channel(), channel());
        let count = Arc::clone(threads);
        count.fetch_add(1, Ordering::AcqRel);
        let work = move || {
            for path in requests {
                if results.send(read_beginning(path)).is_err() {
                    break;
                }
            }
            count.fetch_sub(1, Ordering::AcqRel);
        };
        // The thread has the program's name, because users' queries filter on it.
        match thread::Builder::new().name("process-exporter".to_owned()).spawn(work) {
            Ok(_) => Ok(Worker { paths, texts }),
            Err(error) => {
                threads.fetch_sub(1, Ordering::AcqRel);
                Err(error)
            }
        }
    }
}

fn read_beginning(path: PathBuf) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.take(MAX_BYTES).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use std::fs;

    #[test]
    fn a_file_that_fails_is_read_ever_less_often() {
        let mut tries = Tries::new(2);
        let mut read_in = Vec::new();
        for pass in 0..400 {
            if tries.is_due() {
                read_in.push(pass);
                tries.failed();
            }
        }
        assert_eq!(read_in, [0, 2, 5, 10, 19, 36, 69, 134, 199, 264, 329, 394]);
        tries = Tries::new(2);
        let reads = (0..9).filter(|_| {
            let due = tries.is_due();
            tries.succeeded();
            due
        });
        assert_eq!(reads.count(), 2);
    }

    #[test]
    fn a_file_that_blocks_is_given_up_on_and_the_others_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| dir.path().join(name);
        fs::write(file("good"), "text").unwrap();
        let mut slow_files = SlowFiles::default();
        let good = |slow_files: &mut SlowFiles| slow_files.read(file("good")).map(|text| text.len());
        assert_eq!(good(&mut slow_files).unwrap(), 4);
        assert_eq!(slow_files.read(file("gone")).unwrap_err().kind(), ErrorKind::NotFound);
        for number in 0..MAX_STUCK {
            // Opening a pipe blocks until the other end is open.
            mknodat(CWD, file(&number.to_string()), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
            assert_eq!(good(&mut slow_files).unwrap(), 4, "after {number}");
            let stuck = slow_files.read(file(&number.to_string()));
            assert_eq!(stuck.unwrap_err().kind(), ErrorKind::TimedOut);
        }
        assert_eq!(good(&mut slow_files).unwrap_err().kind(), ErrorKind::TimedOut, "too many are stuck");
        // One of the blocked reads returns.
        drop(fs::OpenOptions::new().write(true).open(file("0")).unwrap());
        while slow_files.threads.load(Ordering::Acquire) >= MAX_STUCK {
            thread::yield_now();
        }
        assert_eq!(good(&mut slow_files).unwrap(), 4);
    }
}
