//! Feeds the kernel's files to `node_cpu::fuzz::files`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| node_cpu::fuzz::files(data));
