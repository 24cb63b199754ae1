//! `vow policy check`: what the linter finds in a policy file, for a person or for a program.

use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::Context;
use policy::{Code, Finding, Severity};
use serde_json::json;

use super::UNSOUND;
use crate::say::say;

/// Checks a policy file.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The policy file (TOML).
    file: PathBuf,
    /// How the findings are told.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Exit with 3 on warnings too; notes never change the exit code.
    #[arg(long)]
    deny_warnings: bool,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug)]
enum Format {
    /// A line each: file, line, column, severity, code, clause, message.
    Text,
    /// One JSON document with the explanation of each code.
    Json,
}

/// Runs `vow policy check`.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let bytes = fs::read(&args.file);
    let bytes = bytes.with_context(|| format!("{} cannot be read", args.file.display()))?;
    let name = args.file.display().to_string();
    let (text, findings) = match std::str::from_utf8(&bytes) {
        Ok(text) => (text, policy::check(text)),
        // Without a text nothing compiles.
        Err(error) => ("", vec![not_utf8(&bytes[..error.valid_up_to()])]),
    };
    match args.format {
        Format::Text => tell(&name, text, &findings),
        Format::Json => say!("{:#}", document(&name, &findings)),
    }
    let is_unsound = |it: &Finding| match it.severity {
        Severity::Error => true,
        Severity::Warning => args.deny_warnings,
        Severity::Note => false,
    };
    Ok(match findings.iter().any(is_unsound) {
        true => ExitCode::from(UNSOUND),
        false => ExitCode::SUCCESS,
    })
}

fn tell(name: &str, text: &str, findings: &[Finding]) {
    for finding in findings {
        let Finding { line, column, .. } = finding;
        let (severity, code) = (finding.severity.as_str(), finding.code.as_str());
        let clause = finding.clause.as_deref().map(|it| format!("{it}: "));
        let clause = clause.unwrap_or_default();
        let message = &finding.message;
        say!("{name}:{line}:{column}: {severity} {code}: {clause}{message}");
    }
    let count = |severity| findings.iter().filter(|it| it.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let notes = count(Severity::Note);
    let found = [(errors, "error"), (warnings, "warning"), (notes, "note")];
    let found = found.map(|(count, what)| counted(count, what)).join(", ");
    match policy::compile(text) {
        Ok(rulebook) => say!(
            "{name}: compiles: {}, {} in force; {found}",
            counted(rulebook.clauses().len(), "clause"),
            counted(rulebook.rule_count(), "rule")
        ),
        Err(_) => say!("{name}: does not compile: {found}"),
    }
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

/// The finding of a file in another encoding: where its first byte is that cannot be read.
fn not_utf8(readable: &[u8]) -> Finding {
    let readable = String::from_utf8_lossy(readable);
    let last = readable.rsplit('\n').next().unwrap_or_default();
    Finding {
        code: Code::NotReadable,
        severity: Code::NotReadable.severity(),
        clause: None,
        line: 1 + readable.matches('\n').count(),
        column: 1 + last.chars().count(),
        message: "the text is not UTF-8: save it in that encoding".to_owned(),
    }
}

fn document(name: &str, findings: &[Finding]) -> serde_json::Value {
    let findings = findings.iter().map(|it| {
        json!({
            "file": name,
            "line": it.line,
            "column": it.column,
            "severity": it.severity.as_str(),
            "code": it.code.as_str(),
            "clause": it.clause,
            "message": it.message,
            "explanation": it.code.explanation(),
        })
    });
    json!({ "findings": findings.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_told_without_an_s() {
        let told = [0, 1, 2].map(|count| counted(count, "rule"));
        assert_eq!(told, ["0 rules", "1 rule", "2 rules"]);
    }

    #[test]
    fn a_text_in_another_encoding_is_told_at_its_first_wrong_byte() {
        for (readable, line, column) in [("", 1, 1), ("ab", 1, 3), ("ab\nçd", 2, 3)] {
            let finding = not_utf8(readable.as_bytes());
            assert_eq!((finding.line, finding.column), (line, column), "{readable}");
            assert_eq!(finding.severity, Severity::Error);
        }
    }
}
