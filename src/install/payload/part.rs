//! One ConfigMap of a payload: all there is to know of it is in its name.
use super::PREFIX;

/// Which part of which binary it holds. Ordered as they are mounted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Part {
    pub(crate) architecture: String,
    /// Of the binary, see `payload::hash`.
    pub(crate) hash: String,
    /// From 0.
    pub(crate) number: usize,
}

impl Part {
    /// Reads a ConfigMap's name; none where it is no payload's.
    pub(crate) fn of(name: &str) -> Option<Part> {
        let (binary, number) = name.strip_prefix(PREFIX)?.rsplit_once('-')?;
        let (architecture, hash) = binary.split_once('-')?;
        let number = number.parse().ok()?;
        Some(Part { architecture: architecture.to_owned(), hash: hash.to_owned(), number })
    }

    /// The ConfigMap's name.
    pub(crate) fn name(&self) -> String {
        format!("{PREFIX}{}-{}-{}", self.architecture, self.hash, self.number)
    }

    /// Whether both are parts of one binary.
    pub(crate) fn is_beside(&self, other: &Part) -> bool {
        (&self.architecture, &self.hash) == (&other.architecture, &other.hash)
    }
}

#[cfg(test)]
mod tests {
    use super::Part;

    #[test]
    fn a_part_is_known_by_its_name() {
        let name = "process-exporter-payload-amd64-0123456789ab-11";
        let part = Part::of(name).unwrap();
        assert_eq!(
            (part.architecture.as_str(), part.hash.as_str(), part.number),
            ("amd64", "0123456789ab", 11)
        );
        assert_eq!(part.name(), name);
        for other in
            ["process-exporter", "process-exporter-payload-", "process-exporter-payload-amd64-0123456789ab"]
        {
            assert_eq!(Part::of(other), None, "{other}");
        }
    }
}
