//! A page that holds the picture, and text below it.
use super::{Scene, svg};
use crate::print::printable;
use std::io::{self, Write};

const HEAD: &str = r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>CPU of the nodes</title>
<style>
:root { color-scheme: light dark; -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 1em auto; max-width: 60em; padding: 0 .5em; font-family: system-ui, sans-serif; }
pre { overflow-x: auto; font-size: 13px; }
@media print { pre { white-space: pre-wrap; } }
</style>
</head>
<body>
"#;

/// Writes the page.
pub(in crate::print) fn write(
    scenes: &[Scene],
    text: &[u8],
    notes: &[String],
    out: &mut impl Write,
) -> io::Result<()> {
    let notes = notes.iter().map(|note| format!("note: {}\n", printable(note)));
    let text = String::from_utf8_lossy(text).into_owned() + &notes.collect::<String>();
    writeln!(out, "{HEAD}{}\n<pre>{}</pre>\n</body>\n</html>", svg::draw(scenes), escape(&text))
}

/// Writes text as HTML has it.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
