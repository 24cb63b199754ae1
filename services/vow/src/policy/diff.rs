//! `vow policy diff`: what a new policy changes, clause by clause, in words, and whom it touches.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use policy::{Change, Rulebook};
use proto::consent::{ClauseChange, ComparePoliciesRequest, ComparePoliciesResponse};
use tokio::runtime::Runtime;

use super::{compiled, read};
use crate::{endpoints::Endpoints, init::Layout, say::say, up};

/// Compares two policy files.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The policy file (TOML) that holds now.
    old: PathBuf,
    /// The one that is to hold.
    new: PathBuf,
    /// The folder of the material of a running suite, such as .vow: tell also how many of its
    /// subjects each change touches.
    #[arg(long, value_name = "DIR")]
    against: Option<PathBuf>,
    /// The tenant whose subjects are counted.
    #[arg(long, default_value = up::TENANT, requires = "against")]
    tenant: String,
}

/// Runs `vow policy diff`.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (old, new) = (compiled(&args.old)?, compiled(&args.new)?);
    let count = match &args.against {
        Some(folder) => {
            let response = Runtime::new()?.block_on(ask(args, folder))?;
            tell_counted(&response);
            response.clauses.len()
        }
        None => tell_all(&old, &new),
    };
    match count {
        0 => say!("nothing changes"),
        1 => say!("1 clause changes"),
        count => say!("{count} clauses change"),
    }
    if let Some(fault) = policy::unrevised(&old, &new) {
        say!("{fault}");
    }
    Ok(ExitCode::SUCCESS)
}

fn tell_all(old: &Rulebook, new: &Rulebook) -> usize {
    let changes = policy::diff(old, new);
    for change in &changes {
        let how = match change.change {
            Change::Added => "added",
            Change::Removed => "removed",
            Change::Changed => "changed",
        };
        tell(&change.clause, how, &change.lines);
    }
    changes.len()
}

async fn ask(args: &Args, folder: &Path) -> anyhow::Result<ComparePoliciesResponse> {
    let layout = Layout::new(folder);
    let Some(endpoints) = Endpoints::of_running_suite(&layout).await else {
        bail!("no suite runs from {}", folder.display());
    };
    let mut operator = up::clients_in(&layout, &endpoints.addresses()?, "operator", &args.tenant)?;
    let request = operator.request(ComparePoliciesRequest {
        old_text: read(&args.old)?,
        new_text: read(&args.new)?,
    });
    let answer = operator.consent.compare_policies(request).await;
    Ok(answer.context("consent does not tell")?.into_inner())
}

fn tell_counted(response: &ComparePoliciesResponse) {
    let all = response.subjects;
    for effect in &response.clauses {
        let ClauseChange {
            clause,
            change,
            lines,
        } = effect.change.clone().unwrap_or_default();
        tell(&clause, &change, &lines);
        match effect.subjects_touched {
            1 => say!("  touches 1 of {all} subjects"),
            count => say!("  touches {count} of {all} subjects"),
        }
    }
}

fn tell(clause: &str, change: &str, lines: &[String]) {
    let how = match change {
        "added" => " is new",
        "removed" => " is gone",
        _ => "",
    };
    say!("{clause}{how}");
    for line in lines {
        say!("  {}", line.replace('\n', " "));
    }
}
