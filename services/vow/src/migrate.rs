//! `vow migrate`: one service's databases, brought to this version ahead of a start.

use chassis::Telemetry;
use tokio::runtime::Runtime;

use crate::{say::say, serve::Service};

/// Brings one service's databases to this version, and stops.
///
/// `vow serve` does the same when it starts; several that start at once do not disturb each other.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    service: Service,
}

/// Runs `vow migrate`.
pub fn run(args: Args) -> anyhow::Result<()> {
    Runtime::new()?.block_on(async {
        Telemetry::start(args.service.name())?;
        args.service.migrate().await?;
        say!(
            "the databases of {} are at this version",
            args.service.name()
        );
        Ok(())
    })
}
