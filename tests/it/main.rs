//! The outside: the real program, driven through its front doors.

mod canaries;
mod clauses;
mod erasure;
mod faults;
mod kills;
mod replicas;
mod revisions;
mod suite;
mod tidy;
mod traces;
