//! The group that a systemd unit's name stands for: instances by their template, without what numbers them.

use super::owner::bounded;

const UNITS: [&str; 8] = ["service", "scope", "socket", "swap", "timer", "path", "device", "target"];
/// The slice of all that people run.
pub(super) const USERS: &str = "user.slice";

/// The group of a unit, or of a directory of the root or a slice that is none.
pub(super) fn unit(name: &str) -> String {
    match name.rsplit_once('.') {
        Some(_) if name == "init.scope" => "systemd".to_owned(),
        Some((_, "mount" | "automount")) => "mount".to_owned(),
        Some((stem, suffix)) if UNITS.contains(&suffix) => template(stem),
        _ => template(name),
    }
}

/// The group of what people run, as the login manager calls it: a session of somebody's, or the manager of somebody's own
/// units.
pub(super) fn users_unit(name: &str) -> &'static str {
    match name.rsplit_once('.') {
        Some((stem, "scope")) if template(stem) == "session" => "session",
        _ => "user",
    }
}

/// `getty@tty1` -> `getty`, `session-3` -> `session`, `libpod-conmon-<hex>` -> `libpod-conmon`, `\x2d` -> `-`,
/// `vte-spawn-<UUID>` -> `vte-spawn`.
pub(super) fn template(stem: &str) -> String {
    let stem = match stem.split_once('@') {
        Some((template, _)) if !template.is_empty() => template,
        _ => stem,
    };
    let stem = without_ids(&String::from_utf8_lossy(&unescape_hex(stem.as_bytes())));
    let mut kept = stem.as_str();
    while let Some((head, tail)) = kept.rsplit_once('-') {
        let counted = matches!(head.split('-').next(), Some("run" | "session")) && is_letter_and_number(tail);
        if head.is_empty() || !(is_id(tail) || counted) {
            break;
        }
        kept = head;
    }
    bounded(kept)
}

/// Takes out hexadecimal ids and UUIDs wherever they stand between separators, each with the separator before it.
fn without_ids(name: &str) -> String {
    const SEPARATORS: [char; 4] = ['-', '_', '.', ':'];
    let words: Vec<&str> = name.split_inclusive(SEPARATORS).collect();
    let bare = |at: usize| words.get(at).map(|word| word.trim_end_matches(SEPARATORS)).unwrap_or_default();
    let is_hex = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
    let is_uuid = |at: usize| {
        UUID.iter()
            .enumerate()
            .all(|(next, length)| bare(at + next).len() == *length && is_hex(bare(at + next)))
    };
    let (mut kept, mut at) = (String::new(), 0);
    while let Some(word) = words.get(at) {
        let ids = if is_uuid(at) {
            UUID.len()
        } else {
            usize::from(is_hex(bare(at)) && is_id(bare(at)) && bare(at).len() >= 12)
        };
        if ids == 0 {
            kept.push_str(word);
        } else if at + ids >= words.len() {
            // What follows an id is set off by the separator before it; here nothing does.
            kept.truncate(kept.trim_end_matches(SEPARATORS).len());
        }
        at += ids.max(1);
    }
    kept
}

/// The lengths of a UUID's words.
const UUID: [usize; 5] = [8, 4, 4, 4, 12];

/// A number, or twelve and more hexadecimal digits.
pub(super) fn is_id(text: &str) -> bool {
    let hex = text.len() >= 12 && text.bytes().all(|b| b.is_ascii_hexdigit());
    hex || (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
}

/// `c2` (a session), `u12`, `p12`, `i34`, `r1a2` (what systemd-run starts).
fn is_letter_and_number(text: &str) -> bool {
    let Some((letter, number)) = text.split_at_checked(1) else { return false };
    let hex = number.bytes().all(|b| b.is_ascii_hexdigit()) && number.bytes().any(|b| b.is_ascii_digit());
    letter.bytes().all(|b| b.is_ascii_lowercase()) && hex
}

/// systemd writes a byte that may not stand in a unit's name as `\x2d`.
fn unescape_hex(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        let digits = rest.strip_prefix(br"\x").and_then(|tail| tail.get(..2));
        match digits.and_then(|d| u8::from_str_radix(std::str::from_utf8(d).ok()?, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = rest.get(4..).unwrap_or_default();
            }
            None => {
                out.push(first);
                rest = tail;
            }
        }
    }
    out
}
