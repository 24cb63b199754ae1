//! `vow policy coverage`: what keeps each clause, and how often it decided.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, bail};
use policy::{Coverage, Rulebook};
use proto::consent::{
    ClauseConformance, Coverage as WireCoverage, GetConformanceRequest, GetConformanceResponse,
};
use tokio::runtime::Runtime;

use super::{compiled, explain::one_line};
use crate::{endpoints::Endpoints, init::Layout, say::say, up};

/// Tells what keeps each clause.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The policy file (TOML); left out, the current policy of the suite that runs from --dir, with
    /// how often each clause decided there.
    file: Option<PathBuf>,
    /// The folder of the development material of a running suite.
    #[arg(long, default_value = ".vow", env = "VOW_DIR")]
    dir: PathBuf,
    /// Write the page of the documentation instead.
    #[arg(long, requires = "file")]
    markdown: bool,
}

/// Runs `vow policy coverage`.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.file {
        Some(file) => {
            let rulebook = compiled(file)?;
            if args.markdown {
                page(&rulebook);
            } else {
                clauses(&rulebook).iter().for_each(tell);
            }
        }
        None => tell_suite(&Runtime::new()?.block_on(ask(&args.dir))?),
    }
    Ok(ExitCode::SUCCESS)
}

async fn ask(dir: &PathBuf) -> anyhow::Result<GetConformanceResponse> {
    let layout = Layout::new(dir);
    let Some(endpoints) = Endpoints::of_running_suite(&layout).await else {
        bail!("no suite runs from {}", dir.display());
    };
    let mut operator = up::clients(&layout, &endpoints.addresses()?, "operator")?;
    let request = operator.request(GetConformanceRequest {});
    let answer = operator.consent.get_conformance(request).await;
    Ok(answer.context("consent does not tell")?.into_inner())
}

/// The clauses of a policy as a suite tells of them, before any decision.
fn clauses(rulebook: &Rulebook) -> Vec<ClauseConformance> {
    let clauses = rulebook.clauses().iter().map(|it| ClauseConformance {
        clause: it.key.clone(),
        title: it.title.clone(),
        coverage: match it.coverage() {
            Coverage::Enforced => WireCoverage::Enforced,
            Coverage::Evidenced => WireCoverage::Evidenced,
            Coverage::TextOnly => WireCoverage::TextOnly,
        }
        .into(),
        rules: rulebook.deciding_rules(it),
        methods: owned(&rulebook.methods_of(it)),
        ..ClauseConformance::default()
    });
    clauses.collect()
}

fn tell_suite(conformance: &GetConformanceResponse) {
    for clause in &conformance.clauses {
        tell(clause);
        let last = clause.last_decided_at.map(|it| format!(", last at {it}"));
        let ClauseConformance {
            permitted, refused, ..
        } = clause;
        let last = last.unwrap_or_default();
        say!("  permitted {permitted} times and refused {refused}{last}");
    }
    let version = &conformance.policy_version;
    let since = conformance.counted_since.map(|it| format!(" since {it}"));
    say!("policy {version}, counted{}", since.unwrap_or_default());
}

fn tell(clause: &ClauseConformance) {
    say!("{}: {}", clause.clause, coverage(clause));
    for rule in &clause.rules {
        say!("  {}", one_line(rule));
    }
    if !clause.methods.is_empty() {
        say!("  obeyed by {}", clause.methods.join(", "));
    }
}

/// The page's words between the policy's name and the rows.
const PAGE_HEAD: &str = "\
A clause is *enforced* when its rules decide or the language has no word for what it rules out, *evidenced* when the \
services are built to keep it and leave evidence, and *text only* when nothing keeps it yet.
That its rules say all that its text says, no program can tell; of a rule that nothing can come of, the row says why.

`vow policy coverage FILE --markdown` writes this page.
Without a file, `vow policy coverage` asks a running suite, and tells how often each clause decided there and when last.

| Clause | Kept | Its rules | Obeyed by |
|---|---|---|---|";

/// The page `docs/conformance.md`.
fn page(rulebook: &Rulebook) {
    say!("# Conformance\n");
    say!(
        "What keeps each clause of the policy `{}`.",
        rulebook.name()
    );
    say!("{PAGE_HEAD}");
    for clause in clauses(rulebook) {
        let methods = clause.methods.iter().map(|it| short(it));
        let methods: Vec<_> = methods.map(|it| format!("`{it}`")).collect();
        let rules: Vec<_> = clause.rules.iter().map(|it| cell(it)).collect();
        say!(
            "| `{}` {} | {} | {} | {} |",
            clause.clause,
            cell(&clause.title),
            coverage(&clause),
            rules.join("<br>"),
            methods.join(", ")
        );
    }
}

fn coverage(clause: &ClauseConformance) -> &'static str {
    match clause.coverage() {
        WireCoverage::Enforced => Coverage::Enforced.words(),
        WireCoverage::Evidenced => Coverage::Evidenced.words(),
        WireCoverage::TextOnly | WireCoverage::Unspecified => Coverage::TextOnly.words(),
    }
}

/// `ConsentService/Check` for `vow.consent.v1.ConsentService/Check`.
fn short(method: &str) -> &str {
    let service = method.split('/').next().unwrap_or(method);
    let package = service.rfind('.').map_or(0, |it| it + 1);
    &method[package..]
}

/// A text in a cell of a Markdown table: it ends neither the cell nor the row, and formats nothing.
fn cell(text: &str) -> String {
    let mut cell = String::new();
    for it in one_line(text).chars() {
        if matches!(it, '\\' | '|' | '`' | '<' | '[' | '*') {
            cell.push('\\');
        }
        cell.push(it);
    }
    cell
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_neither_ends_nor_formats() {
        for (text, expected) in [
            ("Nothing | for sale\nat all", "Nothing \\| for sale at all"),
            (
                "<b>`x`</b> [a](b) *c*",
                "\\<b>\\`x\\`\\</b> \\[a](b) \\*c\\*",
            ),
            ("a\\|b", "a\\\\\\|b"),
            ("red \u{1b}[31m", "red \\\\u{1b}\\[31m"),
            ("back \u{202e}wards", "back \\\\u{202e}wards"),
        ] {
            assert_eq!(cell(text), expected);
        }
    }
}
