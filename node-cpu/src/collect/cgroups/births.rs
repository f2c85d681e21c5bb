//! What was made in each slice since it was asked last, what has ended before any pass saw it among that.
//!
//! The kernel tells by inotify, in one instance and a watch for each slice. A slice's CPU that none of its living cgroups
//! used belongs to one that ended; whose it is is known only if no other has lived there unseen.

use rustix::fd::OwnedFd;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Names that are kept for a slice; where more came and went, nobody can say whose a residual is.
const MOST: usize = 100;
/// What the kernel hands over at a time, bytes.
const BUFFER: usize = 4096;

/// The births in the node's slices.
#[derive(Debug)]
pub(super) struct Births {
    /// None if the kernel gives no instance: a user has 128.
    instance: Option<OwnedFd>,
    /// Slices by their watch.
    slices: HashMap<i32, u32>,
    /// Names by slice; None if some were lost.
    names: HashMap<u32, Option<Vec<OsString>>>,
}

impl Births {
    pub(super) fn new() -> Births {
        let instance = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok();
        Births { instance, slices: HashMap::new(), names: HashMap::new() }
    }

    /// From now on tells of the slice of this number, at `path`; `newborn`: it may have had births before, which nobody
    /// knows.
    pub(super) fn watch(&mut self, path: &Path, slice: u32, newborn: bool) {
        let Some(instance) = &self.instance else { return };
        if let Ok(watch) = inotify::add_watch(instance, path, WatchFlags::CREATE | WatchFlags::ONLYDIR) {
            self.slices.insert(watch, slice);
            self.names.insert(slice, (!newborn).then(Vec::new));
        }
    }

    /// A slice is gone.
    pub(super) fn forget(&mut self, slice: u32) {
        self.names.remove(&slice);
        self.slices.retain(|_, its| *its != slice);
    }

    /// The names of what was made in a slice since this was asked last; None if that is not known.
    pub(super) fn take(&mut self, slice: u32) -> Option<Vec<OsString>> {
        self.read();
        self.names.get_mut(&slice)?.replace(Vec::new())
    }

    fn read(&mut self) {
        let Some(instance) = &self.instance else { return };
        let mut buffer = [MaybeUninit::uninit(); BUFFER];
        let mut events = inotify::Reader::new(instance, &mut buffer);
        // An error is that there are no more.
        while let Ok(event) = events.next() {
            if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
                self.names.values_mut().for_each(|names| *names = None);
                continue;
            }
            let Some(slice) = self.slices.get(&event.wd()).copied() else { continue };
            if event.events().contains(ReadFlags::IGNORED) {
                self.slices.remove(&event.wd());
                continue;
            }
            let Some(names) = self.names.get_mut(&slice) else { continue };
            let (Some(name), Some(known)) = (event.file_name(), names.as_mut()) else { continue };
            known.push(OsStr::from_bytes(name.to_bytes()).to_owned());
            if known.len() > MOST {
                *names = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn each_slice_tells_what_was_made_in_it_once() {
        let dir = tempfile::tempdir().unwrap();
        let make = |name: &str| fs::create_dir_all(dir.path().join(name)).unwrap();
        make("a.slice/before");
        make("b.slice");
        let mut births = Births::new();
        births.watch(&dir.path().join("a.slice"), 1, false);
        births.watch(&dir.path().join("b.slice"), 2, true);
        make("a.slice/new");
        make("a.slice/gone");
        fs::remove_dir(dir.path().join("a.slice/gone")).unwrap();
        make("b.slice/other");
        let names = |births: &mut Births, slice| births.take(slice);
        assert_eq!(names(&mut births, 1), Some(vec!["new".into(), "gone".into()]));
        assert_eq!(names(&mut births, 1), Some(vec![]));
        assert_eq!(names(&mut births, 2), None, "what was made before is not known");
        assert_eq!(names(&mut births, 2), Some(vec![]));
        assert_eq!(names(&mut births, 3), None, "nobody watches it");
        births.forget(2);
        assert_eq!(names(&mut births, 2), None);
        (0..=MOST).for_each(|number| make(&format!("a.slice/{number}")));
        assert_eq!(names(&mut births, 1), None, "too many");
        make("a.slice/later");
        assert_eq!(names(&mut births, 1), Some(vec!["later".into()]), "and from there on");
    }
}
