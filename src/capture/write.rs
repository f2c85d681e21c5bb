//! Capture: the samples of a window and the cluster's objects, in one archive that is whole or not there.
use super::case::{ENDS, NAMES};
use super::cluster_objects::{self, ClusterObjects};
use super::samples::{self, Written};
use super::selectors::Needs;
use super::text::write_end;
use crate::cluster::Cluster;
use crate::prometheus::Client;
use crate::query::Span;
use crate::time::Timestamp;
use anyhow::{Context, Result, bail, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::NamedTempFile;

/// Folder of samples in a must-gather.
const METRICS: &str = "monitoring/metrics";
/// Length of what is captured before the window: rates at its beginning are of samples up to five minutes older.
const BEFORE: Duration = Duration::from_secs(600);
/// Size of what is written at once, in bytes.
const BUFFER: usize = 1 << 18;

/// What is captured.
#[derive(Debug)]
pub struct Capture {
    /// Archive that is made.
    pub file: PathBuf,
    /// End of the window, inclusive.
    pub end: Timestamp,
    /// Length of the window, above zero.
    pub interval: Duration,
    /// True if threads are captured too.
    pub threads: bool,
}

/// What a capture has become.
#[derive(Debug)]
pub struct Captured {
    /// Number of samples.
    pub samples: u64,
    /// Number of series.
    pub series: usize,
    /// Size of the archive, bytes.
    pub bytes: u64,
    /// Notes on what it lacks, a sentence each.
    pub notes: Vec<String>,
}

impl Capture {
    /// Returns the stretch whose samples are captured.
    fn span(&self) -> Span {
        Span::ending(self.end, self.interval + BEFORE)
    }

    fn needs(&self) -> Vec<Needs> {
        Needs::ALL.into_iter().filter(|needs| self.threads || *needs != Needs::Threads).collect()
    }

    /// Checks, before anything is queried, that the archive can be made. Errors if something has its name, or if its folder is
    /// missing or cannot be written.
    pub fn check(&self) -> Result<()> {
        ensure!(fs::symlink_metadata(&self.file).is_err(), "{}", self.is_there());
        self.scratch().map(|_| ())
    }

    fn is_there(&self) -> String {
        format!("{} is there already: give another name, or remove it", self.file.display())
    }

    fn beside(&self) -> &Path {
        self.file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    /// Makes a file beside the archive. It has no name: whatever ends this program, it is gone.
    fn scratch(&self) -> Result<File> {
        let folder = self.beside();
        tempfile::tempfile_in(folder).with_context(|| format!("cannot write into {}", folder.display()))
    }

    /// Makes the archive. Errors as `check` does, or if the server has nothing in the window, or if either cannot be read or
    /// written; then nothing is left.
    pub async fn run(&self, client: &Client, cluster: &Cluster) -> Result<Captured> {
        self.check()?;
        let shown = self.file.display().to_string();
        let (mut metrics, mut ends) = (self.scratch()?, self.scratch()?);
        let objects = cluster_objects::fetch(cluster).await;
        let mut packed =
            GzEncoder::new(BufWriter::with_capacity(BUFFER, &mut metrics), Compression::default());
        let mut of_ends = BufWriter::new(&mut ends);
        let written =
            samples::write_window(client, self.span(), &self.needs(), &mut packed, &mut of_ends).await?;
        let finish = || format!("cannot write {shown}");
        write_end(&mut packed).and_then(|()| packed.finish()?.flush()).with_context(finish)?;
        write_end(&mut of_ends).and_then(|()| of_ends.flush()).with_context(finish)?;
        drop(of_ends);
        let bytes = self.pack(&mut metrics, &mut ends, &objects).with_context(finish)?;
        let Written { samples, series } = written;
        Ok(Captured { samples, series, bytes, notes: [objects.notes, client.warnings()].concat() })
    }

    /// Packs the archive beside its place, and puts it there once it is whole. Returns its size.
    fn pack(&self, metrics: &mut File, ends: &mut File, objects: &ClusterObjects) -> Result<u64> {
        let mut name = self.file.file_name().context("it names no file")?.to_owned();
        name.push(".");
        // Of a name that is nobody's, and for its owner alone.
        let mut part = tempfile::Builder::new().prefix(&name).suffix(".part").tempfile_in(self.beside())?;
        let level = Compression::fast(); // The samples are packed already.
        let buffer = BufWriter::with_capacity(BUFFER, part.as_file_mut());
        let mut archive = tar::Builder::new(GzEncoder::new(buffer, level));
        let time = self.end.as_seconds() as u64;
        let mut add = |path: &str, size: u64, from: &mut dyn Read| -> Result<()> {
            let mut header = tar::Header::new_gnu();
            header.set_size(size);
            header.set_mode(0o644);
            header.set_mtime(time);
            archive.append_data(&mut header, format!("{}/{path}", self.folder()), from)?;
            Ok(())
        };
        let version = format!("oc-interrogate\n{}\n", env!("CARGO_PKG_VERSION"));
        add("version", version.len() as u64, &mut version.as_bytes())?;
        for (path, text) in &objects.files {
            add(path, text.len() as u64, &mut text.as_bytes())?;
        }
        for (name, file) in [(ENDS, ends), (NAMES[1], metrics)] {
            let size = file.seek(SeekFrom::End(0))?;
            file.rewind()?;
            add(&format!("{METRICS}/{name}"), size, file)?;
        }
        let mut out = archive.into_inner()?.finish()?;
        out.flush()?;
        let bytes = out.get_ref().metadata()?.len();
        drop(out);
        self.name(part)?;
        Ok(bytes)
    }

    /// Gives the archive its name. What has come there in the meantime stays.
    fn name(&self, part: NamedTempFile) -> Result<()> {
        let Err(failure) = part.persist_noclobber(&self.file) else { return Ok(()) };
        match failure.error.kind() {
            ErrorKind::AlreadyExists => bail!(self.is_there()),
            // The filesystem can do neither that nor links.
            ErrorKind::Unsupported | ErrorKind::PermissionDenied | ErrorKind::InvalidInput => {
                ensure!(fs::symlink_metadata(&self.file).is_err(), "{}", self.is_there());
                failure.file.persist(&self.file)?;
                Ok(())
            }
            _ => Err(failure.into()),
        }
    }

    /// Returns the folder that the archive unpacks into.
    fn folder(&self) -> String {
        let time = jiff::Timestamp::from(self.end).strftime("%Y%m%dT%H%M%SZ");
        format!("must-gather.interrogate.{time}")
    }

    /// Writes the command that gathers the same by way of `oc adm must-gather`.
    pub fn must_gather(&self) -> String {
        let window = self.span();
        let times = [("min", window.start), ("max", window.end)]
            .map(|(name, at)| format!("--{name}-time={:.0}", at.as_seconds() * 1000.0));
        let all = times.into_iter().chain(samples::matches(&self.needs()));
        let options: Vec<String> = all.collect();
        format!("oc adm must-gather -- gather_metrics \\\n  {}\n", options.join(" \\\n  "))
    }
}

#[cfg(test)]
mod tests;
