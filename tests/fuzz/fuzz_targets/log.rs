//! Feeds `fuzz::parsers::log`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::parsers::log(bytes));
