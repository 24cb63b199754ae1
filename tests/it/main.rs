//! The outside: the real program, driven through its front doors.

mod clauses;
mod suite;
mod tidy;
