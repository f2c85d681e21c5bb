//! docs/gallery.md and its pictures: what the program draws of two days that are made up, from a real Prometheus.
//! `UPDATE_EXPECT=1 tests/all e2e -- gallery` writes them again.

mod days;

use crate::serve::serve_text;
use crate::way_in::plugin;
use anyhow::{Context, Result, ensure};
use days::{STORY, samples};
use regex::Regex;
use std::fmt::Write;
use std::fs;
use std::path::Path;

const PAGE: &str = "docs/gallery.md";
/// The most that a picture may have, bytes.
const MOST: usize = 300_000;
/// Address that the page has in place of the test's.
const ADDRESS: &str = "https://prometheus.example/";

/// What the page shows: a heading, what there is to see, flags, and a picture's file; without one it is text.
const PARTS: [(&str, &str, &str, Option<&str>); 6] = [
    (
        "A day of a node",
        "Classes on each other; the dashed line is the busy time, so what is between is unattributed. A gap is a gap, and a part of the day\n\
         that was sampled half of its time is half as high: areas are averages.",
        "top -i 24h -T 2026-03-04T00:00 -o svg",
        Some("classes.svg"),
    ),
    (
        "Who it was",
        "The nine biggest rows; what the others used is below the dashed line. In a browser the pointer shows a row's whole\n\
         name and its figures.",
        "top -i 24h -T 2026-03-04T00:00 --by group --limit 9 -o svg",
        Some("rows.svg"),
    ),
    (
        "A budget",
        "The line that is nearest to its limit or the most above it, on its node: the backup is too much for this one.",
        "budget ran-du -i 24h -T 2026-03-04T00:00 -o svg",
        Some("budget.svg"),
    ),
    (
        "What changed",
        "Both days on one scale, with the same rows in the same order, in means of half an hour.",
        "compare 2026-03-03T00:00/24h 2026-03-04T00:00/24h -o svg",
        Some("compare.svg"),
    ),
    (
        "On a terminal",
        "In colour, if there may be colour.",
        "top -i 24h -T 2026-03-04T00:00 --by class --chart",
        None,
    ),
    (
        "A budget on a terminal",
        "The limit is the line.",
        "budget ran-du -i 24h -T 2026-03-04T00:00 --chart",
        None,
    ),
];

/// What the program draws otherwise, and a page that is not written anew, turn this red.
#[test]
fn the_gallery_is_what_the_program_draws() -> Result<()> {
    let prometheus = serve_text("gallery", &samples())?;
    let mut page = format!(
        "# Gallery\n\n{STORY}\n\nThis page and its pictures are made by one command; `tests/all` fails if they are not what it makes:\n\n\
         ```\nUPDATE_EXPECT=1 tests/all e2e -- gallery\n```\n"
    );
    let mut files = Vec::new();
    for (heading, about, flags, picture) in PARTS {
        let asked = flags.split(' ').chain(["--prometheus", &prometheus.url]);
        let outcome = plugin().run(asked)?;
        // A budget that is exceeded is 3.
        ensure!(matches!(outcome.code, 0 | 3), "{flags}: {}", outcome.stderr);
        // The server's name beside its address is this machine's.
        let address = Regex::new(&format!(r"{}( \([^)]*\))?", regex::escape(&prometheus.url)))?;
        let text = address.replace_all(&outcome.stdout, ADDRESS).into_owned();
        match picture {
            Some(name) => {
                ensure!(text.len() <= MOST, "{flags}: {} bytes", text.len());
                writeln!(
                    page,
                    "\n## {heading}\n\n```\noc interrogate {flags} > {name}\n```\n\n{about}\n\n![{heading}](gallery/{name})"
                )?;
                files.push((format!("docs/gallery/{name}"), text));
            }
            None => writeln!(
                page,
                "\n## {heading}\n\n```\noc interrogate {flags}\n```\n\n{about}\n\n```text\n{text}```"
            )?,
        }
    }
    files.push((PAGE.to_owned(), page));
    let renew = std::env::var_os("UPDATE_EXPECT").is_some();
    ensure!(!renew || std::env::var_os("CI").is_none(), "CI compares golden files: unset UPDATE_EXPECT");
    for (file, text) in files {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&file);
        if renew {
            fs::create_dir_all(path.parent().context("no folder")?)?;
            fs::write(&path, &text)?;
        }
        let is = fs::read_to_string(&path).unwrap_or_default();
        let line = is.lines().zip(text.lines()).find(|(is, made)| is != made);
        ensure!(
            is == text,
            "{file} differs at {line:?}: UPDATE_EXPECT=1 tests/all e2e -- gallery writes it again"
        );
    }
    Ok(())
}
