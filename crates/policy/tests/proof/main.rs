//! The proof of the policy language: `decide`, a plain reference model and Cedar agree.

mod case;
mod cedar;
mod dice;
mod differential;
mod exhaustive;
mod file;
mod model;
mod sale;
mod unchanged;
