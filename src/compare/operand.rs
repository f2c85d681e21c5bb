//! Operands: what is compared, as it was given.
use crate::time::{Timestamp, parse_duration};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::time::Duration;

/// Forms of an operand, for errors.
pub(super) const FORMS: &str = "give a window such as -1d/1h, now or 2026-01-31T10:00:00Z, a file that `top -o json` wrote, a capture or a must-gather";

/// One of the two things that are compared.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A window of this cluster.
    Window {
        /// As it was given.
        text: String,
        /// End, inclusive.
        end: Timestamp,
        /// Length. `None`: the default.
        length: Option<Duration>,
    },
    /// A file with a report, or one that holds samples.
    Path(PathBuf),
}

impl Operand {
    /// Parses `-1d`, `-1d/1h`, `now/1h` or a time with or without a length as a window, and everything else as a path. Errors
    /// if a window has no such time or length.
    pub fn parse(text: &str, now: Timestamp) -> Result<Operand> {
        if text.is_empty() {
            bail!("{FORMS}");
        }
        let (time, length) = text.split_once('/').map_or((text, None), |(time, length)| (time, Some(length)));
        let end = if time == "now" { Ok(now) } else { Timestamp::parse(time, now) };
        let looks_like_a_time = text.starts_with('-') || time == "now" || is_a_time(time);
        if !looks_like_a_time {
            return Ok(Operand::Path(text.into()));
        }
        let end = end.with_context(|| format!("{time:?} is no end of a window"))?;
        let length = length.map(parse_duration).transpose();
        let length = length.with_context(|| format!("what follows / in {text:?} is no length"))?;
        Ok(Operand::Window { text: text.to_owned(), end, length })
    }

    /// Returns true if it is a window of a cluster.
    pub fn is_window(&self) -> bool {
        matches!(self, Operand::Window { .. })
    }
}

/// Returns true if a text is a time, past or not. A path that is one is given as `./2026-01-31`.
fn is_a_time(text: &str) -> bool {
    Timestamp::parse(text, Timestamp::from_millis(i64::MAX)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::{Operand, Timestamp};
    use std::time::Duration;

    #[test]
    fn windows_and_paths_are_distinguished() {
        let now = Timestamp::from_millis(1_770_000_000_000); // 2026-02-02T02:40:00Z
        let hour = Duration::from_secs(3600);
        for (text, end, length) in [
            ("-1d", "2026-02-01T02:40:00Z", None),
            ("-1d/1h", "2026-02-01T02:40:00Z", Some(hour)),
            ("now", "2026-02-02T02:40:00Z", None),
            ("now/1h", "2026-02-02T02:40:00Z", Some(hour)),
            ("2026-02-01T10:00:00Z/60m", "2026-02-01T10:00:00Z", Some(hour)),
            ("2026-02-01", "2026-02-01T00:00:00Z", None),
        ] {
            let Operand::Window { end: at, length: of, .. } = Operand::parse(text, now).unwrap() else {
                panic!("{text} is a window");
            };
            assert_eq!((at.to_string().as_str(), of), (end, length), "{text}");
        }
        for text in ["before.json", "reports/-1d.json", "./-1d", "2026-02-01.json", "now.json"] {
            assert_eq!(Operand::parse(text, now).unwrap(), Operand::Path(text.into()), "{text}");
        }
        for text in ["", "-1x", "-1d/", "-1d/x", "now/0s", "2026-02-03", "-"] {
            assert!(Operand::parse(text, now).is_err(), "{text}");
        }
    }
}
