//! Feeds names of cgroups, processes and threads to `process_exporter::fuzz::names`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| process_exporter::fuzz::names(data));
