//! Feeds `fuzz::parsers::bundle`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::parsers::bundle(bytes));
