//! A file of samples: plain or gzip, by its first bytes; or a folder that holds one, as a must-gather does.
use anyhow::{Context, Result, bail, ensure};
use flate2::bufread::MultiGzDecoder;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

/// Names that a must-gather's `gather_metrics` gives it.
const NAMES: [&str; 2] = ["metrics.openmetrics", "metrics.openmetrics.gz"];
/// Depth below a folder at most, which is far more than a must-gather has.
const DEEPEST: usize = 12;
/// Size of what is read at once, in bytes.
const BUFFER: usize = 1 << 18;
/// First bytes of gzip, and of the header of a tar archive and where they are.
const GZIP: [u8; 2] = [0x1f, 0x8b];
const TAR: (&[u8], usize) = (b"ustar", 257);

/// Finds the file that a path names: itself, or the only one of these names below a folder. Errors say what is there.
pub fn find_file(path: &Path) -> Result<PathBuf> {
    let about = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    if !about.is_dir() {
        return Ok(path.to_owned());
    }
    let mut found = Vec::new();
    search(path, DEEPEST, &mut found)?;
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => bail!(
            "there is no {} below {}: a must-gather has it after `oc adm must-gather -- gather_metrics ...`",
            NAMES[0],
            path.display()
        ),
        [first, second, ..] => {
            bail!(
                "there are several files of samples below {}: give one, such as {} or {}",
                path.display(),
                first.display(),
                second.display()
            )
        }
    }
}

fn search(folder: &Path, deep: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
        // Links are not followed: a folder may hold one to itself.
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && deep > 0 {
            // One that cannot be listed takes none of the others along.
            let _ = search(&entry.path(), deep - 1, found);
        } else if kind.is_file() && NAMES.iter().any(|name| entry.file_name() == *name) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(())
}

/// Opens a file. Errors name it; an archive is an error with what to do.
pub fn open(path: &Path) -> Result<Box<dyn BufRead>> {
    let about = || format!("cannot read {}", path.display());
    let mut file = File::open(path).with_context(about)?;
    let plain = begins_with_tar(&mut file).with_context(about)?;
    ensure!(!plain, "{} is an archive: unpack it (tar -xf), and give the folder", path.display());
    let mut input = BufReader::with_capacity(BUFFER, file);
    let first = input.fill_buf().with_context(about)?;
    ensure!(!first.is_empty(), "{} is empty", path.display());
    if !first.starts_with(&GZIP) {
        return Ok(Box::new(input));
    }
    let mut inside = BufReader::with_capacity(BUFFER, MultiGzDecoder::new(input));
    let (magic, at) = TAR;
    let is_tar = inside.fill_buf().with_context(about)?.get(at..at + magic.len()) == Some(magic);
    ensure!(!is_tar, "{} is an archive: unpack it (tar -xf), and give the folder", path.display());
    Ok(Box::new(inside))
}

fn begins_with_tar(file: &mut File) -> std::io::Result<bool> {
    let (magic, at) = TAR;
    let mut head = Vec::new();
    file.by_ref().take((at + magic.len()) as u64).read_to_end(&mut head)?;
    // A pipe cannot go back, and so is read as it is.
    file.rewind()?;
    Ok(head.get(at..) == Some(magic))
}

#[cfg(test)]
mod tests {
    use super::{find_file, open};
    use std::fs;
    use std::io::{Read, Write};

    #[test]
    fn a_folder_has_its_file_at_any_depth() {
        let folder = tempfile::tempdir().unwrap();
        assert!(
            find_file(folder.path()).unwrap_err().to_string().contains("there is no metrics.openmetrics")
        );
        let deep = folder.path().join("must-gather.local.1/quay-io-x/monitoring/metrics");
        fs::create_dir_all(&deep).unwrap();
        let file = deep.join("metrics.openmetrics");
        fs::write(&file, "# EOF\n").unwrap();
        assert_eq!(find_file(folder.path()).unwrap(), file);
        fs::write(folder.path().join("metrics.openmetrics.gz"), "").unwrap();
        assert!(find_file(folder.path()).unwrap_err().to_string().contains("several files of samples"));
        assert!(format!("{:#}", find_file(&folder.path().join("no")).unwrap_err()).contains("cannot read"));
    }

    #[test]
    fn gzip_is_known_by_its_first_bytes_and_an_archive_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let text = |path: &std::path::Path| {
            let mut text = String::new();
            open(path).map(|mut input| input.read_to_string(&mut text).unwrap()).map(|_| text)
        };
        let gzip = |bytes: &[u8]| {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            out.write_all(bytes).unwrap();
            out.finish().unwrap()
        };
        for bytes in [b"m 1 2\n".to_vec(), gzip(b"m 1 2\n")] {
            fs::write(&path, bytes).unwrap();
            assert_eq!(text(&path).unwrap(), "m 1 2\n");
        }
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        for bytes in [tar.clone(), gzip(&tar)] {
            fs::write(&path, bytes).unwrap();
            assert!(text(&path).unwrap_err().to_string().contains("is an archive: unpack it"));
        }
        fs::write(&path, "").unwrap();
        assert!(text(&path).unwrap_err().to_string().ends_with("is empty"));
    }
}
