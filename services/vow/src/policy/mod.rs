//! `vow policy`: work on policy files, most of it without a running suite.

mod check;
mod coverage;
mod diff;
mod explain;
mod export;

use std::{fs, path::Path, process::ExitCode};

use anyhow::Context;
use policy::{Findings, Rulebook};

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
    /// Exits 0 when there is nothing to find fault with and 3 when the policy does not compile.
    Check(check::Args),
    /// Tell what a new policy file changes, clause by clause: who may do what from now on, and who
    /// no longer.
    ///
    /// Exits 3 when one of the two does not compile.
    Diff(diff::Args),
    /// Tell why a request is permitted or refused, down to the line of each rule that had a say; or
    /// read a clause aloud.
    ///
    /// Exits 0 whatever the answer is, and 3 when the policy does not compile.
    Explain(Box<explain::Args>),
    /// Tell what keeps each clause: its rules and the calls that obey them; of a running suite also
    /// how often it permitted and refused, and when last.
    ///
    /// Exits 3 when the policy does not compile.
    Coverage(coverage::Args),
    /// Export a policy file: the same rules for Cedar, with the clause's key as `@id`.
    ///
    /// The second and later rules of a clause are `KEY#2`, `KEY#3` and so on, permissions first, and
    /// `@line` is the line of the policy file. What every policy shares is `vow:request`,
    /// `vow:standing`, `vow:refused` and `vow:points`. Of a draft, and of a clause without rules, there
    /// is a comment. The file begins with the schema of what a request tells. Exits 3 when the policy
    /// does not compile.
    Export(export::Args),
}

/// Runs `vow policy`.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let done = match args.command {
        Command::Check(args) => check::run(args),
        Command::Diff(args) => diff::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Coverage(args) => coverage::run(&args),
        Command::Export(args) => export::run(args),
    };
    match done {
        Err(error) if error.is::<Findings>() => {
            say!("{error:#}");
            Ok(ExitCode::from(UNSOUND))
        }
        done => done,
    }
}

/// A policy file, compiled.
fn compiled(file: &Path) -> anyhow::Result<Rulebook> {
    let compiled = policy::compile(&read(file)?);
    compiled.with_context(|| format!("{} does not compile", file.display()))
}

/// The text of a policy file.
fn read(file: &Path) -> anyhow::Result<String> {
    fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))
}
