//! Feeds names of cgroups, processes and threads to `node_cpu::fuzz::names`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| node_cpu::fuzz::names(data));
