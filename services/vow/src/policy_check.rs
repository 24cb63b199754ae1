//! `vow policy`: work on policy files, without a running suite.

use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::Context;
use policy::Severity;

use crate::say::say;

/// What was checked is not sound.
const UNSOUND: u8 = 3;

/// Works on policy files.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Check a policy file: it compiles, and the linter's findings by line.
    ///
    /// Exits 0 when the policy compiles and 3 when it does not; warnings do not change the exit code.
    Check {
        /// The policy file (TOML).
        file: PathBuf,
    },
}

/// Runs `vow policy`.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Command::Check { file } = args.command;
    let name = file.display();
    let text = fs::read_to_string(&file).with_context(|| format!("{name} cannot be read"))?;
    let findings = policy::check(&text);
    for finding in &findings {
        say!("{name}:{finding}");
    }
    let errors = findings
        .iter()
        .filter(|it| it.severity == Severity::Error)
        .count();
    let warnings = findings.len() - errors;
    if errors > 0 {
        say!("{name}: does not compile: {errors} errors, {warnings} warnings");
        return Ok(ExitCode::from(UNSOUND));
    }
    let rulebook = policy::compile(&text)?;
    let clauses = rulebook.clauses();
    let by_rules = clauses
        .iter()
        .filter(|it| it.enforced == policy::Enforced::ByRules)
        .count();
    say!(
        "{name}: compiles: {} clauses, {by_rules} with rules, {warnings} warnings",
        clauses.len()
    );
    Ok(ExitCode::SUCCESS)
}
