//! Names of the cgroups born in each slice since the last fetch, including those that ended before any pass saw them.
//!
//! The kernel reports them by inotify, in one instance with a watch for each slice. CPU of a slice that none of its
//! living cgroups used belongs to a cgroup that has ended. Its owner is known only if no other cgroup has lived there
//! unseen.

use rustix::fd::OwnedFd;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Maximum number of names that are kept for a slice. The owner of a residual is unknown if more came and went.
const MAX_NAMES: usize = 100;
/// Size of the buffer for the kernel's events, in bytes.
const BUFFER: usize = 4096;

/// Names of the cgroups that were born in the node's slices.
#[derive(Debug)]
pub(super) struct BornNames {
    /// Inotify instance; `None` if the kernel gives none, as a user may have only 128.
    instance: Option<OwnedFd>,
    /// Slices by their watch.
    slices: HashMap<i32, u32>,
    /// Names by slice; `None` if some were lost.
    names: HashMap<u32, Option<Vec<OsString>>>,
}

impl BornNames {
    pub(super) fn new() -> BornNames {
        let instance = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok();
        BornNames { instance, slices: HashMap::new(), names: HashMap::new() }
    }

    /// Watches the slice of this number, at `path`. A slice that `is_new` may have had births before the watch. Those
    /// are unknown.
    pub(super) fn watch(&mut self, path: &Path, slice: u32, is_new: bool) {
        let Some(instance) = &self.instance else { return };
        if let Ok(watch) = inotify::add_watch(instance, path, WatchFlags::CREATE | WatchFlags::ONLYDIR) {
            self.slices.insert(watch, slice);
            self.names.insert(slice, (!is_new).then(Vec::new));
        }
    }

    /// Forgets a slice that has ended.
    pub(super) fn forget(&mut self, slice: u32) {
        self.names.remove(&slice);
        self.slices.retain(|_, watched| *watched != slice);
    }

    /// Returns the names of cgroups that were made in a slice since the last call; `None` if they are unknown.
    pub(super) fn take_names(&mut self, slice: u32) -> Option<Vec<OsString>> {
        self.read_events();
        self.names.get_mut(&slice)?.replace(Vec::new())
    }

    fn read_events(&mut self) {
        let Some(instance) = &self.instance else { return };
        let mut buffer = [MaybeUninit::uninit(); BUFFER];
        let mut events = inotify::Reader::new(instance, &mut buffer);
        // An error means that there are no more events.
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
            if known.len() > MAX_NAMES {
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
    fn births_of_each_slice_are_returned_once() {
        let dir = tempfile::tempdir().unwrap();
        let make = |name: &str| fs::create_dir_all(dir.path().join(name)).unwrap();
        make("a.slice/before");
        make("b.slice");
        let mut born_names = BornNames::new();
        born_names.watch(&dir.path().join("a.slice"), 1, false);
        born_names.watch(&dir.path().join("b.slice"), 2, true);
        make("a.slice/new");
        make("a.slice/gone");
        fs::remove_dir(dir.path().join("a.slice/gone")).unwrap();
        make("b.slice/other");
        let names = |born_names: &mut BornNames, slice| born_names.take_names(slice);
        assert_eq!(names(&mut born_names, 1), Some(vec!["new".into(), "gone".into()]));
        assert_eq!(names(&mut born_names, 1), Some(vec![]));
        assert_eq!(names(&mut born_names, 2), None, "earlier births are unknown");
        assert_eq!(names(&mut born_names, 2), Some(vec![]));
        assert_eq!(names(&mut born_names, 3), None, "it has no watch");
        born_names.forget(2);
        assert_eq!(names(&mut born_names, 2), None);
        (0..=MAX_NAMES).for_each(|number| make(&format!("a.slice/{number}")));
        assert_eq!(names(&mut born_names, 1), None, "too many");
        make("a.slice/later");
        assert_eq!(names(&mut born_names, 1), Some(vec!["later".into()]), "and from there on");
    }
}
