//! Feeds `fuzz::parsers::proof_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::parsers::proof_file(bytes));
