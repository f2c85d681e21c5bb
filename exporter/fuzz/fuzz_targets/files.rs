//! Feeds the kernel's files to `process_exporter::fuzz::files`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| process_exporter::fuzz::files(data));
