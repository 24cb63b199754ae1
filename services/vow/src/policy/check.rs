//! `vow policy check`: what the linter finds in a policy file, for a person or for a program.

use std::{path::PathBuf, process::ExitCode};

use policy::{Finding, Severity};
use serde_json::json;

use super::{UNSOUND, read};
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
    let text = read(&args.file)?;
    let name = args.file.display().to_string();
    let findings = policy::check(&text);
    match args.format {
        Format::Text => tell(&name, &text, &findings),
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
    let found = format!("{errors} errors, {warnings} warnings, {notes} notes");
    match policy::compile(text) {
        Ok(rulebook) => say!(
            "{name}: compiles: {} clauses, {} rules in force; {found}",
            rulebook.clauses().len(),
            rulebook.rule_count()
        ),
        Err(_) => say!("{name}: does not compile: {found}"),
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
