//! Feeds `fuzz::parsers::verifier_key`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::parsers::verifier_key(bytes));
