//! The common name of a certificate's subject.

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode, Reader, SliceReader, Tag, Tagged};
use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

/// `id-at-commonName` of X.520.
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// Returns the common name: the last of several, which is the most specific. `None` if there is none, or it is no text.
pub(super) fn common_name(certificate: &CertificateDer) -> Option<String> {
    let certificate = EndEntityCert::try_from(certificate).ok()?;
    in_names(certificate.subject()).ok()?
}

/// Finds it in the content of a Name: sets of pairs of a type and a value.
fn in_names(names: &[u8]) -> der::Result<Option<String>> {
    let mut found = None;
    let mut names = SliceReader::new(names)?;
    while !names.is_finished() {
        let set = AnyRef::decode(&mut names)?;
        set.tag().assert_eq(Tag::Set)?;
        let mut pairs = SliceReader::new(set.value())?;
        while !pairs.is_finished() {
            pairs.sequence(|pair| {
                let (kind, value) = (ObjectIdentifier::decode(pair)?, AnyRef::decode(pair)?);
                if kind == COMMON_NAME {
                    let text = matches!(value.tag(), Tag::Utf8String | Tag::PrintableString | Tag::Ia5String);
                    found = text.then(|| str::from_utf8(value.value()).ok()).flatten().map(str::to_owned);
                }
                der::Result::Ok(())
            })?;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the tag, the length and the content.
    fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        [&[tag, u8::try_from(content.len()).unwrap()], content.as_slice()].concat()
    }

    fn pair(kind: &[u8], tag: u8, value: &[u8]) -> Vec<u8> {
        der(0x30, &[&der(6, &[kind]), &der(tag, &[value])])
    }

    const CN: &[u8] = &[0x55, 4, 3];
    const O: &[u8] = &[0x55, 4, 10];

    #[test]
    fn the_last_common_name_counts() {
        let set = |pairs: &[&[u8]]| der(0x31, pairs);
        let (ann, bob) = (pair(CN, 12, b"ann"), pair(CN, 19, b"bob"));
        let cases: [(&[Vec<u8>], Option<&str>); 8] = [
            (&[], None),
            (&[set(&[&pair(O, 12, b"ann")])], None),
            (&[set(&[&ann])], Some("ann")),
            (&[set(&[&pair(O, 12, b"org")]), set(&[&ann])], Some("ann")),
            (&[set(&[&ann]), set(&[&bob])], Some("bob")),
            (&[set(&[&ann, &pair(O, 12, b"org")])], Some("ann")),
            (&[set(&[&pair(CN, 30, b"\0a\0n\0n")])], None),
            (&[set(&[&pair(CN, 12, b"a\xff")])], None),
        ];
        for (names, want) in cases {
            assert_eq!(in_names(&names.concat()).unwrap().as_deref(), want, "{names:x?}");
        }
        let whole = set(&[&ann]);
        for end in 1..whole.len() {
            assert!(in_names(&whole[..end]).is_err(), "cut at {end}");
        }
        assert!(in_names(&der(0x30, &[&ann])).is_err(), "no set");
    }
}
