//! Archives that are put in their place: whole, for their owner alone, and never in that of another file.
use super::super::cluster_objects::ClusterObjects;
use super::Capture;
use crate::time::Timestamp;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

fn capture(file: PathBuf) -> Capture {
    let end = Timestamp::from_millis(1_748_779_207_000);
    Capture { file, end, interval: Duration::from_secs(60), threads: false }
}

fn pack(capture: &Capture) -> anyhow::Result<u64> {
    let scratch = || tempfile::tempfile().unwrap();
    capture.pack(&mut scratch(), &mut scratch(), &ClusterObjects::default())
}

fn names(folder: &Path) -> Vec<String> {
    let all = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        all.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Red if the guard removes what it has not made, or if captures share a name until they are whole.
#[test]
fn a_part_of_somebody_stays_and_is_in_nobodys_way() {
    let folder = tempfile::tempdir().unwrap();
    let capture = capture(folder.path().join("case.tar.gz"));
    let part = folder.path().join("case.tar.gz.part");
    fs::write(&part, "somebody's").unwrap();
    pack(&capture).unwrap();
    assert_eq!(fs::read_to_string(part).unwrap(), "somebody's");
    assert_eq!(names(folder.path()), ["case.tar.gz", "case.tar.gz.part"]);
    assert_eq!(fs::metadata(&capture.file).unwrap().permissions().mode() & 0o777, 0o600);
}

/// As if it had come while the capture ran. Red if it is renamed over.
#[test]
fn what_is_there_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let capture = capture(folder.path().join("case.tar.gz"));
    fs::write(&capture.file, "somebody's").unwrap();
    for error in [pack(&capture).map(|_| ()), capture.check()] {
        let error = format!("{:#}", error.unwrap_err());
        assert!(error.contains("is there already: give another name"), "{error}");
    }
    assert_eq!(fs::read_to_string(&capture.file).unwrap(), "somebody's");
    assert_eq!(names(folder.path()), ["case.tar.gz"]);
}

#[test]
fn of_two_to_one_name_one_is_made_and_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("case.tar.gz");
    let run = || {
        std::thread::spawn({
            let capture = capture(file.clone());
            move || pack(&capture).map_err(|error| format!("{error:#}"))
        })
    };
    let threads: Vec<_> = (0..8).map(|_| run()).collect();
    let all: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let (made, refused): (Vec<_>, Vec<_>) = all.into_iter().partition(Result::is_ok);
    assert_eq!(made.len(), 1, "{refused:?}");
    assert!(refused.iter().all(|one| one.as_ref().unwrap_err().contains("is there already")), "{refused:?}");
    assert_eq!(names(folder.path()), ["case.tar.gz"]);
    let archive = flate2::read::GzDecoder::new(File::open(&file).unwrap());
    assert_eq!(tar::Archive::new(archive).entries().unwrap().filter(|entry| entry.is_ok()).count(), 3);
}

/// Red if links are followed: that one leads nowhere, and is somebody's.
#[test]
fn a_link_that_leads_nowhere_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let capture = capture(folder.path().join("case.tar.gz"));
    symlink("nowhere", &capture.file).unwrap();
    assert!(capture.check().unwrap_err().to_string().contains("is there already"));
    assert!(format!("{:#}", pack(&capture).unwrap_err()).contains("is there already"));
    assert_eq!(fs::read_link(&capture.file).unwrap(), Path::new("nowhere"));
}

#[test]
fn a_folder_that_is_missing_is_an_error() {
    let error = capture("/no/such/folder/x".into()).check().unwrap_err();
    assert!(format!("{error:#}").starts_with("cannot write into /no/such/folder"), "{error:#}");
}
