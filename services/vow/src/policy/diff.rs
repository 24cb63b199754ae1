//! `vow policy diff`: what a new policy changes, clause by clause, in words.

use std::{path::PathBuf, process::ExitCode};

use policy::{Change, ClauseChange};

use super::compiled;
use crate::say::say;

/// Compares two policy files.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The policy file (TOML) that holds now.
    old: PathBuf,
    /// The one that is to hold.
    new: PathBuf,
}

/// Runs `vow policy diff`.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (old, new) = (compiled(&args.old)?, compiled(&args.new)?);
    let changes = policy::diff(&old, &new);
    for change in &changes {
        tell(change);
    }
    match changes.len() {
        0 => say!("nothing changes"),
        1 => say!("1 clause changes"),
        count => say!("{count} clauses change"),
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(change: &ClauseChange) {
    let how = match change.change {
        Change::Added => " is new",
        Change::Removed => " is gone",
        Change::Changed => "",
    };
    say!("{}{how}", change.clause);
    for line in &change.lines {
        say!("  {}", line.replace('\n', " "));
    }
}
