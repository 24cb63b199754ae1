//! Feeds `fuzz::parsers::policy`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::parsers::policy(bytes));
