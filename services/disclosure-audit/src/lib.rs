//! tmp
#![allow(dead_code)]
mod vocabulary; mod event; mod recipient; mod accounting; mod checkpoint; mod error;
pub const NAME: &str = "disclosure-audit";
