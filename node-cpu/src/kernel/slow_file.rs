//! Files that may keep whoever reads them waiting, for ever too: read on a thread of their own, which is given up on.
//!
//! `/proc/PID/cmdline` takes a lock of the process, which one that populates memory holds for seconds, and one whose pages
//! are on a server that is gone for ever.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

/// How long a file is waited for. Command lines take some microseconds.
const PATIENCE: Duration = Duration::from_millis(100);
/// How many readings may be stuck at a time; no more files are opened then.
const MOST_STUCK: usize = 8;
/// Bytes of a file at most.
const LONGEST: u64 = 64 << 10;

/// How often a file is asked for something that it may say later: so many answers that do not, and after each time that it
/// does not answer twice as long a pause.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tries {
    left: u8,
    pause: u8,
    wait: u8,
}

/// Passes of the longest pause: a quarter of an hour.
const LONGEST_PAUSE: u8 = 64;

impl Tries {
    /// So many answers are taken.
    pub(crate) fn new(left: u8) -> Tries {
        Tries { left, ..Tries::default() }
    }

    /// Whether it is to be asked now; asked once a pass.
    pub(crate) fn is_due(&mut self) -> bool {
        let waits = self.wait > 0;
        self.wait = self.wait.saturating_sub(1);
        !waits && self.left > 0
    }

    /// It has answered, and not said it.
    pub(crate) fn answered(&mut self) {
        self.left = self.left.saturating_sub(1);
    }

    /// It has not answered.
    pub(crate) fn failed(&mut self) {
        self.pause = self.pause.saturating_mul(2).clamp(1, LONGEST_PAUSE);
        self.wait = self.pause;
    }
}

/// Reads such files, one at a time.
#[derive(Debug, Default)]
pub(crate) struct SlowFiles {
    worker: Option<Worker>,
    /// Threads that there are, those that are stuck among them.
    threads: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Worker {
    paths: Sender<PathBuf>,
    texts: Receiver<io::Result<Vec<u8>>>,
}

impl SlowFiles {
    /// Reads the beginning of a file. Errors: as of the file; [`ErrorKind::TimedOut`] if it does not answer, or if too many
    /// others do not.
    pub(crate) fn read(&mut self, path: PathBuf) -> io::Result<Vec<u8>> {
        if self.worker.is_none() && self.threads.load(Ordering::Acquire) >= MOST_STUCK {
            return Err(ErrorKind::TimedOut.into());
        }
        let worker = match self.worker.take() {
            Some(worker) => worker,
            None => Worker::start(&self.threads)?,
        };
        if worker.paths.send(path).is_err() {
            return Err(io::Error::other("the thread that reads command lines has ended"));
        }
        // Who does not answer is left alone: it ends when it comes back, since nobody waits for it.
        let text = worker.texts.recv_timeout(PATIENCE).map_err(|_| ErrorKind::TimedOut)?;
        self.worker = Some(worker);
        text
    }
}

impl Worker {
    fn start(threads: &Arc<AtomicUsize>) -> io::Result<Worker> {
        let ((paths, asked), (answer, texts)) = (channel(), channel());
        let count = Arc::clone(threads);
        count.fetch_add(1, Ordering::AcqRel);
        let work = move || {
            for path in asked {
                if answer.send(read(path)).is_err() {
                    break;
                }
            }
            count.fetch_sub(1, Ordering::AcqRel);
        };
        // Called like the program: people's queries filter on that name.
        match thread::Builder::new().name("process-exporter".to_owned()).spawn(work) {
            Ok(_) => Ok(Worker { paths, texts }),
            Err(error) => {
                threads.fetch_sub(1, Ordering::AcqRel);
                Err(error)
            }
        }
    }
}

fn read(path: PathBuf) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.take(LONGEST).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use std::fs;

    #[test]
    fn who_does_not_answer_is_asked_ever_less_often() {
        let mut tries = Tries::new(2);
        let mut asked = Vec::new();
        for pass in 0..400 {
            if tries.is_due() {
                asked.push(pass);
                tries.failed();
            }
        }
        assert_eq!(asked, [0, 2, 5, 10, 19, 36, 69, 134, 199, 264, 329, 394]);
        tries = Tries::new(2);
        let answers = (0..9).filter(|_| {
            let due = tries.is_due();
            tries.answered();
            due
        });
        assert_eq!(answers.count(), 2);
    }

    #[test]
    fn a_file_that_does_not_answer_is_given_up_on_and_the_others_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| dir.path().join(name);
        fs::write(file("good"), "text").unwrap();
        let mut slow_files = SlowFiles::default();
        let good = |slow_files: &mut SlowFiles| slow_files.read(file("good")).map(|text| text.len());
        assert_eq!(good(&mut slow_files).unwrap(), 4);
        assert_eq!(slow_files.read(file("gone")).unwrap_err().kind(), ErrorKind::NotFound);
        for number in 0..MOST_STUCK {
            // Whoever opens a pipe waits for the other end.
            mknodat(CWD, file(&number.to_string()), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
            assert_eq!(good(&mut slow_files).unwrap(), 4, "after {number}");
            let stuck = slow_files.read(file(&number.to_string()));
            assert_eq!(stuck.unwrap_err().kind(), ErrorKind::TimedOut);
        }
        assert_eq!(good(&mut slow_files).unwrap_err().kind(), ErrorKind::TimedOut, "too many are stuck");
        // One comes back.
        drop(fs::OpenOptions::new().write(true).open(file("0")).unwrap());
        while slow_files.threads.load(Ordering::Acquire) >= MOST_STUCK {
            thread::yield_now();
        }
        assert_eq!(good(&mut slow_files).unwrap(), 4);
    }
}
