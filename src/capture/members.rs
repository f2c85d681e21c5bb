//! Members: the files of a path, one after the other: itself, those of a folder, or those of a tar archive, in which there
//! may be others. Nothing is unpacked: what a member is called decides only whether it is read.
use super::input::Input;
use anyhow::{Context, Result, anyhow};
use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, BufRead, Read};
use std::path::Path;
use std::rc::Rc;

/// Depth of folders, and of archives in archives, at most: far more than a must-gather has.
const DEEPEST_FOLDER: usize = 16;
const DEEPEST_ARCHIVE: usize = 4;
/// Size of a member's header with its name at most, in bytes.
const LARGEST_HEADER: u64 = 1 << 20;

/// Takes members.
pub(super) trait Visitor {
    /// Returns true if a member is wanted, by its name within the path.
    fn wants(&mut self, name: &str) -> bool;
    /// Takes a member's text, unpacked.
    fn visit(&mut self, name: &str, input: &mut dyn BufRead) -> Result<()>;
    /// Takes note of an archive that is cut, broken or unreadable, of which no more members are known.
    fn note_broken(&mut self, name: &str, why: &str);
}

/// Visits the members of a path, whose bytes may have been looked at. Errors name it.
pub(super) fn visit(path: &Path, input: Option<Input<'_>>, visitor: &mut dyn Visitor) -> Result<()> {
    let shown = path.display().to_string();
    if input.is_none() && path.is_dir() {
        return visit_folder(path, "", DEEPEST_FOLDER, visitor);
    }
    let input = match input {
        Some(input) => input,
        None => Input::open(path)?,
    };
    if input.is_archive() {
        visit_archive(input.reader(), "", DEEPEST_ARCHIVE, visitor)
    } else {
        visitor.visit(&shown, &mut input.reader())
    }
}

fn visit_folder(folder: &Path, within: &str, deep: usize, visitor: &mut dyn Visitor) -> Result<()> {
    for entry in list(folder)? {
        let name = format!("{within}{}", entry.file_name().to_string_lossy());
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && deep > 0 {
            // One that cannot be listed takes none of the others along. Links to folders are not followed: a folder may
            // hold one to itself.
            if list(&entry.path()).is_ok() {
                visit_folder(&entry.path(), &format!("{name}/"), deep - 1, visitor)?;
            }
        } else if (visitor.wants(&name) || is_archive_name(&name)) && entry.path().is_file() {
            let opened = File::open(entry.path()).with_context(|| format!("cannot read {name}"));
            read_member(&name, opened, DEEPEST_ARCHIVE, visitor)?;
        }
    }
    Ok(())
}

fn list(folder: &Path) -> Result<Vec<fs::DirEntry>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut entries: Vec<_> = entries.filter_map(Result::ok).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    Ok(entries)
}

fn visit_archive(input: impl Read, within: &str, deep: usize, visitor: &mut dyn Visitor) -> Result<()> {
    let left = Rc::new(Cell::new(LARGEST_HEADER));
    let mut archive = tar::Archive::new(Limited { input, left: Rc::clone(&left) });
    let broken = |visitor: &mut dyn Visitor, why: &io::Error| {
        visitor.note_broken(within.trim_end_matches('/'), &why.to_string());
        Ok(())
    };
    let mut entries = match archive.entries() {
        Ok(entries) => entries,
        Err(why) => return broken(visitor, &why),
    };
    loop {
        // A header says how long a name is; only what is a member's may be long.
        left.set(LARGEST_HEADER);
        let mut entry = match entries.next() {
            None => return Ok(()),
            Some(Ok(entry)) => entry,
            Some(Err(why)) => return broken(visitor, &why),
        };
        left.set(u64::MAX);
        let name = format!("{within}{}", String::from_utf8_lossy(&entry.path_bytes()));
        let kind = entry.header().entry_type();
        let is_file = kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse();
        if is_file && (visitor.wants(&name) || is_archive_name(&name)) {
            read_member(&name, Ok(&mut entry), deep, visitor)?;
        }
        // Leaves the next header alone to be read.
        if let Err(why) = io::copy(&mut entry, &mut io::sink()) {
            return broken(visitor, &why);
        }
    }
}

/// Reads a member, or visits those in it if it is an archive. One that nothing needs takes none of the others along.
fn read_member(name: &str, opened: Result<impl Read>, deep: usize, visitor: &mut dyn Visitor) -> Result<()> {
    let is_wanted = visitor.wants(name);
    let input =
        opened.and_then(|opened| Input::unpack(opened).with_context(|| format!("cannot read {name}")));
    let input = match input {
        Ok(input) if input.is_archive() && deep == 0 => {
            Err(anyhow!("{name} is an archive in too many others: unpack them"))
        }
        other => other,
    };
    match input {
        Ok(input) if input.is_archive() => {
            // A type for each depth would have no end.
            let mut reader = input.reader();
            let reader: &mut dyn Read = &mut reader;
            visit_archive(reader, &format!("{name}/"), deep - 1, visitor)
        }
        Ok(input) if is_wanted => visitor.visit(name, &mut input.reader()),
        Err(error) if is_wanted => Err(error),
        Err(error) => {
            visitor.note_broken("", &format!("{error:#}"));
            Ok(())
        }
        Ok(_) => Ok(()),
    }
}

