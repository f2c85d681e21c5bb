//! Points in time to the millisecond, as Prometheus has them, and its durations: from strings and to strings.
use anyhow::{Context, Result, bail, ensure};
use jiff::{civil, tz::TimeZone};
use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// Longest duration that is accepted: ten years, longer than any retention.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// A point in time: milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Returns the time so many milliseconds after the Unix epoch.
    pub const fn from_millis(milliseconds: i64) -> Timestamp {
        Timestamp(milliseconds)
    }

    /// Returns the time of a number of seconds since the Unix epoch, as Prometheus writes it.
    pub fn from_seconds(seconds: f64) -> Timestamp {
        // Whole milliseconds within an i64's range for the next 292 million years.
        Timestamp((seconds * 1000.0).round() as i64)
    }

    /// Returns the current time.
    pub fn now() -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_millisecond())
    }

    /// Parses RFC 3339, a date (and time) without zone in UTC, Unix seconds, or `-30m` for that long before `now`. Errors if
    /// it lies in the future.
    pub fn parse(text: &str, now: Timestamp) -> Result<Timestamp> {
        let at = if let Some(ago) = text.strip_prefix('-') {
            now - parse_duration(ago)?
        } else if let Ok(timestamp) = text.parse::<jiff::Timestamp>() {
            Timestamp(timestamp.as_millisecond())
        } else if let Ok(civil) = text.parse::<civil::DateTime>() {
            let zoned = civil.to_zoned(TimeZone::UTC).context("no such time")?;
            Timestamp(zoned.timestamp().as_millisecond())
        } else if let Some(seconds) = text.parse::<f64>().ok().filter(|s| *s >= 0.0 && *s < 1e11) {
            Timestamp::from_seconds(seconds)
        } else {
            bail!("give 2026-01-31T10:00:00Z, \"2026-01-31 10:00\" (UTC), Unix seconds, or -30m");
        };
        ensure!(at <= now, "lies in the future (it is {now} now)");
        ensure!(at.0 > 0, "lies before 1970");
        Ok(at)
    }

    /// Returns the time since an earlier one; zero if that is later.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0).max(0).unsigned_abs())
    }

    /// Returns the newest time of `offset` + k × `step` that is not after this one. `step` is above zero.
    pub fn floor(self, offset: Timestamp, step: Duration) -> Timestamp {
        Timestamp(self.0 - (self.0 - offset.0).rem_euclid(milliseconds(step).max(1)))
    }

    /// Returns the end of the second that it is in.
    pub fn end_of_second(self) -> Timestamp {
        Timestamp(self.0 + (-self.0).rem_euclid(1000))
    }

    /// Returns the seconds since the Unix epoch.
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// Writes it as seconds since the Unix epoch, the unit of Prometheus's API.
    pub fn seconds(self) -> String {
        seconds(self.0)
    }
}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;

    fn add(self, after: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(milliseconds(after)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Timestamp;

    fn sub(self, before: Duration) -> Timestamp {
        Timestamp(self.0.saturating_sub(milliseconds(before)))
    }
}

impl From<std::time::SystemTime> for Timestamp {
    fn from(at: std::time::SystemTime) -> Timestamp {
        let since = at.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp(milliseconds(since))
    }
}

/// RFC 3339, UTC.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        jiff::Timestamp::from(*self).fmt(f)
    }
}

