//! Feeds configs to `process_exporter::fuzz::config`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| process_exporter::fuzz::config(data));
