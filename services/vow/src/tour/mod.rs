//! `vow tour`: one person's life under the policy, each decision with its clause.

mod calls;
mod narrator;
mod walk;

use std::path::PathBuf;

use anyhow::Context;
use chassis::Stop;
use client::Addresses;
use tokio::runtime::Runtime;

use crate::{
    endpoints::Endpoints,
    init::Layout,
    say::say,
    up::{self, Suite},
};

/// Walks a person's life through a suite, showing each decision with its clause.
///
/// It uses the suite that runs from --dir; when none does, it starts one of its own for the walk, on
/// free ports in a temporary folder, and removes it afterwards.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The folder of the development material of a running suite.
    #[arg(long, default_value = ".vow", env = "VOW_DIR")]
    dir: PathBuf,
    /// Where the suite is, when it runs elsewhere: all four addresses, or none.
    #[command(flatten)]
    elsewhere: Elsewhere,
    /// Where to put the receipts; beside the material by default.
    #[arg(long, env = "VOW_RECEIPTS")]
    receipts: Option<PathBuf>,
}

/// The addresses of a suite that was started by something else.
#[derive(clap::Args, Debug)]
#[group(multiple = true)]
struct Elsewhere {
    /// Address of disclosure-audit, as https://host:port.
    #[arg(long, env = "VOW_DISCLOSURE_AUDIT", requires = "consent")]
    disclosure_audit: Option<String>,
    /// Address of consent.
    #[arg(long, env = "VOW_CONSENT", requires = "payments_data")]
    consent: Option<String>,
    /// Address of payments-data.
    #[arg(long, env = "VOW_PAYMENTS_DATA", requires = "identity")]
    payments_data: Option<String>,
    /// Address of identity.
    #[arg(long, env = "VOW_IDENTITY", requires = "disclosure_audit")]
    identity: Option<String>,
}

impl Elsewhere {
    fn addresses(self) -> Option<Addresses> {
        Some(Addresses {
            disclosure_audit: self.disclosure_audit?,
            consent: self.consent?,
            payments_data: self.payments_data?,
            identity: self.identity?,
        })
    }
}

/// Runs `vow tour`.
pub fn run(args: Args) -> anyhow::Result<()> {
    Runtime::new()?.block_on(async {
        let layout = Layout::new(args.dir);
        let receipts = args.receipts.unwrap_or_else(|| layout.folder().to_owned());
        if let Some(addresses) = args.elsewhere.addresses() {
            say!("Using the suite whose consent is at {}.", addresses.consent);
            up::publish_first_policy(&layout, &addresses).await?;
            return walk::walk(&layout, &addresses, &receipts).await;
        }
        if let Some(endpoints) = Endpoints::of_running_suite(&layout).await {
            say!(
                "Using the suite that runs from {}.",
                layout.folder().display()
            );
            return walk::walk(&layout, &endpoints.addresses()?, &receipts).await;
        }
        say!(
            "No suite runs from {}: starting one for this tour.",
            layout.folder().display()
        );
        let folder = temporary_folder()?;
        let layout = Layout::new(&folder);
        let stop = Stop::new();
        let suite =
            Suite::start(&layout, &up::Args::for_a_tour(folder.clone()), stop.clone()).await?;
        let addresses = suite.endpoints.addresses()?;
        let walked = walk::walk(&layout, &addresses, &folder).await;
        stop.request();
        let stopped = suite.join().await;
        std::fs::remove_dir_all(&folder).context("the temporary folder cannot be removed")?;
        walked.and(stopped)
    })
}

fn temporary_folder() -> anyhow::Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("vow-tour-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&folder).context("the temporary folder cannot be written")?;
    Ok(folder)
}