/// The epoch for what no calendar holds.
impl From<Timestamp> for jiff::Timestamp {
    fn from(at: Timestamp) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

/// Writes a duration as seconds, the unit of Prometheus's API.
pub fn duration_seconds(duration: Duration) -> String {
    seconds(milliseconds(duration))
}

fn seconds(milliseconds: i64) -> String {
    format!("{}.{:03}", milliseconds.div_euclid(1000), milliseconds.rem_euclid(1000))
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Returns true if a duration is a whole number of steps. `step` is above zero.
pub fn is_multiple(duration: Duration, step: Duration) -> bool {
    duration.as_nanos().is_multiple_of(step.as_nanos())
}

/// Parses a Prometheus duration (`90s`, `1h30m`, `2d`, units from big to small, each once), above zero.
pub fn parse_duration(text: &str) -> Result<Duration> {
    const UNITS: [(&str, u64); 7] = [
        ("y", 365 * 86_400_000),
        ("w", 7 * 86_400_000),
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
        ("ms", 1),
    ];
    const FORM: &str = "give a duration such as 90s, 1h30m or 2d";
    let (mut rest, mut total, mut next_unit) = (text, Duration::ZERO, 0);
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let unit_len = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_len);
        let place = UNITS.iter().position(|(name, _)| *name == unit).filter(|place| *place >= next_unit);
        let (Some(place), false) = (place, number.is_empty()) else { bail!("{FORM}") };
        let scale = UNITS.get(place).map_or(0, |(_, ms)| *ms);
        let part = number.parse::<u64>().ok().and_then(|n| n.checked_mul(scale)).map(Duration::from_millis);
        total = part
            .and_then(|part| total.checked_add(part))
            .filter(|total| *total <= LONGEST)
            .context("longer than ten years")?;
        (rest, next_unit) = (tail, place + 1);
    }
    ensure!(!text.is_empty(), "{FORM}");
    ensure!(!total.is_zero(), "a duration of zero holds nothing");
    Ok(total)
}

/// Writes a duration as Prometheus does: `1h30m` for 5,400 seconds.
pub fn show_duration(duration: Duration) -> String {
    let mut rest = duration.as_millis();
    let mut text = String::new();
    for (unit, scale) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
        if rest >= scale {
            text.push_str(&format!("{}{unit}", rest / scale));
            rest %= scale;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::{Timestamp, parse_duration, show_duration};
    use std::time::Duration;

    #[test]
    fn durations_are_prometheus_own() {
        for (text, ms) in [
            ("90s", 90_000),
            ("1h30m", 5_400_000),
            ("2d", 172_800_000),
            ("250ms", 250),
            ("1y2w", 32_745_600_000),
        ] {
            assert_eq!(parse_duration(text).unwrap(), Duration::from_millis(ms), "{text}");
        }
        for text in [
            "",
            "0",
            "0s",
            "5",
            "-5m",
            "1y2x",
            "1m1h",
            "1h1h",
            "1.5h",
            "h",
            " 1h",
            "1h ",
            "9999999999999999999s",
            "11y",
            "1\u{660}h",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        assert_eq!(show_duration(Duration::from_secs(5400)), "1h30m");
        assert_eq!(show_duration(Duration::from_millis(86_400_000 + 1500)), "1d1s500ms");
    }

    #[test]
    fn times_in_every_form() {
        let now = Timestamp::from_millis(1_770_000_000_000); // 2026-02-02T02:40:00Z
        assert_eq!(now.to_string(), "2026-02-02T02:40:00Z");
        for (text, expected) in [
            ("2026-02-02T02:00:00Z", "2026-02-02T02:00:00Z"),
            ("2026-02-02T02:00:00+01:00", "2026-02-02T01:00:00Z"),
            ("2026-02-02 02:00", "2026-02-02T02:00:00Z"),
            ("2026-02-02T02:00:30", "2026-02-02T02:00:30Z"),
            ("2026-02-01", "2026-02-01T00:00:00Z"),
            ("1769996400", "2026-02-02T01:40:00Z"),
            ("-30m", "2026-02-02T02:10:00Z"),
        ] {
            assert_eq!(Timestamp::parse(text, now).unwrap().to_string(), expected, "{text}");
        }
        for text in ["2026-02-03", "yesterday", "", "-", "-5", "1e300", "NaN", "2026-13-01"] {
            assert!(Timestamp::parse(text, now).is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_is_put_on_the_steps_before_it() {
        let at = Timestamp::from_millis;
        let step = Duration::from_millis(10);
        for (time, offset, expected) in [(34, 65, 25), (35, 65, 35), (65, 65, 65), (-1, 65, -5), (80, 65, 75)]
        {
            assert_eq!(at(time).floor(at(offset), step), at(expected), "{time}");
        }
        assert_eq!((at(70).since(at(40)), at(40).since(at(70))), (3 * step, Duration::ZERO));
        assert_eq!(at(1_500).seconds(), "1.500");
        assert_eq!(
            [7000, 7001, 7999, 8000].map(|ms| at(ms).end_of_second()),
            [7000, 8000, 8000, 8000].map(at)
        );
    }
}
