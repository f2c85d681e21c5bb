//! Files that are read again when they have changed: mounted ConfigMaps and Secrets are, without a signal.

use anyhow::Result;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Shortest time between two checks of the files, which happen when a request arrives.
const EVERY: Duration = Duration::from_secs(2);

/// A value made of some files, kept until a better one can be made of them.
pub(crate) struct Reloaded<T> {
    files: Vec<PathBuf>,
    make: Box<dyn Fn() -> Result<T> + Send>,
    value: Arc<T>,
    /// The files as they were when they were last read.
    stamps: Vec<Stamp>,
    looked: Instant,
    good: bool,
}

/// Device, inode, size, and the times of content and inode: a link that leads elsewhere changes them too.
type Stamp = Option<(u64, u64, u64, (i64, i64), (i64, i64))>;

impl<T> Reloaded<T> {
    /// Reads the files. `make` errors with a line that names the file.
    pub(crate) fn open(
        files: Vec<PathBuf>,
        make: impl Fn() -> Result<T> + Send + 'static,
    ) -> Result<Reloaded<T>> {
        let stamps = stamps(&files);
        let value = Arc::new(make()?);
        Ok(Reloaded { files, make: Box::new(make), value, stamps, looked: Instant::now(), good: true })
    }

    /// Reads the files again if they have changed. Returns true if there is a new value. Errors once for each change
    /// that cannot be used: the value of before stays.
    pub(crate) fn renew(&mut self, now: Instant) -> Result<bool> {
        if now.saturating_duration_since(self.looked) < EVERY {
            return Ok(false);
        }
        self.looked = now;
        let found = stamps(&self.files);
        if found == self.stamps {
            return Ok(false);
        }
        let made = (self.make)();
        if made.is_err() && stamps(&self.files) != found {
            // They are changing right now, and so may not belong together.
            return Ok(false);
        }
        self.stamps = found;
        self.good = made.is_ok();
        self.value = Arc::new(made?);
        Ok(true)
    }

    /// Returns the newest value that could be made.
    pub(crate) fn value(&self) -> &Arc<T> {
        &self.value
    }

    /// Returns true if the files as they are now could be read.
    pub(crate) fn is_good(&self) -> bool {
        self.good
    }
}

fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    let stamp = |file: &PathBuf| {
        let found = fs::metadata(file).ok()?;
        let (content, inode) = ((found.mtime(), found.mtime_nsec()), (found.ctime(), found.ctime_nsec()));
        Some((found.dev(), found.ino(), found.size(), content, inode))
    };
    files.iter().map(stamp).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{Context, ensure};
    use std::os::unix::fs::symlink;

    #[test]
    fn a_change_is_seen_and_a_bad_one_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (path, next) = (dir.path().join("file"), dir.path().join("next"));
        let turn = |target: &str, text: Option<&str>| {
            if let Some(text) = text {
                fs::write(dir.path().join(target), text).unwrap();
            }
            symlink(target, &next).unwrap();
            fs::rename(&next, &path).unwrap();
        };
        turn("a", Some("1"));
        let read = path.clone();
        let make = move || {
            let text = fs::read_to_string(&read).context("no file")?;
            ensure!(text.len() == 1, "bad: {text}");
            Ok(text)
        };
        let mut reloaded = Reloaded::open(vec![path.clone()], make).unwrap();
        let mut now = Instant::now();
        let mut renew = |reloaded: &mut Reloaded<String>| {
            assert!(!reloaded.renew(now).unwrap(), "it is too early to look again");
            now += EVERY;
            let found = reloaded.renew(now);
            now += EVERY;
            assert!(!reloaded.renew(now).unwrap(), "once for each change");
            (found.map_err(|error| error.to_string()), reloaded.value().to_string(), reloaded.is_good())
        };
        turn("b", Some("2"));
        assert_eq!(renew(&mut reloaded), (Ok(true), "2".to_owned(), true));
        turn("c", Some("long"));
        assert_eq!(renew(&mut reloaded), (Err("bad: long".to_owned()), "2".to_owned(), false));
        fs::write(&path, "3").unwrap();
        assert_eq!(renew(&mut reloaded), (Ok(true), "3".to_owned(), true), "in place");
        turn("nowhere", None);
        assert_eq!(renew(&mut reloaded), (Err("no file".to_owned()), "3".to_owned(), false));
        turn("a", None);
        assert_eq!(renew(&mut reloaded), (Ok(true), "1".to_owned(), true));
    }
}
