//! Lists of CPUs by their numbers, as the kernel and its tools write them.

use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::fmt;

/// Greatest number of a CPU: more than any kernel is built for.
const GREATEST: u32 = 65_535;

/// Set of CPUs by their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CpuList(BTreeSet<u32>);

impl CpuList {
    /// Parses numbers, ranges, and ranges of which some of each so many count (`0-31:2/4`), separated by commas. Errors
    /// name the part that is none of these, and an empty list.
    pub fn parse(text: &str) -> Result<CpuList> {
        let mut cpus = BTreeSet::new();
        for part in text.split(',').map(str::trim) {
            let range = parse_range(part);
            let (first, last, used, group) = range.with_context(|| {
                format!("{part:?} is no CPU and no range of them: give such as 0-1,52-53")
            })?;
            cpus.extend((first..=last).filter(|cpu| (cpu - first) % group < used));
        }
        ensure!(!cpus.is_empty(), "no CPU: give such as 0-1,52-53");
        Ok(CpuList(cpus))
    }

    /// Parses a mask: hexadecimal words of 32 bits that are separated by commas, the highest first. `None` if it is none.
    pub(crate) fn parse_mask(text: &str) -> Option<CpuList> {
        let mut cpus = BTreeSet::new();
        let (words, first) = (text.split(',').rev().enumerate(), text.split(',').next()?);
        for (index, word) in words {
            // A mask without commas may be longer than a word.
            let is_whole = word.len() == 8 || std::ptr::eq(word, first);
            if !is_whole || word.is_empty() {
                return None;
            }
            for (digit, c) in word.chars().rev().enumerate() {
                let bits = c.to_digit(16)?;
                let base = u32::try_from(index * 32 + digit * 4).ok().filter(|base| *base <= GREATEST)?;
                cpus.extend((0..4).filter(|bit| bits & (1 << bit) != 0).map(|bit| base + bit));
            }
        }
        Some(CpuList(cpus)).filter(|list| !list.is_empty())
    }

    /// Returns the number of CPUs.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Returns true if it has no CPU.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns true if it has a CPU.
    pub fn contains(&self, cpu: u32) -> bool {
        self.0.contains(&cpu)
    }

    /// Iterates over the CPUs' numbers.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.0.iter().copied()
    }

    /// Returns the CPUs that this has and another has not.
    pub fn without(&self, other: &CpuList) -> CpuList {
        CpuList(self.0.difference(&other.0).copied().collect())
    }

    /// Returns the CPUs that either has.
    pub(crate) fn with(&self, other: &CpuList) -> CpuList {
        CpuList(self.0.union(&other.0).copied().collect())
    }

    /// Returns the CPUs that both have.
    pub(crate) fn within(&self, other: &CpuList) -> CpuList {
        CpuList(self.0.intersection(&other.0).copied().collect())
    }
}

impl FromIterator<u32> for CpuList {
    fn from_iter<I: IntoIterator<Item = u32>>(cpus: I) -> CpuList {
        CpuList(cpus.into_iter().collect())
    }
}

/// First and last CPU, and how many of each so many count.
fn parse_range(text: &str) -> Option<(u32, u32, u32, u32)> {
    let (range, part) = text.split_once(':').map_or((text, None), |(range, part)| (range, Some(part)));
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u32>().ok().filter(|cpu| digits && *cpu <= GREATEST)
    };
    let (used, group) = match part {
        None => (1, 1),
        Some(part) => part.split_once('/').and_then(|(used, group)| Some((number(used)?, number(group)?)))?,
    };
    let (first, last) = (number(first)?, number(last)?);
    (first <= last && group > 0 && used > 0 && used <= group).then_some((first, last, used, group))
}

/// As ranges: `0-1,52-53`.
impl fmt::Display for CpuList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cpus = self.iter().peekable();
        let mut before = "";
        while let Some(first) = cpus.next() {
            let mut last = first;
            while let Some(next) = cpus.next_if(|next| *next == last + 1) {
                last = next;
            }
            write!(f, "{before}{first}")?;
            if last > first {
                write!(f, "-{last}")?;
            }
            before = ",";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::CpuList;

    #[test]
    fn lists_have_numbers_ranges_and_parts_of_ranges() {
        let cpus = |text| CpuList::parse(text).map(|list| list.iter().collect::<Vec<_>>());
        assert_eq!(cpus("0-1,52-53").unwrap(), [0, 1, 52, 53]);
        assert_eq!(cpus(" 3 , 1-2,2").unwrap(), [1, 2, 3]);
        assert_eq!(cpus("0-9:2/4").unwrap(), [0, 1, 4, 5, 8, 9]);
        for bad in ["", "a", "1-", "-1", "3-1", "1,,2", "0-4000000000", "+1", "0-3:0/2", "0-3:3/2", "0-3:1"] {
            assert!(cpus(bad).is_err(), "{bad}");
        }
        let list = CpuList::parse("0-1,4,52-53,9").unwrap();
        assert_eq!((list.to_string().as_str(), list.count()), ("0-1,4,9,52-53", 6));
    }

    #[test]
    fn masks_have_words_the_highest_first() {
        let cpus = |text| CpuList::parse_mask(text).map(|list| list.to_string());
        assert_eq!(cpus("00000003").as_deref(), Some("0-1"));
        assert_eq!(cpus("3").as_deref(), Some("0-1"));
        assert_eq!(cpus("300000,00000003").as_deref(), Some("0-1,52-53"));
        assert_eq!(cpus("ff,00000000,80000001").as_deref(), Some("0,31,64-71"));
        assert_eq!(cpus("30000000000003").as_deref(), Some("0-1,52-53"));
        for bad in ["", "g", "0", "1,1", ",00000001", "1,,00000001"] {
            assert_eq!(cpus(bad), None, "{bad}");
        }
    }
}
