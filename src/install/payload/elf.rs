//! ELF files: the CPU architecture, and whether the program is static.
use anyhow::{Result, bail};

/// CPU architectures: name in the nodes' label, ELF machine, and output of `uname -m`.
pub(in super::super) const ARCHITECTURES: [(&str, u16, &str); 4] =
    [("amd64", 62, "x86_64"), ("arm64", 183, "aarch64"), ("ppc64le", 21, "ppc64le"), ("s390x", 22, "s390x")];

/// Type of the segment that names a loader. A program with one needs the shared libraries of its image.
const INTERPRETER: u64 = 3;

/// Returns the architecture of a static program. Errors if the file is no program, or not a static one.
pub(super) fn architecture(bytes: &[u8]) -> Result<&'static str> {
    let Some((b"\x7fELF\x02", _)) = bytes.split_at_checked(5) else {
        bail!("it is no 64-bit ELF program: give the exporter's Linux binary");
    };
    let elf = Elf { bytes, little: bytes.get(5) == Some(&1) };
    let machine = elf.read_integer(18, 2);
    let found = ARCHITECTURES.iter().find(|&&(_, number, _)| Some(u64::from(number)) == machine);
    let Some(&(name, ..)) = found else {
        bail!(
            "it is for a CPU that no node has (ELF machine {}): give one for the nodes'",
            machine.unwrap_or(0)
        );
    };
    match elf.has_interpreter() {
        Some(false) => Ok(name),
        Some(true) => bail!(
            "it is linked dynamically, and the image it runs in has other libraries: build it static, as exporter/build does"
        ),
        None => bail!("it is cut short: copy it again"),
    }
}

struct Elf<'a> {
    bytes: &'a [u8],
    little: bool,
}

impl Elf<'_> {
    fn read_integer(&self, offset: usize, width: usize) -> Option<u64> {
        let field = self.bytes.get(offset..offset.checked_add(width)?)?;
        let join = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(if self.little { field.iter().rev().fold(0, join) } else { field.iter().fold(0, join) })
    }

    /// Returns true if a program header names a loader. `None` if the file is truncated.
    fn has_interpreter(&self) -> Option<bool> {
        let table = usize::try_from(self.read_integer(32, 8)?).ok()?;
        let (size, count) = (self.read_integer(54, 2)?, self.read_integer(56, 2)?);
        for index in 0..count {
            let at = table.checked_add(usize::try_from(index * size).ok()?)?;
            if self.read_integer(at, 4)? == INTERPRETER {
                return Some(true);
            }
        }
        Some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::architecture;
    use crate::golden::Page;

    /// Returns the beginning of a program with one program header of this type.
    fn elf(machine: u16, little: bool, segment: u32) -> Vec<u8> {
        let mut bytes = vec![0; 120];
        bytes[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, if little { 1 } else { 2 }]);
        let mut put = |at: usize, width: usize, value: u64| {
            let all =
                if little { value.to_le_bytes().to_vec() } else { value.to_be_bytes()[8 - width..].to_vec() };
            bytes[at..at + width].copy_from_slice(&all[..width]);
        };
        put(18, 2, machine.into());
        put(32, 8, 64);
        put(54, 2, 56);
        put(56, 2, 1);
        put(64, 4, segment.into());
        bytes
    }

    #[test]
    fn a_static_program_has_its_architecture() {
        assert_eq!(architecture(&elf(62, true, 1)).unwrap(), "amd64");
        assert_eq!(architecture(&elf(183, true, 1)).unwrap(), "arm64");
        assert_eq!(architecture(&elf(21, true, 1)).unwrap(), "ppc64le");
        assert_eq!(architecture(&elf(22, false, 1)).unwrap(), "s390x");
    }

    #[test]
    fn others_are_refused_by_what_they_are() {
        let mut endless = elf(62, true, 1);
        endless[56..58].copy_from_slice(&[255, 255]);
        let mut page = Page::new("Files that are no exporter, and what is said of each after its name.");
        for (case, bytes) in [
            ("a script", &b"#!/bin/sh\n"[..]),
            ("nothing", b""),
            ("linked dynamically", &elf(62, true, 3)),
            ("for another CPU", &elf(40, true, 1)),
            ("cut short", &elf(62, true, 1)[..60]),
            ("more headers than bytes", &endless),
        ] {
            page.add(case, &architecture(bytes).unwrap_err().to_string());
        }
        page.check("tests/golden/install/binaries.txt");
    }
}
