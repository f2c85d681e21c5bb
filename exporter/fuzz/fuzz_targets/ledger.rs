//! Feeds what passes do to accounts to `process_exporter::fuzz::ledger`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| process_exporter::fuzz::ledger(data));
