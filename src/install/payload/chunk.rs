//! One ConfigMap of a payload. Its name holds all that is needed to identify it.
use super::NAME_PREFIX;

/// A chunk of a binary. Chunks are ordered as they are mounted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Chunk {
    pub(crate) architecture: String,
    /// Hash of the binary, see `payload::hash`.
    pub(crate) hash: String,
    /// Number of the chunk, from 0.
    pub(crate) number: usize,
}

impl Chunk {
    /// Parses a ConfigMap's name. `None` if it is not a payload's.
    pub(crate) fn from_name(name: &str) -> Option<Chunk> {
        let (binary, number) = name.strip_prefix(NAME_PREFIX)?.rsplit_once('-')?;
        let (architecture, hash) = binary.split_once('-')?;
        let number = number.parse().ok()?;
        Some(Chunk { architecture: architecture.to_owned(), hash: hash.to_owned(), number })
    }

    /// Returns the ConfigMap's name.
    pub(crate) fn name(&self) -> String {
        format!("{NAME_PREFIX}{}-{}-{}", self.architecture, self.hash, self.number)
    }

    /// Returns true if both are chunks of one binary.
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
