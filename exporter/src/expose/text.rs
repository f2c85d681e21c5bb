//! Text format: families of samples, their labels and values.

use std::fmt::Write;

/// Exposition that is being written.
#[derive(Debug)]
pub(super) struct Text(String);

/// Metric of the text, whose samples follow.
#[derive(Debug)]
pub(super) struct Family<'a> {
    text: &'a mut String,
    name: &'a str,
}

/// Value of a sample.
pub(super) trait Value {
    fn write_to(self, text: &mut String);
}

impl Value for u64 {
    fn write_to(self, text: &mut String) {
        text.push_str(itoa::Buffer::new().format(self));
    }
}

/// Formats microseconds as seconds, exactly.
pub(super) fn seconds(us: u64) -> Seconds {
    Seconds(us)
}

/// Microseconds, written as seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seconds(u64);

impl Value for Seconds {
    fn write_to(self, text: &mut String) {
        (self.0 / 1_000_000).write_to(text);
        text.push('.');
        let mut digits = itoa::Buffer::new();
        // A digit before the six keeps the zeros that they begin with.
        let fraction = digits.format(1_000_000 + self.0 % 1_000_000);
        text.push_str(fraction.get(1..).unwrap_or_default());
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
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: impl Value) {
        self.write_series(labels);
        value.write_to(self.text);
        self.text.push('\n');
    }

    fn write_series(&mut self, labels: &[(&str, &str)]) {
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
    }
}

/// Writes a label's value. The format has three escapes. Other control characters are spelled out, because any process can
/// name a thread so and a user may read the text on a terminal.
fn escape(value: &str, text: &mut String) {
    // Byte by byte, as nearly all values are of such bytes alone.
    if value.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'\\' | b'"')) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_exact() {
        for (us, expected) in [
            (0, "0.000000"),
            (1, "0.000001"),
            (999_999, "0.999999"),
            (1_000_000, "1.000000"),
            (60_000_010, "60.000010"),
            (u64::MAX, "18446744073709.551615"),
        ] {
            let mut text = String::new();
            seconds(us).write_to(&mut text);
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn labels_are_escaped() {
        for (value, expected) in
            [("a b~", "a b~"), ("a\\\"\n", r#"a\\\"\n"#), ("\u{7f}", r"\\x7f"), ("é", "é")]
        {
            let mut text = String::new();
            escape(value, &mut text);
            assert_eq!(text, expected, "{value:?}");
        }
    }
}
