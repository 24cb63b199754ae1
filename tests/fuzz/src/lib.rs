//! Every parser that reads what strangers send, and what must be true of whatever it makes of it.

pub mod parsers;
