//! `capture`: its flags, and what it says.
use super::shared::{ApiFlags, PrometheusFlags, Usage, termination};
use super::values::{End, now, parse_duration, parse_end};
use super::{check_written, print_stderr};
use crate::capture::{Capture, Captured};
use crate::cluster::Cluster;
use anyhow::{Result, bail, ensure};
use clap::{Args, ValueHint};
use std::io::{self, Write};
use std::path::{self, Path, PathBuf};
use std::time::Duration;

/// What a must-gather of the same costs the node.
const COST: &str = "that reads all that Prometheus holds in memory, inside of its container: CPU of the node's reserved set, and \
                    several times the size of its write-ahead log in memory; `oc interrogate capture FILE` asks for the samples alone";

#[derive(Args)]
pub(super) struct CaptureFlags {
    /// Archive to write, such as case.tar.gz
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath, required_unless_present = "must_gather", conflicts_with = "must_gather")]
    file: Option<PathBuf>,
    /// Length of the window
    #[arg(short, long, value_name = "DURATION", default_value = "6h", value_parser = parse_duration, allow_hyphen_values = true)]
    interval: Duration,
    /// End of the window, as of top [default: now]
    #[arg(short = 'T', long, value_name = "TIME", value_parser = parse_end, allow_hyphen_values = true)]
    time: Option<End>,
    /// Capture threads too, for --by thread: several times the size
    #[arg(long)]
    threads: bool,
    /// Print the `oc adm must-gather` command that gathers the same samples, and nothing else
    #[arg(long)]
    must_gather: bool,
    #[command(flatten)]
    prometheus: PrometheusFlags,
    #[command(flatten)]
    api: ApiFlags,
}

impl CaptureFlags {
    /// Runs the command.
    pub(super) async fn run(self) -> Result<()> {
        let second = Duration::from_secs(1);
        ensure!(
            self.interval >= second,
            Usage("--interval is below a second, and no cluster is sampled that often".to_owned())
        );
        let capture = Capture {
            file: self.file.unwrap_or_default(),
            end: End::time(self.time, now()),
            interval: self.interval,
            threads: self.threads,
        };
        if self.must_gather {
            print_stderr("note", COST);
            let written = io::stdout().write_all(capture.must_gather().as_bytes());
            return check_written("the command", written).map(|_| ());
        }
        ensure!(is_file(&capture.file), Usage(format!("{} names no file", capture.file.display())));
        capture.check()?;
        let (session, prometheus) = (self.api.session(), self.prometheus.typed()?);
        let cluster = Cluster::new(session);
        let run = async {
            let connection = cluster.connect(&prometheus).await?;
            let captured = capture.run(&connection.client, &cluster).await?;
            connection.notes.iter().for_each(|note| print_stderr("note", note));
            anyhow::Ok(captured)
        };
        // Listening keeps a signal from ending the program while the archive is put in its place.
        let captured = tokio::select! {
            captured = run => captured?,
            () = termination() => bail!("interrupted: nothing was captured"),
        };
        let Captured { samples, series, bytes, notes } = captured;
        notes.iter().for_each(|note| print_stderr("note", note));
        print_stderr(
            "note",
            &format!(
                "{} holds {samples} samples of {series} series, {:.1} MB",
                capture.file.display(),
                bytes as f64 / 1e6
            ),
        );
        Ok(())
    }
}

/// Returns true if a path can be a file's: a folder's ends with a separator, or with a dot.
fn is_file(path: &Path) -> bool {
    let text = path.to_string_lossy();
    let last = text.rsplit(path::is_separator).next().unwrap_or_default();
    !["", ".", ".."].contains(&last)
}

#[cfg(test)]
mod tests {
    use super::is_file;
    use std::path::Path;

    #[test]
    fn a_folder_is_no_file() {
        for (path, expected) in [
            ("x", true),
            ("a/x.tar.gz", true),
            ("./.x", true),
            ("x/", false),
            ("x/.", false),
            ("..", false),
            ("/", false),
            ("", false),
        ] {
            assert_eq!(is_file(Path::new(path)), expected, "{path}");
        }
    }
}
