//! The manifests: which crate stands on which, and that versions, features and lints come from the root.

use super::tree::{File, Finding};

/// Each crate below the services, and the members of the workspace it may stand on.
const CRATES: &[(&str, &[&str])] = &[
    ("proto", &[]),
    ("crates/policy", &[]),
    ("crates/vault", &[]),
    ("crates/ledger", &[]),
    ("crates/grant", &[]),
    ("crates/client", &["grant", "proto"]),
    ("crates/chassis", &["client", "proto", "vault"]),
];

/// The services: each may stand on any crate, and on no service.
const SERVICES: &[&str] = &[
    "services/disclosure-audit",
    "services/consent",
    "services/payments-data",
    "services/identity",
];

/// Programs beside the suite, and the members they may stand on: callers know what callers are given,
/// and whoever checks the log knows its bytes.
const CALLERS: &[(&str, &[&str])] = &[("tests/load", &["client", "ledger", "proto"])];

/// The one program stands on everything.
const PROGRAM: &str = "services/vow";

/// How the names of crates begin that bring async or input and output with them.
const ASYNCHRONOUS: &[&str] = &[
    "async", "axum", "futures", "hyper", "sea-orm", "sqlx", "tokio", "tonic", "tower",
];

/// A line below a heading that ends in `dependencies`.
struct Dependency<'a> {
    line: usize,
    name: &'a str,
    is_from_the_root: bool,
}

/// Dependencies against the direction in which they run.
pub(super) fn arrows(file: &File) -> Vec<Finding> {
    let Some(member) = member(file).filter(|it| *it != PROGRAM) else {
        return Vec::new();
    };
    let crates: Vec<&str> = CRATES.iter().map(|(folder, _)| name(folder)).collect();
    let mut listed = CRATES.iter().chain(CALLERS);
    let may_stand_on = match listed.find(|(folder, _)| *folder == member) {
        Some((_, below)) => *below,
        None if SERVICES.contains(&member) => &crates,
        None => {
            let advice = "say in CRATES, CALLERS or SERVICES of tests/it/tidy/manifests.rs what it stands on";
            return file.findings([1], advice);
        }
    };
    let wrong = |it: &Dependency| {
        let callers = CALLERS.iter().map(|(folder, _)| folder);
        let above = SERVICES.iter().chain([&PROGRAM]).chain(callers);
        let mut above = above.map(|folder| name(folder));
        let is_member = crates.contains(&it.name) || above.any(|name| name == it.name);
        is_member && !may_stand_on.contains(&it.name)
    };
    let lines = dependencies(&file.text)
        .into_iter()
        .filter(wrong)
        .map(|it| it.line);
    file.findings(
        lines,
        "dependencies run one way: what both need belongs in a crate below both",
    )
}

/// Async under a crate that is pure.
pub(super) fn asynchronous(file: &File) -> Vec<Finding> {
    let is_pure = |member| {
        matches!(
            member,
            "crates/policy" | "crates/vault" | "crates/ledger" | "crates/grant"
        )
    };
    if !member(file).is_some_and(is_pure) {
        return Vec::new();
    }
    let wrong = |it: &Dependency| ASYNCHRONOUS.iter().any(|start| it.name.starts_with(start));
    let lines = dependencies(&file.text)
        .into_iter()
        .filter(wrong)
        .map(|it| it.line);
    file.findings(
        lines,
        "a pure crate waits for nothing: leave this to its caller",
    )
}

/// Dependencies and features of a crate's own.
pub(super) fn own_versions(file: &File) -> Vec<Finding> {
    if member(file).is_none() {
        return Vec::new();
    }
    let own = dependencies(&file.text)
        .into_iter()
        .filter(|it| !it.is_from_the_root);
    let mut findings = file.findings(
        own.map(|it| it.line),
        "write `name.workspace = true`; version and features stand in the root Cargo.toml",
    );
    let features = file
        .text
        .lines()
        .zip(1..)
        .filter(|(line, _)| *line == "[features]");
    findings.extend(file.findings(features.map(|(_, line)| line), "the product has one shape"));
    findings
}

/// Crates that do not take the lints of the workspace.
pub(super) fn lints(file: &File) -> Vec<Finding> {
    if member(file).is_none() || file.text.contains("\n[lints]\nworkspace = true\n") {
        return Vec::new();
    }
    file.findings([1], "add `[lints]` with `workspace = true`")
}

