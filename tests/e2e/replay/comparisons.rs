//! `compare` of files: sides of captures and must-gathers are those of the windows that they are from.

use super::{Dump, compare as same, dump, json};
use crate::compare::{Site, window};
use crate::serve::{END_MS, serve};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use test_history::History;

/// The part of a history before a time, which a file of it ends with.
fn until(history: &History, end: i64) -> History {
    let mut part = History { series: history.series.clone(), ..*history };
    part.series.iter_mut().for_each(|series| series.samples.retain(|(at, _)| *at <= end));
    part.series.retain(|series| !series.samples.is_empty());
    part
}

/// Everything was restarted between the two, and crio got dearer by a fifth.
#[test]
fn files_compare_as_the_windows_that_they_hold() -> Result<()> {
    let history = Site { changes: [("crio", 1.2)].into(), ..Site::new(1) }.history();
    let prometheus = serve("replay-compare", &history, &[])?;
    let before = dump("replay-before", &until(&history, END_MS - 3_600_000), &Dump::default())?;
    let after = dump("replay-after", &history, &Dump::default())?;
    let [before, after] = [&before, &after].map(|path| path.display().to_string());
    let (a, b) = (window(1), window(0));
    let ask = |operands: [&str; 2], flags: &[&str]| {
        json(&[&["compare"], &operands[..], flags, &["--prometheus", &prometheus.url]].concat())
    };
    for by in ["class", "namespace", "workload", "group"] {
        // A window ends where it is asked to, and a file with its newest sample, 3 s before: the same samples.
        let of = |side: &Value| -> Result<Value> {
            let mut side = side.clone();
            let whole = side.as_object_mut().context("no comparison")?;
            for name in ["a", "b"] {
                whole.get_mut(name).and_then(Value::as_object_mut).context("no side")?.remove("window");
            }
            Ok(side)
        };
        let windows = of(&ask([&a, &b], &["--by", by])?)?;
        for operands in [[before.as_str(), after.as_str()], [a.as_str(), after.as_str()]] {
            let files = of(&ask(operands, &["--by", by])?)?;
            let count = same("", &windows, &files).with_context(|| format!("{by} {operands:?}"))?;
            ensure!(count > 10, "{by}: {count} figures");
        }
    }
    Ok(())
}