/// Returns true if a member is called as archives are: only these are looked into.
fn is_archive_name(name: &str) -> bool {
    [".tar", ".tar.gz", ".tgz"].iter().any(|end| name.ends_with(end))
}

/// Reader of so many bytes at most, which somebody else counts anew.
struct Limited<R> {
    input: R,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        if left == 0 {
            return Err(io::Error::other("a member's header is larger than any"));
        }
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.input.read(buffer.get_mut(..most).unwrap_or_default())?;
        self.left.set(left - count as u64);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::{Visitor, visit};
    use std::fs;
    use std::io::{BufRead, Write};
    use std::path::Path;

    #[derive(Default)]
    struct Texts(Vec<(String, String)>, Vec<String>);

    impl Visitor for Texts {
        fn wants(&mut self, name: &str) -> bool {
            name.ends_with(".txt")
        }

        fn visit(&mut self, name: &str, input: &mut dyn BufRead) -> anyhow::Result<()> {
            let mut text = String::new();
            input.read_to_string(&mut text)?;
            self.0.push((name.to_owned(), text));
            Ok(())
        }

        fn note_broken(&mut self, name: &str, why: &str) {
            self.1.push(format!("{name} {why}"));
        }
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, bytes) in members {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            // As an archive would that means harm: the library itself refuses to write such a name.
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            builder.append(&header, *bytes).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn texts(path: &Path) -> anyhow::Result<Vec<(String, String)>> {
        let mut texts = Texts::default();
        visit(path, None, &mut texts)?;
        Ok(texts.0)
    }

    #[test]
    fn members_are_found_in_folders_and_archives_at_any_depth() {
        let folder = tempfile::tempdir().unwrap();
        let inner = tar(&[("x/b.txt", b"b"), ("other", b"?"), ("../../etc/c.txt", &gzip(b"c"))]);
        let outer = tar(&[("a.txt", b"a"), ("deep/inner.tar.gz", &gzip(&inner))]);
        let expected =
            [("a.txt", "a"), ("deep/inner.tar.gz/x/b.txt", "b"), ("deep/inner.tar.gz/../../etc/c.txt", "c")];
        let expected: Vec<_> = expected.map(|(a, b)| (a.to_owned(), b.to_owned())).into();
        let path = folder.path().join("outer");
        for bytes in [outer.clone(), gzip(&outer)] {
            fs::write(&path, bytes).unwrap();
            assert_eq!(texts(&path).unwrap(), expected);
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(folder.path().join("deep")).unwrap();
        fs::write(folder.path().join("a.txt"), "a").unwrap();
        fs::write(folder.path().join("deep/inner.tar.gz"), gzip(&inner)).unwrap();
        assert_eq!(texts(folder.path()).unwrap(), expected);
    }

    #[test]
    fn of_what_is_cut_the_beginning_is_taken_and_what_is_empty_is_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cut.tar");
        let noise: Vec<u8> = (0..1_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let whole = tar(&[("a.txt", b"a"), ("b.bin", &noise), ("c.txt", b"c")]);
        let packed = gzip(&whole);
        for bytes in [&whole[..800_000], &packed[..packed.len() - 9000]] {
            fs::write(&path, bytes).unwrap();
            let mut texts = Texts::default();
            visit(&path, None, &mut texts).unwrap();
            assert_eq!((texts.0.first().map(|(name, _)| name.as_str()), texts.1.len()), (Some("a.txt"), 1));
        }
        for (bytes, said) in [(&b""[..], "is empty"), (&packed[..15], "cannot read")] {
            fs::write(&path, bytes).unwrap();
            let error = format!("{:#}", texts(&path).unwrap_err());
            assert!(error.contains(said) && error.contains("cut.tar") && !error.contains('\n'), "{error}");
        }
    }

    /// A damaged archive that nobody asked for, and a header that claims gigabytes, take nothing else along.
    #[test]
    fn what_nothing_needs_takes_none_of_the_others_along() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.txt"), "a").unwrap();
        fs::write(folder.path().join("sysinfo.tgz"), &gzip(b"x")[..8]).unwrap();
        let mut long = tar::Header::new_gnu();
        long.set_entry_type(tar::EntryType::GNULongName);
        long.set_size(3 << 20);
        long.set_cksum();
        let evil = [&long.as_bytes()[..], &vec![b'n'; 3 << 20]].concat();
        fs::write(folder.path().join("evil.tar"), evil).unwrap();
        let mut texts = Texts::default();
        visit(folder.path(), None, &mut texts).unwrap();
        assert_eq!(texts.0, [("a.txt".to_owned(), "a".to_owned())]);
        assert_eq!(texts.1.len(), 2, "{:?}", texts.1);
    }
}
