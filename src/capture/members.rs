//! Members: the files of a path, one after the other: itself, those of a folder, or those of a tar archive, in which there
//! may be others. Nothing is unpacked: what a member is called decides only whether it is read.
use anyhow::{Context, Result, bail, ensure};
use flate2::bufread::MultiGzDecoder;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// Depth of folders, and of archives in archives, at most: far more than a must-gather has.
const DEEPEST_FOLDER: usize = 16;
const DEEPEST_ARCHIVE: usize = 4;
/// Size of what is read at once, in bytes.
const BUFFER: usize = 1 << 18;
/// First bytes of gzip, and of the header of a tar archive and where they are.
const GZIP: [u8; 2] = [0x1f, 0x8b];
const TAR: (&[u8], usize) = (b"ustar", 257);

/// Takes members.
pub(super) trait Visitor {
    /// Returns true if a member is wanted, by its name within the path.
    fn wants(&mut self, name: &str) -> bool;
    /// Takes a member's text, unpacked.
    fn visit(&mut self, name: &str, input: &mut dyn BufRead) -> Result<()>;
    /// Takes note of an archive that is cut or broken, of which no more members can be told.
    fn take_broken(&mut self, name: &str, why: &io::Error);
}

/// Visits the members of a path. Returns true if it is a single file, which is taken whatever its name. Errors name it.
pub(super) fn visit(path: &Path, visitor: &mut dyn Visitor) -> Result<bool> {
    let shown = path.display().to_string();
    let about = || format!("cannot read {shown}");
    let metadata = fs::metadata(path).with_context(about)?;
    if metadata.is_dir() {
        visit_folder(path, "", DEEPEST_FOLDER, visitor)?;
        return Ok(false);
    }
    let mut file = BufReader::with_capacity(BUFFER, File::open(path).with_context(about)?);
    ensure!(!file.fill_buf().with_context(about)?.is_empty(), "{shown} is empty");
    let mut text = unpacked(&mut file).with_context(about)?;
    if is_tar(text.fill_buf().with_context(about)?) {
        visit_archive(&mut text, "", DEEPEST_ARCHIVE, visitor).with_context(about)?;
        return Ok(false);
    }
    visitor.visit(&shown, &mut text)?;
    Ok(true)
}

fn visit_folder(folder: &Path, within: &str, deep: usize, visitor: &mut dyn Visitor) -> Result<()> {
    for entry in list(folder)? {
        // Links are not followed: a folder may hold one to itself.
        let Ok(kind) = entry.file_type() else { continue };
        let name = format!("{within}{}", entry.file_name().to_string_lossy());
        if kind.is_dir() && deep > 0 {
            // One that cannot be listed takes none of the others along.
            if list(&entry.path()).is_ok() {
                visit_folder(&entry.path(), &format!("{name}/"), deep - 1, visitor)?;
            }
        } else if kind.is_file() && (visitor.wants(&name) || is_archive(&name)) {
            let opened = File::open(entry.path()).with_context(|| format!("cannot read {name}"))?;
            visit_member(&name, &mut BufReader::with_capacity(BUFFER, opened), DEEPEST_ARCHIVE, visitor)?;
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

fn visit_archive(input: &mut dyn Read, within: &str, deep: usize, visitor: &mut dyn Visitor) -> Result<()> {
    let mut archive = tar::Archive::new(input);
    for entry in archive.entries()? {
        let mut entry = match entry {
            Ok(entry) => entry,
            Err(why) => {
                visitor.take_broken(within.trim_end_matches('/'), &why);
                return Ok(());
            }
        };
        let name = format!("{within}{}", String::from_utf8_lossy(&entry.path_bytes()));
        if entry.header().entry_type().is_file() && (visitor.wants(&name) || is_archive(&name)) {
            visit_member(&name, &mut BufReader::with_capacity(BUFFER, &mut entry), deep, visitor)?;
        }
    }
    Ok(())
}

/// Takes a member, or visits those in it if it is an archive.
fn visit_member(name: &str, input: &mut dyn BufRead, deep: usize, visitor: &mut dyn Visitor) -> Result<()> {
    let mut text = unpacked(input).with_context(|| format!("cannot read {name}"))?;
    if is_tar(text.fill_buf().with_context(|| format!("cannot read {name}"))?) {
        if deep == 0 {
            bail!("{name} is an archive in too many others: unpack them");
        }
        return visit_archive(&mut text, &format!("{name}/"), deep - 1, visitor)
            .with_context(|| format!("cannot read {name}"));
    }
    if visitor.wants(name) {
        visitor.visit(name, &mut text)?;
    }
    Ok(())
}

/// Returns true if a member is called as archives are: only these are looked into.
fn is_archive(name: &str) -> bool {
    [".tar", ".tar.gz", ".tgz"].iter().any(|end| name.ends_with(end))
}

/// Returns true if a file's first bytes are those of gzip or of a tar archive.
pub(super) fn is_packed(head: &[u8]) -> bool {
    head.starts_with(&GZIP) || is_tar(head)
}

fn is_tar(head: &[u8]) -> bool {
    let (magic, at) = TAR;
    head.get(at..at + magic.len()) == Some(magic)
}

/// Unpacks gzip, whatever it is called.
fn unpacked<'a>(input: &'a mut dyn BufRead) -> io::Result<Box<dyn BufRead + 'a>> {
    if input.fill_buf()?.starts_with(&GZIP) {
        return Ok(Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(input))));
    }
    Ok(Box::new(input))
}

#[cfg(test)]
mod tests {
    use super::{Visitor, visit};
    use std::fs;
    use std::io::{self, BufRead, Write};
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

        fn take_broken(&mut self, name: &str, _: &io::Error) {
            self.1.push(name.to_owned());
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
        visit(path, &mut texts)?;
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
            visit(&path, &mut texts).unwrap();
            assert_eq!((texts.0.first().map(|(name, _)| name.as_str()), texts.1.len()), (Some("a.txt"), 1));
        }
        for (bytes, said) in [(&b""[..], "is empty"), (&packed[..15], "cannot read")] {
            fs::write(&path, bytes).unwrap();
            let error = format!("{:#}", texts(&path).unwrap_err());
            assert!(error.contains(said) && error.contains("cut.tar") && !error.contains('\n'), "{error}");
        }
    }
}
