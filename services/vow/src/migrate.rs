//! `vow migrate`: one service's databases, brought to this version ahead of a start.

use chassis::{Databases, Migration, Telemetry};
use clap::builder::PossibleValuesParser;
use tokio::runtime::Runtime;

use crate::{init::SERVICES, say::say};

/// Brings one service's databases to this version, and stops.
///
/// `vow serve` does the same when it starts, unless VOW_MIGRATIONS is `wait`; several that start at
/// once do not disturb each other.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The service.
    #[arg(value_parser = PossibleValuesParser::new(SERVICES))]
    service: String,
    /// Its databases, as a role that may change their schema.
    #[command(flatten)]
    databases: Databases,
    /// The PostgreSQL role of the running service. It gets the rights to the tables that it needs,
    /// and none to change them.
    #[arg(long, env = "VOW_RUNTIME_ROLE")]
    runtime_role: Option<String>,
}

/// Runs `vow migrate`.
pub fn run(args: Args) -> anyhow::Result<()> {
    let service = args.service.as_str();
    Runtime::new()?.block_on(async {
        Telemetry::start("vow")?;
        let role = args.runtime_role.as_deref();
        chassis::migrate(&args.databases, migrations(service), role).await?;
        say!("the databases of {service} are at this version");
        Ok(())
    })
}

fn migrations(service: &str) -> &'static [Migration] {
    match service {
        disclosure_audit::NAME => disclosure_audit::MIGRATIONS,
        consent::NAME => consent::MIGRATIONS,
        payments_data::NAME => payments_data::MIGRATIONS,
        _ => identity::MIGRATIONS,
    }
}
