//! `vow policy export`: the rules of a policy in the language of another engine.

use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::Context;

use super::compiled;
use crate::say::say;

/// Exports a policy file.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The policy file (TOML).
    file: PathBuf,
    /// Where the same rules are written for Cedar; `-` is standard output.
    #[arg(long)]
    cedar: PathBuf,
}

/// Runs `vow policy export`.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let rulebook = compiled(&args.file)?;
    let text = rulebook.to_cedar();
    if args.cedar.as_os_str() == "-" {
        say!("{}", text.trim_end());
    } else {
        let written = fs::write(&args.cedar, text);
        written.with_context(|| format!("{} cannot be written", args.cedar.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}
