//! `vow tour`: one person's life under the policy, each decision with its clause.

mod calls;
mod narrator;
mod walk;

use std::path::PathBuf;

use anyhow::Context;
use chassis::Stop;
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
}

/// Runs `vow tour`.
pub fn run(args: Args) -> anyhow::Result<()> {
    Runtime::new()?.block_on(async {
        let layout = Layout::new(args.dir);
        if let Some(endpoints) = Endpoints::of_running_suite(&layout).await {
            say!(
                "Using the suite that runs from {}.",
                layout.folder().display()
            );
            return walk::walk(&layout, &endpoints).await;
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
        let walked = walk::walk(&layout, &suite.endpoints).await;
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
