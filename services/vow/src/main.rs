//! The one program: every command is a line here and a file beside it.

mod endpoints;
mod init;
mod log_audit;
mod migrate;
mod policy;
mod say;
mod serve;
mod tour;
mod up;
mod verify;
mod witness;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use say::say;

/// Statements and messages are built of many small pieces.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Vow keeps the promises of a privacy policy, and proves it.
///
/// Exit codes: 0 all is well; 1 it failed; 2 the command line was wrong; 3 what was checked is not sound.
#[derive(Parser, Debug)]
#[command(version, propagate_version = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Make development material: an authority, certificates, keys and the table of callers.
    Init(init::Args),
    /// Start the whole suite on this machine, on embedded SQLite or on a PostgreSQL you name.
    Up(up::Args),
    /// Start one service with given material.
    Serve(serve::Args),
    /// Bring one service's databases to this version, and stop.
    Migrate(migrate::Args),
    /// Work on policy files.
    Policy(policy::Args),
    /// Verify receipts, a whole log or a certificate.
    Verify(verify::Args),
    /// Work on the log.
    Log(log_audit::Args),
    Witness(witness::Args),
    /// Walk one person's life through a suite, showing each decision with its clause.
    Tour(tour::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(code) => code,
        Err(error) => {
            say::complain(&format!("vow: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Init(args) => init::run(args)?,
        Command::Up(args) => up::run(args)?,
        Command::Serve(args) => serve::run(args)?,
        Command::Migrate(args) => migrate::run(args)?,
        Command::Policy(args) => return policy::run(args),
        Command::Verify(args) => return verify::run(args),
        Command::Log(args) => return log_audit::run(args),
        Command::Witness(args) => witness::run(args)?,
        Command::Tour(args) => tour::run(args)?,
    }
    Ok(ExitCode::SUCCESS)
}
