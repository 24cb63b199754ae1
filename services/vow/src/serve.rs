//! `vow serve`: one service, with material that somebody else made.

use chassis::{Process, Stop, Telemetry};
use tokio::runtime::Runtime;

/// Starts one service. Every flag can be given by the environment variable named beside it.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    service: Service,
}

/// A service with its configuration.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum Service {
    /// The log of every use and disclosure, and the last gate.
    DisclosureAudit(Box<disclosure_audit::Config>),
    /// The policy, what each person permitted, and the decisions.
    Consent(Box<consent::Config>),
    /// What is given with an order, sealed under the order.
    PaymentsData(Box<payments_data::Config>),
    /// Who a person is, sealed under the person's own key; erasure.
    Identity(Box<identity::Config>),
}

/// Runs `vow serve` until a signal stops it.
pub fn run(args: Args) -> anyhow::Result<()> {
    Runtime::new()?.block_on(async {
        Telemetry::start(args.service.name())?;
        let process = args.service.open(Stop::on_signals()?)?;
        args.service.run(process).await
    })
}

impl Service {
    /// The service's name, as in its folder and its SPIFFE id.
    pub fn name(&self) -> &'static str {
        match self {
            Service::DisclosureAudit(_) => disclosure_audit::NAME,
            Service::Consent(_) => consent::NAME,
            Service::PaymentsData(_) => payments_data::NAME,
            Service::Identity(_) => identity::NAME,
        }
    }

    /// Reads the material and binds the listeners.
    pub fn open(&self, stop: Stop) -> anyhow::Result<Process> {
        Process::open(self.name(), self.chassis().clone(), stop)
    }

    /// Serves until it is stopped.
    pub async fn run(self, process: Process) -> anyhow::Result<()> {
        match self {
            Service::DisclosureAudit(config) => disclosure_audit::run(*config, process).await,
            Service::Consent(config) => consent::run(*config, process).await,
            Service::PaymentsData(config) => payments_data::run(*config, process).await,
            Service::Identity(config) => identity::run(*config, process).await,
        }
    }

    fn chassis(&self) -> &chassis::Config {
        match self {
            Service::DisclosureAudit(config) => &config.chassis,
            Service::Consent(config) => &config.chassis,
            Service::PaymentsData(config) => &config.chassis,
            Service::Identity(config) => &config.chassis,
        }
    }
}
