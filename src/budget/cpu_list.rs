//! Lists of CPUs, as the kernel and PerformanceProfiles write them: `0-1,52-53`.
use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;

/// Greatest number of a CPU: more than any kernel is built for.
const GREATEST: u32 = 65_535;

/// Set of CPUs by their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CpuList(BTreeSet<u32>);

impl CpuList {
    /// Parses numbers and ranges that are separated by commas. Errors name the part that is neither, and an empty list.
    pub fn parse(text: &str) -> Result<CpuList> {
        let mut cpus = BTreeSet::new();
        for part in text.split(',').map(str::trim) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let number = |text: &str| text.parse::<u32>().ok().filter(|cpu| *cpu <= GREATEST);
            let range = number(first).zip(number(last)).filter(|(first, last)| first <= last);
            let (first, last) = range.with_context(|| {
                format!("{part:?} is no CPU and no range of them: give such as 0-1,52-53")
            })?;
            cpus.extend(first..=last);
        }
        ensure!(!cpus.is_empty(), "no CPU: give such as 0-1,52-53");
        Ok(CpuList(cpus))
    }

    /// Returns the number of CPUs.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Iterates over the CPUs' numbers.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::CpuList;

    #[test]
    fn lists_have_numbers_and_ranges() {
        let cpus = |text| CpuList::parse(text).map(|list| list.iter().collect::<Vec<_>>());
        assert_eq!(cpus("0-1,52-53").unwrap(), [0, 1, 52, 53]);
        assert_eq!(cpus(" 3 , 1-2,2").unwrap(), [1, 2, 3]);
        for bad in ["", "a", "1-", "-1", "3-1", "1,,2", "0-4000000000"] {
            assert!(cpus(bad).is_err(), "{bad}");
        }
    }
}
