//! Feeds `fuzz::parsers::wrapping_keys`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::parsers::wrapping_keys(bytes));
