//! PromQL literals: hold any value without changing the query around them.

use std::fmt::Write as _;
use std::time::Duration;

/// Writes a string literal of `value`, quotes included.
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

/// Writes a duration literal: `14999ms`. It is 1 ms at least, since PromQL has no duration of zero.
#[must_use]
pub fn duration(duration: Duration) -> String {
    let milliseconds = duration.as_millis().max(1);
    // Parsers may hold a number of one unit in 32 bits, as that of files' queries does: 49 days of milliseconds.
    if milliseconds <= u128::from(u32::MAX) {
        return format!("{milliseconds}ms");
    }
    match milliseconds % 1000 {
        0 => format!("{}s", milliseconds / 1000),
        rest => format!("{}s{rest}ms", milliseconds / 1000),
    }
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
        assert_eq!(duration(Duration::from_millis(14_999)), "14999ms");
        assert_eq!(duration(Duration::ZERO), "1ms");
        assert_eq!(duration(Duration::from_secs(50 * 86_400)), "4320000s");
        assert_eq!(duration(Duration::from_millis(4_320_000_250)), "4320000s250ms");
    }
}
