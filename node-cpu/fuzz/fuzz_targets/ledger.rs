//! Feeds what passes do to accounts to `node_cpu::fuzz::ledger`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| node_cpu::fuzz::ledger(data));
