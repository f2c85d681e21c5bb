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
        write_digits(self, 1, text);
    }
}

impl Value for &str {
    fn write_to(self, text: &mut String) {
        text.push_str(self);
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
        write_digits(self.0 / 1_000_000, 1, text);
        text.push('.');
        write_digits(self.0 % 1_000_000, 6, text);
    }
}

/// Writes a number with at least `least` digits. The standard library takes longer, and a scrape has thousands.
fn write_digits(mut number: u64, least: usize, text: &mut String) {
    let mut digits = [0; 20];
    let mut count = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        count += 1;
        if number == 0 && count >= least {
            break;
        }
    }
    let written = digits.get(digits.len() - count..).unwrap_or_default();
    text.push_str(std::str::from_utf8(written).unwrap_or_default());
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
