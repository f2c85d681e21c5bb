//! Size of the program as it is released: static and stripped.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Result, ensure};

use crate::at_most;
use crate::spread::Spread;

/// Maximum sizes in megabytes, of the program and of it compressed.
const MOST: f64 = 3.0;
const MOST_PACKED: f64 = 1.5;

/// Measures the program that `exporter/build` makes for the release.
pub(crate) fn size(out: &mut dyn Write) -> Result<bool> {
    let path = run(&mut Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("build")))?;
    let program = Path::new(path.trim());
    let linked = Command::new("ldd").arg(program).output()?;
    let linked = String::from_utf8_lossy(&[linked.stdout, linked.stderr].concat()).into_owned();
    ensure!(linked.contains("statically linked") || linked.contains("not a dynamic"), "not static: {linked}");
    let packed = Command::new("gzip").args(["-9", "-c"]).arg(program).output()?.stdout.len();
    let size = std::fs::metadata(program)?.len();
    let mb = |bytes: f64| Spread::from_figures(vec![bytes / 1e6]);
    let fine = at_most(out, "static and stripped, MB", &mb(size as f64)?, MOST)?;
    Ok(at_most(out, "packed with gzip, MB", &mb(packed as f64)?, MOST_PACKED)? & fine)
}

fn run(command: &mut Command) -> Result<String> {
    let Output { status, stdout, .. } = command.stderr(Stdio::inherit()).output()?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(String::from_utf8(stdout)?)
}
