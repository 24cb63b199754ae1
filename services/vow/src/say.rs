//! What the program tells the person at the desk; services never print, they log.

use std::io::Write;

/// Writes one line to standard output.
macro_rules! say {
    () => { $crate::say::line("") };
    ($($part:tt)*) => { $crate::say::line(&format!($($part)*)) };
}
pub(crate) use say;

/// Writes one line to standard output. A reader that went away is no reason to fail.
pub fn line(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Writes one line to standard error.
pub fn complain(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
