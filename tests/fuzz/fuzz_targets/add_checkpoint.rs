//! Feeds `fuzz::parsers::add_checkpoint`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::parsers::add_checkpoint(bytes));
