//! Bodies of the fuzz targets in `node-cpu/fuzz`: they assert what is true of every parser and of the ledger for any input.
//!
//! The plain tests run them with the seeds that are kept there. This module is no part of the program.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is what a fuzzer looks for")]

mod accounts;
mod texts;

/// Feeds bytes to the parsers of the kernel's files.
pub fn files(data: &[u8]) {
    texts::files(data);
}

/// Feeds names of cgroups, processes and threads to what maps them to class, group and thread name.
pub fn names(data: &[u8]) {
    texts::names(data);
}

/// Feeds a config and a process to the rules. A byte 0xff ends the config, another ends the comm, and the rest is the
/// command line.
pub fn config(data: &[u8]) {
    texts::config(data);
}

/// Feeds the ledger with what passes do to accounts, four bytes for each step.
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
                // The panic is caught, so that a failure names its seed.
                let done = std::panic::catch_unwind(|| target(&data));
                assert!(done.is_ok(), "{} breaks {name}", seed.display());
            }
        }
    }
}
