//! `load`: calls a suite, measures it, and checks every answer it gets.

mod act;
mod api;
mod bench;
mod call;
mod capacity;
mod machine;
mod mix;
mod pace;
mod people;
mod report;
mod schedule;
mod suite;
mod tally;
mod words;

use std::{io::Write, process::ExitCode};

use clap::{Parser, Subcommand};

/// Calls Vow, measures it, and checks every answer it gets.
///
/// Exit codes: 0 all is well; 1 a call failed, an answer was wrong or a goal was not reached; 2 the command line was
/// wrong.
#[derive(Parser, Debug)]
#[command(version, propagate_version = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Begin acts of many people at a fixed rate, and report how each call was answered.
    Mix(Box<mix::Args>),
    /// Measure the log beside a bare database, on a suite of its own.
    Bench(bench::Args),
    /// Make the table of performance from the reports of `load bench`.
    Table(bench::table::Args),
    /// Find how many calls a second this machine carries, on suites of its own.
    Capacity(capacity::Args),
}

// One thread makes thousands of calls a second, and leaves the rest to the suite; others only sleep for it.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let ended = match Cli::parse().command {
        Command::Mix(args) => mix::run(*args).await,
        Command::Bench(args) => bench::run(args).await,
        Command::Table(args) => bench::table::run(&args).map(|()| true),
        Command::Capacity(args) => capacity::run(&args).map(|()| true),
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr().lock(), "load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
