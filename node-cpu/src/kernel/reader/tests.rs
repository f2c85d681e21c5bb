//! Tests which results are errors, and how long a file may be.
use super::*;

#[test]
fn what_vanished_is_no_error() {
    let cases = [
        (Errno::NOENT, None),
        (Errno::SRCH, None),
        (Errno::NODEV, None),
        (Errno::ACCESS, Some("permission_denied")),
        (Errno::PERM, Some("permission_denied")),
        (Errno::MFILE, Some("too_many_open_files")),
        (Errno::OPNOTSUPP, None),
        (Errno::NOMEM, Some("out_of_memory")),
        (Errno::IO, Some("other")),
    ];
    for (errno, reason) in cases {
        let mut reader = Reader::new();
        let outcome = reader.classify::<()>(Err(errno.into()));
        assert_eq!(outcome, if reason.is_some() { Outcome::Failed } else { Outcome::Gone }, "{errno}");
        let counted: Vec<_> = reader.errors().iter().filter(|(_, n)| **n > 0).map(|(r, _)| *r).collect();
        assert_eq!(counted, Vec::from_iter(reason), "{errno}");
    }
}

#[test]
fn text_that_cannot_be_parsed_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cpu.stat");
    std::fs::write(&path, "what").unwrap();
    let mut reader = Reader::new();
    assert_eq!(reader.read(&path, crate::kernel::parse::cpu_stat), Outcome::Failed);
    assert_eq!(reader.errors().get("malformed"), Some(&1));
    std::fs::write(&path, "").unwrap();
    assert_eq!(reader.read(&path, crate::kernel::parse::cpu_stat), Outcome::Failed);
    assert_eq!(reader.errors().get("short_read"), Some(&1));
}

#[test]
fn a_file_of_any_length_is_read_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cgroup.procs");
    let pids: Vec<u32> = (1..20_000).collect();
    let text: String = pids.iter().map(|pid| format!("{pid}\n")).collect();
    std::fs::write(&path, text).unwrap();
    assert_eq!(Reader::new().read(&path, crate::kernel::parse::pids), Outcome::Got(pids));
}
