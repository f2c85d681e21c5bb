//! Odd files: right, or one line that names what is wrong and what helps.

use super::{Dump, dump, json};
use crate::serve::an_hour;
use crate::way_in::plugin;
use anyhow::{Context, Result, ensure};
use std::fs;
use test_cluster::directory;
use test_history::History;

#[test]
fn odd_files_are_right_or_one_line() -> Result<()> {
    let history = History::generate(&an_hour());
    let file = dump("replay-odd", &history, &Dump::default())?;
    let folder = directory()?.join("replay-odd");
    let whole = fs::read(&file)?;
    let path = |name: &str, bytes: &[u8]| -> Result<String> {
        let path = folder.join(name);
        fs::write(&path, bytes)?;
        Ok(path.display().to_string())
    };
    // Cut at the end of a line, or in one: the report of what is there, which says so.
    let half = whole[..whole.len() / 2].iter().rposition(|byte| *byte == b'\n').context("no line")?;
    for (name, end) in [("cut", half + 1), ("torn", half - 5), ("torn-in-a-time", half - 2)] {
        let cut = json(&["top", "--from", &path(name, &whole[..end])?])?;
        ensure!(cut["notes"].to_string().contains("was cut: it does not end with # EOF"), "{name}: {cut}");
    }
    let noise: Vec<u8> = (0..200_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let later = String::from_utf8(whole.clone())?;
    for (name, bytes, flags, said) in [
        ("empty", &b""[..], "", "is empty"),
        ("no-samples", b"# EOF\n", "", "does not hold what a report is made of"),
        ("noise", &noise, "", "no sample of OpenMetrics"),
        ("json", b"[{\"status\": \"success\"}]\n", "", "no sample of OpenMetrics"),
        (
            "later",
            later.as_bytes(),
            "-T 2026-01-01",
            "has no sample in this window: they are from 2025-06-01T",
        ),
    ] {
        let fixed = ["top", "--from", &path(name, bytes)?].map(str::to_owned);
        let outcome = plugin().run(fixed.iter().map(String::as_str).chain(flags.split_whitespace()))?;
        let is_line = outcome.stderr.lines().count() == 1 && outcome.stdout.is_empty();
        ensure!(
            outcome.code == 1 && is_line && outcome.stderr.contains(said),
            "{name}: {} {}",
            outcome.code,
            outcome.stderr
        );
    }
    let missing = plugin().run(["top", "--from", "/no/such/file"])?;
    ensure!(missing.code == 1 && missing.stderr.contains("cannot read /no/such/file"), "{}", missing.stderr);
    Ok(())
}
