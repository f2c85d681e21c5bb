//! Prometheus durations and points in time, from strings: `1h30m`, `2026-01-31T10:00`, `-30m`.
use anyhow::{Context, Result, bail, ensure};
use jiff::{Timestamp, civil, tz::TimeZone};

/// Longest duration that is accepted: ten years, longer than any retention.
const LONGEST_MS: i64 = 10 * 365 * 24 * 3600 * 1000;

/// Parses a Prometheus duration (`90s`, `1h30m`, `2d`, units from big to small, each once) to milliseconds, above zero.
pub fn duration_ms(text: &str) -> Result<i64> {
    const UNITS: [(&str, i64); 7] = [
        ("y", 365 * 86_400_000),
        ("w", 7 * 86_400_000),
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
        ("ms", 1),
    ];
    const FORM: &str = "give a duration such as 90s, 1h30m or 2d";
    let (mut rest, mut total, mut next_unit) = (text, 0i64, 0);
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let unit_len = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_len);
        let place = UNITS.iter().position(|(name, _)| *name == unit).filter(|place| *place >= next_unit);
        let (Some(place), false) = (place, number.is_empty()) else { bail!("{FORM}") };
        let scale = UNITS.get(place).map_or(0, |(_, ms)| *ms);
        let part = number.parse::<i64>().ok().and_then(|n| n.checked_mul(scale));
        total = part
            .and_then(|part| total.checked_add(part))
            .filter(|t| *t <= LONGEST_MS)
            .context("longer than ten years")?;
        (rest, next_unit) = (tail, place + 1);
    }
    ensure!(!text.is_empty(), "{FORM}");
    ensure!(total > 0, "a duration of zero holds nothing");
    Ok(total)
}

/// Writes a duration as Prometheus does: `1h30m` for 5,400,000.
pub fn show_duration(ms: i64) -> String {
    let mut rest = ms;
    let mut text = String::new();
    for (unit, scale) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
        if rest >= scale {
            text.push_str(&format!("{}{unit}", rest / scale));
            rest %= scale;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// Parses a point in time to Unix milliseconds: RFC 3339, a date (and time) without zone in UTC, Unix seconds, or `-30m` for
/// that long before `now`. Errors if it lies in the future.
pub fn time_ms(text: &str, now: i64) -> Result<i64> {
    let at = if let Some(ago) = text.strip_prefix('-') {
        now - duration_ms(ago)?
    } else if let Ok(timestamp) = text.parse::<Timestamp>() {
        timestamp.as_millisecond()
    } else if let Ok(civil) = text.parse::<civil::DateTime>() {
        civil.to_zoned(TimeZone::UTC).context("no such time")?.timestamp().as_millisecond()
    } else if let Some(seconds) = text.parse::<f64>().ok().filter(|s| *s >= 0.0 && *s < 1e11) {
        (seconds * 1000.0).round() as i64
    } else {
        bail!("give 2026-01-31T10:00:00Z, \"2026-01-31 10:00\" (UTC), Unix seconds, or -30m");
    };
    ensure!(at <= now, "lies in the future (it is {} now)", show_time(now));
    ensure!(at > 0, "lies before 1970");
    Ok(at)
}

/// Converts Unix milliseconds to a timestamp; the epoch for what no calendar holds.
pub fn timestamp(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Writes Unix milliseconds in RFC 3339, UTC.
pub fn show_time(ms: i64) -> String {
    timestamp(ms).to_string()
}

#[cfg(test)]
mod tests {
    use super::{duration_ms, show_duration, show_time, time_ms};

    #[test]
    fn durations_are_prometheus_own() {
        for (text, ms) in [
            ("90s", 90_000),
            ("1h30m", 5_400_000),
            ("2d", 172_800_000),
            ("250ms", 250),
            ("1y2w", 32_745_600_000),
        ] {
            assert_eq!(duration_ms(text).unwrap(), ms, "{text}");
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
            assert!(duration_ms(text).is_err(), "{text}");
        }
        assert_eq!(show_duration(5_400_000), "1h30m");
        assert_eq!(show_duration(86_400_000 + 1500), "1d1s500ms");
    }

    #[test]
    fn times_in_every_form() {
        let now = 1_770_000_000_000; // 2026-02-02T02:40:00Z
        assert_eq!(show_time(now), "2026-02-02T02:40:00Z");
        for (text, expected) in [
            ("2026-02-02T02:00:00Z", "2026-02-02T02:00:00Z"),
            ("2026-02-02T02:00:00+01:00", "2026-02-02T01:00:00Z"),
            ("2026-02-02 02:00", "2026-02-02T02:00:00Z"),
            ("2026-02-02T02:00:30", "2026-02-02T02:00:30Z"),
            ("2026-02-01", "2026-02-01T00:00:00Z"),
            ("1769996400", "2026-02-02T01:40:00Z"),
            ("-30m", "2026-02-02T02:10:00Z"),
        ] {
            assert_eq!(show_time(time_ms(text, now).unwrap()), expected, "{text}");
        }
        for text in ["2026-02-03", "yesterday", "", "-", "-5", "1e300", "NaN", "2026-13-01"] {
            assert!(time_ms(text, now).is_err(), "{text}");
        }
    }
}
