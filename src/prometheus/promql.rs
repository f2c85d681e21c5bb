//! Pieces of PromQL text: literals that hold any value whatever without changing the query around them.

use std::fmt::Write as _;

/// A string literal, quotes included, that means exactly `value`.
#[must_use]
pub fn literal(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 2);
    text.push('"');
    for character in value.chars() {
        match character {
            '"' | '\\' => {
                text.push('\\');
                text.push(character);
            }
            '\n' => text.push_str("\\n"),
            control if control.is_control() => {
                // Writing to a String cannot fail.
                let _ = write!(text, "\\u{:04x}", u32::from(control));
            }
            other => text.push(other),
        }
    }
    text.push('"');
    text
}

/// A duration literal of `milliseconds`, which must be above zero: `14999ms`.
#[must_use]
pub fn duration(milliseconds: i64) -> String {
    format!("{milliseconds}ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_holds_any_value() {
        for (value, expected) in [
            ("plain", r#""plain""#),
            (r#"a"b"#, r#""a\"b""#),
            (r"a\b", r#""a\\b""#),
            ("a\nb\tc\u{7f}", r#""a\nb\u0009c\u007f""#),
            ("ü{}", r#""ü{}""#),
        ] {
            assert_eq!(literal(value), expected);
        }
    }

    #[test]
    fn durations_are_in_milliseconds() {
        assert_eq!(duration(14_999), "14999ms");
    }
}
