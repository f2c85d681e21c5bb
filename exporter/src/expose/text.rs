//! Text format: families of samples, their labels and values.

use std::fmt::{self, Write};

/// Exposition that is being written.
#[derive(Debug)]
pub(super) struct Text(String);

/// Metric of the text, whose samples follow.
#[derive(Debug)]
pub(super) struct Family<'a> {
    text: &'a mut String,
    name: &'a str,
}

/// Formats microseconds as seconds, exactly.
pub(super) fn seconds(us: u64) -> Seconds {
    Seconds(us)
}

/// Microseconds, written as seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seconds(u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

impl Text {
    pub(super) fn with_capacity(length: usize) -> Text {
        Text(String::with_capacity(length))
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }

    pub(super) fn counter<'a>(&'a mut self, name: &'a str, help: &str) -> Family<'a> {
        self.family(name, "counter", help)
    }

    pub(super) fn gauge<'a>(&'a mut self, name: &'a str, help: &str) -> Family<'a> {
        self.family(name, "gauge", help)
    }

    fn family<'a>(&'a mut self, name: &'a str, kind: &str, help: &str) -> Family<'a> {
        for part in ["# HELP ", name, " ", help, "\n# TYPE ", name, " ", kind, "\n"] {
            self.0.push_str(part);
        }
        Family { text: &mut self.0, name }
    }
}

impl Family<'_> {
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: impl fmt::Display) {
        self.text.push_str(self.name);
        let mut before = "{";
        for (name, value) in labels {
            self.text.push_str(before);
            self.text.push_str(name);
            self.text.push_str("=\"");
            escape(value, self.text);
            self.text.push('"');
            before = ",";
        }
        self.text.push_str(if labels.is_empty() { " " } else { "} " });
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "{value}");
    }
}

/// Writes a label's value. The format has three escapes. Other control characters are spelled out, because any process can
/// name a thread so and a user may read the text on a terminal.
fn escape(value: &str, text: &mut String) {
    if !value.contains(|c: char| matches!(c, '\\' | '"') || c.is_control()) {
        return text.push_str(value);
    }
    for c in value.chars() {
        match c {
            '\n' => text.push_str("\\n"),
            '\\' | '"' => text.extend(['\\', c]),
            c if c.is_control() => {
                // Writing to a string does not fail.
                let _ = write!(text, "\\\\x{:02x}", u32::from(c));
            }
            _ => text.push(c),
        }
    }
}
