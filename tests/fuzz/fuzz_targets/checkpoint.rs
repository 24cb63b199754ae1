//! Feeds `fuzz::parsers::checkpoint`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::parsers::checkpoint(bytes));
