//! Parser of one kubeconfig file, as lenient as kubectl's: encodings, duplicate keys and merge keys.

use std::fmt;

use serde::de::{Deserialize, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess as _, Visitor};
use serde_json::{Map, Value};

/// Key of YAML that merges another mapping into its own.
const MERGE: &str = "<<";

/// Reason why bytes are no document, without any of them: they may hold secrets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Malformed {
    /// Neither UTF-8 nor UTF-16 with a byte order mark.
    Encoding,
    /// Neither YAML nor JSON from this line and column on; `None` if they are not known.
    Syntax(Option<(usize, usize)>),
}

/// Parses the first document, as kubectl does; null if there is none.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, Malformed> {
    let text = decode(bytes).filter(|text| !text.contains('\0')).ok_or(Malformed::Encoding)?;
    if let Ok(Lenient(value)) = serde_json::from_str(&text) {
        return Ok(value);
    }
    let Some(first) = serde_yaml::Deserializer::from_str(&text).next() else { return Ok(Value::Null) };
    let Lenient(value) = Lenient::deserialize(first).map_err(|error| {
        Malformed::Syntax(error.location().map(|location| (location.line(), location.column())))
    })?;
    Ok(value)
}

/// Decodes what kubectl decodes: UTF-8 with or without a byte order mark, and UTF-16 with one.
fn decode(bytes: &[u8]) -> Option<String> {
    match bytes {
        [0xFF, 0xFE, rest @ ..] => decode_utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => decode_utf16(rest, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8(rest.to_vec()).ok(),
        _ => String::from_utf8(bytes.to_vec()).ok(),
    }
}

fn decode_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().copied().map(unit).collect();
    String::from_utf16(&units).ok().filter(|_| rest.is_empty())
}

/// Value of any shape. The last of several equal keys counts. Tags are ignored.
struct Lenient(Value);

impl<'de> Deserialize<'de> for Lenient {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Anything)
    }
}

struct Anything;

impl<'de> Visitor<'de> for Anything {
    type Value = Lenient;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Lenient, E> {
        Ok(Lenient(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Lenient, E> {
        Ok(Lenient(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Lenient, E> {
        Ok(Lenient(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Lenient, E> {
        Ok(Lenient(Value::from(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Lenient, E> {
        Ok(Lenient(Value::from(value)))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Lenient, E> {
        Ok(Lenient(Value::String(value.to_string())))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Lenient, E> {
        Ok(Lenient(Value::String(value.to_string())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Lenient, E> {
        Ok(Lenient(Value::from(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Lenient, E> {
        Ok(Lenient(Value::from(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Lenient, A::Error> {
        let mut all = Vec::new();
        while let Some(Lenient(item)) = items.next_element()? {
            all.push(item);
        }
        Ok(Lenient(Value::Array(all)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Lenient, A::Error> {
        let mut map = Map::new();
        while let Some((Lenient(key), Lenient(value))) = entries.next_entry()? {
            let key = match key {
                Value::String(key) => key,
                other => other.to_string(),
            };
            map.insert(key, value);
        }
        merge(&mut map);
        Ok(Lenient(Value::Object(map)))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Lenient, A::Error> {
        let (Lenient(_), value) = tagged.variant()?;
        value.newtype_variant()
    }
}

/// Replaces a merge key by the keys of its mappings. The map's own keys win, then those of the first mapping.
fn merge(map: &mut Map<String, Value>) {
    let others = match map.get(MERGE) {
        Some(Value::Object(_)) => map.remove(MERGE).into_iter().collect(),
        Some(Value::Array(all)) if all.iter().all(Value::is_object) => match map.remove(MERGE) {
            Some(Value::Array(all)) => all,
            _ => Vec::new(),
        },
        _ => return,
    };
    for other in others {
        let Value::Object(other) = other else { continue };
        for (key, value) in other {
            map.entry(key).or_insert(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_encoding_of_kubectl_is_decoded() {
        let text = "server: ü";
        let units: Vec<u16> = text.encode_utf16().collect();
        let little = units.iter().flat_map(|unit| unit.to_le_bytes());
        let big = units.iter().flat_map(|unit| unit.to_be_bytes());
        for bytes in [
            text.as_bytes().to_vec(),
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            [0xFF, 0xFE].into_iter().chain(little).collect(),
            [0xFE, 0xFF].into_iter().chain(big).collect(),
        ] {
            assert_eq!(parse(&bytes), Ok(json!({"server": "ü"})), "{bytes:?}");
        }
    }

    #[test]
    fn any_other_encoding_is_an_error() {
        for bytes in [
            &b"\xff\xfea\0:"[..],
            b"\xfe\xff\0a:",
            b"\xff\xfe\x00\xd8",
            b"a\0:\0 \0b\0",
            b"\0a\0:\0 \0b",
            b"a\0:\0 \0b",
            b"\xff\xfe\0\0a\0\0\0",
            b"\x7fELF\xff\xfe\0",
            b"a: \xfc",
            b"\xef\xbb\xbf\xff",
            b"\0",
        ] {
            assert_eq!(parse(bytes), Err(Malformed::Encoding), "{bytes:?}");
        }
        for bytes in [&b""[..], b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"# nothing", b"---\n"] {
            assert_eq!(parse(bytes), Ok(Value::Null), "{bytes:?}");
        }
    }

    #[test]
    fn leniences_of_kubectl_are_kept() {
        for (text, expected) in [
            ("{a: 1, a: 2}", json!({"a": 2})),
            (r#"{"a": 1, "a": 2}"#, json!({"a": 2})),
            ("{\n\t\"a\": \"b\\/c\"\n}", json!({"a": "b/c"})),
            ("a: 1\n---\nb: [", json!({"a": 1})),
            ("--- # first\na: 1\n...\n", json!({"a": 1})),
            (
                "{a: &x {b: 1, c: 2}, d: {<<: *x, c: 3}}",
                json!({"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}}),
            ),
            ("{<<: [{a: 1}, {a: 2, b: 2}], <: 3}", json!({"a": 1, "b": 2, "<": 3})),
            ("{<<: a}", json!({"<<": "a"})),
            ("a: !ours b\nc: !ours {d: !!str 1}", json!({"a": "b", "c": {"d": "1"}})),
            ("{1: 2, ~: 3, [a]: 4}", json!({"1": 2, "null": 3, "[\"a\"]": 4})),
            ("a: 123456789012345678901234567890", json!({"a": "123456789012345678901234567890"})),
            ("[.inf, ~, ]", json!([null, null])),
        ] {
            assert_eq!(parse(text.as_bytes()), Ok(expected), "{text}");
        }
    }

    #[test]
    fn errors_have_the_line_of_the_syntax_error() {
        for (text, line) in [("a: [", 2), ("a: b\nc: : d", 2), ("a:\n\tb: c", 2), ("\u{1}", 1), ("*a", 1)] {
            let Err(Malformed::Syntax(at)) = parse(text.as_bytes()) else { panic!("{text}") };
            assert!(at.is_none_or(|(found, _)| found <= line), "{text}: {at:?}");
        }
    }

    #[test]
    fn depth_is_limited() {
        for open in ["[", "{a: ", "- "] {
            assert!(parse(open.repeat(1000).as_bytes()).is_err(), "{open}");
        }
    }
}
