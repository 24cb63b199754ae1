//! Feeds `fuzz::parsers::key_bundle`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::parsers::key_bundle(bytes));
