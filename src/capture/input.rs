//! Input: bytes of a file or a member whose first bytes are looked at before it is read, so that a pipe is read once.
use anyhow::{Context, Result, bail};
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

/// Size of what is read at once, in bytes, and of what is looked at.
const BUFFER: usize = 1 << 18;
const HEAD: u64 = 1 << 16;
/// Size of the header of a tar archive, and where its checksum is.
const HEADER: usize = 512;
const CHECKSUM: std::ops::Range<usize> = 148..156;
const MAGIC: std::ops::Range<usize> = 257..262;
const GZIP: &[u8] = &[0x1f, 0x8b];
/// First bytes of what is not read here, its name, and the program that unpacks it.
const OTHERS: [(&[u8], &str, &str); 4] = [
    (&[0xfd, b'7', b'z', b'X', b'Z', 0], "xz", "xz -d"),
    (b"PK\x03\x04", "zip", "unzip"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "zstd", "zstd -d"),
    (b"BZh", "bzip2", "bzip2 -d"),
];

/// Bytes, unpacked, and the first of them.
pub struct Input<'a> {
    head: Vec<u8>,
    reader: Box<dyn BufRead + 'a>,
}

impl Input<'static> {
    /// Opens a file, or standard input if it is called `-`. Errors name it.
    pub fn open(path: &Path) -> Result<Input<'static>> {
        let path = if path == Path::new("-") { Path::new("/dev/stdin") } else { path };
        let about = || format!("cannot read {}", path.display());
        let file = File::open(path).with_context(about)?;
        let input = Input::unpack(file).with_context(about)?;
        anyhow::ensure!(!input.head.is_empty(), "{} is empty", path.display());
        Ok(input)
    }
}

impl<'a> Input<'a> {
    /// Looks at the first bytes, and unpacks gzip. Errors if it is packed otherwise.
    pub(super) fn unpack(from: impl Read + 'a) -> Result<Input<'a>> {
        let input = Input::look_at(from)?;
        if let Some((_, name, program)) = OTHERS.iter().find(|(magic, ..)| input.head.starts_with(magic)) {
            bail!(
                "it is packed by {name}, which is not read here: unpack it ({program}), and give what it holds"
            );
        }
        if !input.head.starts_with(GZIP) {
            return Ok(input);
        }
        Ok(Input::look_at(MultiGzDecoder::new(input.reader))?)
    }

    fn look_at(mut from: impl Read + 'a) -> io::Result<Input<'a>> {
        let mut head = Vec::new();
        // Of what breaks off, its beginning is good.
        match from.by_ref().take(HEAD).read_to_end(&mut head) {
            Err(error) if head.is_empty() => return Err(error),
            _ => {}
        }
        let reader = BufReader::with_capacity(BUFFER, Cursor::new(head.clone()).chain(from));
        Ok(Input { head, reader: Box::new(reader) })
    }

    /// Returns the first bytes.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Returns true if it is a tar archive of any kind: its first header has the right checksum.
    pub fn is_archive(&self) -> bool {
        let Some(header) = self.head.get(..HEADER) else {
            // One that is cut in its first header.
            return self.head.get(MAGIC).is_some_and(|magic| magic == b"ustar");
        };
        let Some(field) = header.get(CHECKSUM).and_then(|field| std::str::from_utf8(field).ok()) else {
            return false;
        };
        let digits = field.trim_matches(|c: char| c == '\0' || c == ' ');
        let sum = |(at, byte): (usize, &u8)| u32::from(if CHECKSUM.contains(&at) { b' ' } else { *byte });
        u32::from_str_radix(digits, 8)
            .is_ok_and(|wanted| wanted == header.iter().enumerate().map(sum).sum::<u32>())
    }

    /// Returns the bytes, from the first on.
    pub fn reader(self) -> Box<dyn BufRead + 'a> {
        self.reader
    }
}

#[cfg(test)]
mod tests {
    use super::Input;
    use std::io::{Read, Write};

    /// Reader that hands out one byte at a time, as a pipe may.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let count = self.0.read(&mut buffer[..1])?;
            Ok(count)
        }
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    #[test]
    fn what_comes_byte_by_byte_is_known_and_read_whole() {
        let mut header = tar::Header::new_old();
        header.set_path("a").unwrap();
        header.set_size(1);
        header.set_cksum();
        let old = [&header.as_bytes()[..], &[b'x'; 512][..]].concat();
        for bytes in [old.clone(), gzip(&old)] {
            let input = Input::unpack(Slow(&bytes)).unwrap();
            assert!(input.is_archive());
            let mut all = Vec::new();
            input.reader().read_to_end(&mut all).unwrap();
            assert_eq!(all, old);
        }
        let text = Input::unpack(Slow(b"m 1 1\n")).unwrap();
        assert!(!text.is_archive() && text.head() == b"m 1 1\n");
    }

    #[test]
    fn what_is_packed_otherwise_is_named() {
        for (bytes, named) in
            [(&b"\xfd7zXZ\0..."[..], "xz -d"), (b"PK\x03\x04", "unzip"), (b"BZh9", "bzip2 -d")]
        {
            let error = Input::unpack(bytes).err().unwrap().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
