//! Maps a systemd unit's name to a group. Instances of one template are one group, without their numbers and ids.

use super::owner::sanitize_group_name;

/// Suffixes of units that are cut from a group's name.
const UNIT_SUFFIXES: [&str; 8] = ["service", "scope", "socket", "swap", "timer", "path", "device", "target"];
/// Slice of everything that users run.
pub(super) const USER_SLICE: &str = "user.slice";

/// Returns the group of a unit, or of another directory of the root or of a slice.
pub(super) fn group_of_unit(name: &str) -> String {
    match name.rsplit_once('.') {
        Some(_) if name == "init.scope" => "systemd".to_owned(),
        Some((_, "mount" | "automount")) => "mount".to_owned(),
        Some((stem, suffix)) if UNIT_SUFFIXES.contains(&suffix) => strip_instance(stem),
        _ => strip_instance(name),
    }
}

/// Returns the group of what users run, by the login manager's names. It is `session` for a user's session, and `user`
/// for the manager of a user's own units and all else.
pub(super) fn group_of_user_unit(name: &str) -> &'static str {
    match name.rsplit_once('.') {
        Some((stem, "scope")) if strip_instance(stem) == "session" => "session",
        _ => "user",
    }
}

/// Strips the instance, numbers and ids from a unit's name, and replaces its escapes.
///
/// `getty@tty1` -> `getty`, `session-3` -> `session`, `libpod-conmon-<hex>` -> `libpod-conmon`, `\x2d` -> `-`,
/// `vte-spawn-<UUID>` -> `vte-spawn`.
pub(super) fn strip_instance(stem: &str) -> String {
    let stem = match stem.split_once('@') {
        Some((template, _)) if !template.is_empty() => template,
        _ => stem,
    };
    let stem = strip_ids(&String::from_utf8_lossy(&unescape_hex(stem.as_bytes())));
    let mut kept = stem.as_str();
    while let Some((head, tail)) = kept.rsplit_once('-') {
        let is_numbered =
            matches!(head.split('-').next(), Some("run" | "session")) && is_letter_and_number(tail);
        if head.is_empty() || !(is_id(tail) || is_numbered) {
            break;
        }
        kept = head;
    }
    sanitize_group_name(kept)
}

/// Strips hexadecimal ids and UUIDs that stand between separators, each with the separator before it.
fn strip_ids(name: &str) -> String {
    const SEPARATORS: [char; 4] = ['-', '_', '.', ':'];
    let words: Vec<&str> = name.split_inclusive(SEPARATORS).collect();
    let word_at = |at: usize| words.get(at).map(|word| word.trim_end_matches(SEPARATORS)).unwrap_or_default();
    let is_hex = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
    let is_uuid = |at: usize| {
        UUID_LENGTHS
            .iter()
            .enumerate()
            .all(|(next, length)| word_at(at + next).len() == *length && is_hex(word_at(at + next)))
    };
    let (mut kept, mut at) = (String::new(), 0);
    while let Some(word) = words.get(at) {
        let id_words = if is_uuid(at) {
            UUID_LENGTHS.len()
        } else {
            usize::from(is_hex(word_at(at)) && is_id(word_at(at)) && word_at(at).len() >= 12)
        };
        if id_words == 0 {
            kept.push_str(word);
        } else if at + id_words >= words.len() {
            // The separator before an id sets off the text after it. Here nothing follows, so it goes too.
            kept.truncate(kept.trim_end_matches(SEPARATORS).len());
        }
        at += id_words.max(1);
    }
    kept
}

/// Lengths of a UUID's words.
const UUID_LENGTHS: [usize; 5] = [8, 4, 4, 4, 12];

/// Returns `true` for a number, and for twelve or more hexadecimal digits.
pub(super) fn is_id(text: &str) -> bool {
    let hex = text.len() >= 12 && text.bytes().all(|b| b.is_ascii_hexdigit());
    hex || (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
}

/// Returns `true` for `c2` (a session), and for `u12`, `p12`, `i34`, `r1a2` (units that systemd-run starts).
fn is_letter_and_number(text: &str) -> bool {
    let Some((letter, number)) = text.split_at_checked(1) else { return false };
    let hex = number.bytes().all(|b| b.is_ascii_hexdigit()) && number.bytes().any(|b| b.is_ascii_digit());
    letter.bytes().all(|b| b.is_ascii_lowercase()) && hex
}

/// Replaces the escapes of systemd, which writes a byte that a unit's name may not contain as `\x2d`.
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
