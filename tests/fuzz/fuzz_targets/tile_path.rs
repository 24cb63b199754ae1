//! Feeds `fuzz::parsers::tile_path`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::parsers::tile_path(bytes));
