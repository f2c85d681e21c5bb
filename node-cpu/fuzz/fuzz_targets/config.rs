//! Feeds configs to `node_cpu::fuzz::config`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| node_cpu::fuzz::config(data));
