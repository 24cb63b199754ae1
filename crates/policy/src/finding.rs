//! What is wrong with a policy text, where, and how badly.

use std::fmt;

pub use crate::code::Code;

/// How badly a finding weighs. Only an error keeps the policy from compiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The policy does not compile.
    Error,
    /// The policy compiles, and is probably not what was meant.
    Warning,
    /// Nothing is wrong; a reader should know.
    Note,
}

impl Severity {
    /// The word of the reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// One thing wrong with a policy text. A policy is a published document and holds nobody's data,
/// so the message may quote its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What sort of fault it is.
    pub code: Code,
    /// How badly it weighs.
    pub severity: Severity,
    /// The key of the clause it stands in, when it stands in one.
    pub clause: Option<String>,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// What is wrong and what would be right, as a lower-case sentence without a full stop.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}:{}: {}: ",
            self.line,
            self.column,
            self.code.as_str()
        )?;
        if let Some(clause) = &self.clause {
            write!(formatter, "{clause}: ")?;
        }
        formatter.write_str(&self.message)
    }
}

/// The errors for which a policy did not compile, ordered by line; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Findings(pub Vec<Finding>);