/// The name of the package in a folder.
fn name(folder: &str) -> &str {
    folder.rsplit('/').next().unwrap_or(folder)
}

/// The folder of the workspace member whose manifest this is; `None` for one outside, which says so
/// by a workspace of its own.
fn member(file: &File) -> Option<&str> {
    let is_outside = file.text.lines().any(|line| line == "[workspace]");
    file.path
        .strip_suffix("/Cargo.toml")
        .filter(|_| !is_outside)
}

fn dependencies(manifest: &str) -> Vec<Dependency<'_>> {
    let mut found = Vec::new();
    let mut is_inside = false;
    for (line, text) in (1..).zip(manifest.lines().map(str::trim)) {
        if let Some(heading) = text.strip_prefix('[') {
            is_inside = heading.ends_with("dependencies]");
            // `[dependencies.name]`: the name stands in the heading, and is never from the root.
            if let Some((_, name)) = heading.split_once("dependencies.") {
                let name = name.trim_end_matches(']');
                found.push(Dependency {
                    line,
                    name,
                    is_from_the_root: false,
                });
            }
        } else if is_inside && !text.is_empty() && !text.starts_with('#') {
            let name = text.split(['.', '=', ' ']).next().unwrap_or(text);
            let is_from_the_root = text.strip_prefix(name) == Some(".workspace = true");
            found.push(Dependency {
                line,
                name,
                is_from_the_root,
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{super::planted, *};

    #[test]
    fn a_dependency_against_the_direction_is_found() {
        for (member, dependency, is_found) in [
            ("services/consent", "identity", true),
            ("services/consent", "vow", true),
            ("services/consent", "policy", false),
            ("services/identity", "payments-data", true),
            ("crates/chassis", "consent", true),
            ("crates/client", "chassis", true),
            ("crates/chassis", "client", false),
            ("crates/grant", "proto", true),
            ("crates/grant", "serde", false),
            ("services/vow", "identity", false),
            ("services/consent", "load", true),
            ("tests/load", "chassis", true),
            ("tests/load", "client", false),
        ] {
            for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
                let text = format!("[package]\n[{section}]\n{dependency}.workspace = true\n");
                let expected: &[usize] = if is_found { &[3] } else { &[] };
                let path = format!("{member}/Cargo.toml");
                assert_eq!(
                    planted(arrows, &path, &text),
                    expected,
                    "{member} on {dependency}"
                );
            }
        }
        assert_eq!(planted(arrows, "crates/new/Cargo.toml", "[package]\n"), [1]);
    }

    #[test]
    fn an_async_crate_under_a_pure_one_is_found() {
        let text = "[dependencies]\nuuid.workspace = true\n\n[dev-dependencies]\ntokio-util.workspace = true\n";
        assert_eq!(planted(asynchronous, "crates/policy/Cargo.toml", text), [5]);
        assert!(planted(asynchronous, "crates/client/Cargo.toml", text).is_empty());
    }

    #[test]
    fn a_version_or_feature_of_its_own_is_found() {
        for (text, lines) in [
            ("[dependencies]\n# Why.\na.workspace = true\n", &[][..]),
            ("[dependencies]\na = \"1\"\n", &[2]),
            (
                "[dependencies]\na = { workspace = true, features = [\"b\"] }\n",
                &[2],
            ),
            (
                "[dependencies]\na.workspace = true\n[dependencies.b]\nversion = \"1\"\n",
                &[3],
            ),
            ("[target.'cfg(unix)'.dependencies]\na = \"1\"\n", &[2]),
            ("[features]\na = []\n", &[1]),
            ("[package]\nname = \"a\"\n[lints]\nworkspace = true\n", &[]),
        ] {
            assert_eq!(
                planted(own_versions, "crates/a/Cargo.toml", text),
                lines,
                "{text}"
            );
            assert!(planted(own_versions, "Cargo.toml", text).is_empty());
            let outside = format!("[workspace]\n{text}");
            assert!(planted(own_versions, "tests/a/Cargo.toml", &outside).is_empty());
        }
    }

    #[test]
    fn a_crate_with_lints_of_its_own_is_found() {
        let path = "crates/a/Cargo.toml";
        assert_eq!(planted(lints, path, "[package]\n[lints.rust]\n"), [1]);
        assert!(planted(lints, path, "[package]\n\n[lints]\nworkspace = true\n").is_empty());
    }
}
