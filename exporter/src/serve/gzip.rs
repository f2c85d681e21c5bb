//! gzip: the check that a client accepts it, and the compression.

use hyper::HeaderMap;
use hyper::header::ACCEPT_ENCODING;
use miniz_oxide::deflate::compress_to_vec;
use std::sync::LazyLock;

/// The header of RFC 1952: deflate, no name, no time, compressed by the fastest algorithm, on Unix.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 3];
/// Level of the fastest compression: a scrape's time counts for more than its bytes.
const FASTEST: u8 = 1;

/// Returns true if the request's `Accept-Encoding` allows gzip: by name, or by `*` if it is not named.
pub(super) fn is_accepted(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let (mut named, mut any) = (None, false);
    for coding in values.flat_map(|value| value.split(',')) {
        let mut parts = coding.split(';');
        let name = parts.next().unwrap_or_default();
        let allowed = !parts.any(is_zero);
        match name.trim() {
            "*" => any = allowed,
            name if name.eq_ignore_ascii_case("gzip") => named = Some(allowed),
            _ => {}
        }
    }
    named.unwrap_or(any)
}

/// Returns true if a parameter is a weight of 0, which forbids the coding: `q=0`, `q=0.000`.
fn is_zero(parameter: &str) -> bool {
    let weight = parameter.split_once('=').filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    weight.is_some_and(|(_, value)| value.trim().bytes().all(|byte| matches!(byte, b'0' | b'.')))
}

/// Compresses a text.
pub(super) fn compress(text: &[u8]) -> Vec<u8> {
    // The length is of 32 bits in the format, of longer texts the lower ones.
    let length = text.len() as u32;
    let trailer = [crc32(text).to_le_bytes(), length.to_le_bytes()];
    [&HEADER[..], &compress_to_vec(text, FASTEST), trailer.as_flattened()].concat()
}

/// Number of bytes of which the checksum is computed at a time: each has to wait for the one before.
const STRIDE: usize = 8;

/// Computes the checksum of gzip. A crate for it would bring 16 KiB of tables along.
fn crc32(bytes: &[u8]) -> u32 {
    // Made at the first use: in the program they would be 8 KiB of its size.
    static TABLES: LazyLock<Box<[[u32; 256]; STRIDE]>> = LazyLock::new(|| Box::new(crc32_tables()));
    let (strides, rest) = bytes.as_chunks::<STRIDE>();
    let [after0, after1, after2, after3, after4, after5, after6, after7] = &**TABLES;
    let sum = strides.iter().fold(!0, |sum: u32, stride| {
        let word = u64::from_le_bytes(*stride) ^ u64::from(sum);
        let [a, b, c, d, e, f, g, h] = word.to_le_bytes();
        // Written out, since a program that is built for size would have a loop here, which takes longer.
        let first = look_up(after7, a) ^ look_up(after6, b) ^ look_up(after5, c) ^ look_up(after4, d);
        first ^ look_up(after3, e) ^ look_up(after2, f) ^ look_up(after1, g) ^ look_up(after0, h)
    });
    !rest.iter().fold(sum, |sum, byte| sum >> 8 ^ look_up(after0, sum as u8 ^ byte))
}

/// Computes the checksum's share of each byte, by the number of bytes of its stride after it.
fn crc32_tables() -> [[u32; 256]; STRIDE] {
    let of_bit = |rest: u32| if rest & 1 == 1 { rest >> 1 ^ 0xedb8_8320 } else { rest >> 1 };
    let mut table = [0; 256];
    for (byte, share) in (0..).zip(&mut table) {
        *share = (0..8).fold(byte, |rest, _| of_bit(rest));
    }
    let last_byte = table;
    let one_more = |share: u32| share >> 8 ^ look_up(&last_byte, share as u8);
    std::array::from_fn(|_| {
        let next = table.map(one_more);
        std::mem::replace(&mut table, next)
    })
}

#[allow(clippy::indexing_slicing, reason = "the table has an entry for each byte")]
fn look_up(table: &[u32; 256], byte: u8) -> u32 {
    table[usize::from(byte)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;
    use std::io::Read;

    #[test]
    fn a_request_says_if_gzip_is_accepted() {
        let cases: [(&[&str], bool); 21] = [
            (&[], false),
            (&[""], false),
            (&["gzip"], true),
            (&["GZip"], true),
            (&["*"], true),
            (&["identity"], false),
            (&["deflate, gzip;q=1.0, *;q=0.5"], true),
            (&["br;q=1, gzip ; q=0.001"], true),
            (&["gzip;q=0"], false),
            (&["gzip; Q=0.000 , br"], false),
            (&["gzip;q=0, *"], false),
            (&["*, gzip;q=0"], false),
            (&["gzip, *;q=0"], true),
            (&["*;q=0"], false),
            (&["br", "gzip"], true),
            (&["gzip", "gzip;q=0"], false),
            (&["gzipped, xgzip"], false),
            (&["gzip;level=0"], true),
            (&["gzip;q=0;x=1"], false),
            (&["gzip;x=1;q=0.0"], false),
            (&["gzip;x=0;q=1"], true),
        ];
        for (values, want) in cases {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(ACCEPT_ENCODING, HeaderValue::from_static(value));
            }
            assert_eq!(is_accepted(&headers), want, "{values:?}");
        }
    }

    #[test]
    fn the_checksum_is_the_standard_one() {
        assert_eq!((crc32(b""), crc32(b"123456789")), (0, 0xcbf4_3926));
        // Whole strides.
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!((crc32(&[0; 32]), crc32(&all)), (0x190a_55ad, 0x2905_8c73));
    }

    #[test]
    fn compression_loses_nothing() {
        for text in [Vec::new(), b"x".to_vec(), b"a text that repeats itself, ".repeat(10_000)] {
            let packed = compress(&text);
            let mut unpacked = Vec::new();
            flate2::read::GzDecoder::new(&*packed).read_to_end(&mut unpacked).unwrap();
            assert_eq!(unpacked, text);
            assert!(packed.len() < text.len() / 10 + 30, "{}", packed.len());
        }
    }
}
