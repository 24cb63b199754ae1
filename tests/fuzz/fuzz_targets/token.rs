//! Feeds `fuzz::parsers::token`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::parsers::token(bytes));
