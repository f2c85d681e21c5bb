//! What must hold of every parser and of the ledger whatever they are fed: the fuzz targets' bodies (exporter/fuzz), which the
//! seeds that are kept there also go through in the plain tests. No part of the program.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is what a fuzzer looks for")]

mod accounts;
mod texts;

/// The kernel's files: bytes to values.
pub fn files(data: &[u8]) {
    texts::files(data);
}

/// Names of cgroups, processes and threads to class, group and thread name.
pub fn names(data: &[u8]) {
    texts::names(data);
}

/// A config, up to a byte that is no text, and a process for it to name: comm, byte, command line.
pub fn config(data: &[u8]) {
    texts::config(data);
}

/// What passes do to accounts, four bytes for each.
pub fn ledger(data: &[u8]) {
    accounts::ledger(data);
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    type Target = fn(&[u8]);

    #[test]
    fn the_seeds_that_are_kept_find_nothing() {
        let targets: [(&str, Target); 4] = [
            ("files", super::files),
            ("names", super::names),
            ("config", super::config),
            ("ledger", super::ledger),
        ];
        for (name, target) in targets {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
            let seeds: Vec<_> = fs::read_dir(&folder).unwrap().map(|seed| seed.unwrap().path()).collect();
            assert!(seeds.len() > 5, "only {} seeds in {}", seeds.len(), folder.display());
            for seed in seeds {
                let data = fs::read(&seed).unwrap();
                // So that a failure names its seed.
                let done = std::panic::catch_unwind(|| target(&data));
                assert!(done.is_ok(), "{} breaks {name}", seed.display());
            }
        }
    }
}
