//! Feeds `fuzz::parsers::trust_policy`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::parsers::trust_policy(bytes));
