//! One ConfigMap of a payload: all there is to know of it is in its name.
use super::NAME_PREFIX;

/// Which part of which binary it holds. Ordered as they are mounted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Chunk {
    pub(crate) architecture: String,
    /// Of the binary, see `payload::hash`.
    pub(crate) hash: String,
    /// From 0.
    pub(crate) number: usize,
}

impl Chunk {
    /// Reads a ConfigMap's name; none where it is no payload's.
    pub(crate) fn from_name(name: &str) -> Option<Chunk> {
        let (binary, number) = name.strip_prefix(NAME_PREFIX)?.rsplit_once('-')?;
        let (architecture, hash) = binary.split_once('-')?;
        let number = number.parse().ok()?;
        Some(Chunk { architecture: architecture.to_owned(), hash: hash.to_owned(), number })
    }

    /// The ConfigMap's name.
    pub(crate) fn name(&self) -> String {
        format!("{NAME_PREFIX}{}-{}-{}", self.architecture, self.hash, self.number)
    }

    /// Whether both are parts of one binary.
    pub(crate) fn is_of_same_binary(&self, other: &Chunk) -> bool {
        (&self.architecture, &self.hash) == (&other.architecture, &other.hash)
    }
}

#[cfg(test)]
mod tests {
    use super::Chunk;

    #[test]
    fn a_chunk_is_known_by_its_name() {
        let name = "process-exporter-payload-amd64-0123456789ab-11";
        let chunk = Chunk::from_name(name).unwrap();
        assert_eq!(
            (chunk.architecture.as_str(), chunk.hash.as_str(), chunk.number),
            ("amd64", "0123456789ab", 11)
        );
        assert_eq!(chunk.name(), name);
        for other in
            ["process-exporter", "process-exporter-payload-", "process-exporter-payload-amd64-0123456789ab"]
        {
            assert_eq!(Chunk::from_name(other), None, "{other}");
        }
    }
}
