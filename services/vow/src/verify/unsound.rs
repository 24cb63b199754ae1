//! What was checked and does not hold, told apart from what could not be checked.

use std::fmt;

/// The exit code for what is not sound.
pub const UNSOUND: u8 = 3;

/// Why something proves nothing.
#[derive(Debug)]
pub struct Unsound(String);

impl Unsound {
    /// `what` is named first, then why it does not hold.
    pub fn error(what: impl fmt::Display, why: impl fmt::Display) -> anyhow::Error {
        Self(format!("{what} proves nothing: {why}")).into()
    }
}

impl fmt::Display for Unsound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Unsound {}
