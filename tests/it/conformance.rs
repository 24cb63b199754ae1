//! `vow policy coverage` and `vow policy export`: what the program tells of a policy file.

use std::{fs, path::Path, process::Command};

use crate::suite::VOW;

#[test]
fn the_page_on_conformance_is_what_the_program_writes() {
    let written = policy(&["coverage", &file("gupshup-bots"), "--markdown"]);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/conformance.md");
    let page = fs::read_to_string(page).expect("the page");
    assert_eq!(
        written, page,
        "write it anew: vow policy coverage policies/gupshup-bots.toml --markdown >docs/conformance.md"
    );
}

#[test]
fn the_coverage_of_a_file_tells_rules_and_methods() {
    let told = policy(&["coverage", &file("gupshup-bots")]);
    for line in [
        "collect.declared-only: enforced",
        "protect.storage: evidenced",
    ] {
        assert!(told.lines().any(|it| it == line), "{told}");
    }
    assert!(told.contains("  forbids to collect at "), "{told}");
    assert!(told.contains("/Reveal, "), "{told}");
    assert!(
        told.contains("; no rule in force lets user.behavior in\n"),
        "{told}"
    );
}

#[test]
fn the_export_names_each_clause_with_rules() {
    let cedar = policy(&["export", &file("gupshup-bots"), "--cedar", "-"]);
    for line in [
        "@id(\"collect.voluntary\")",
        "@id(\"collect.voluntary#2\")",
        "@id(\"use.payment-only-for-its-order\")",
        "@id(\"vow:request\")",
        "// collect.cookies: Cookies can be declined",
        "// It is a draft: its rules decide nothing, and are left out.",
    ] {
        assert!(cedar.lines().any(|it| it == line), "{line}: {cedar}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("policy.cedar");
    let path = path.to_str().expect("it is text");
    assert_eq!(
        policy(&["export", &file("gupshup-bots"), "--cedar", path]),
        ""
    );
    assert_eq!(fs::read_to_string(path).expect("it is written"), cedar);
}

fn file(name: &str) -> String {
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    policies.join(format!("{name}.toml")).display().to_string()
}

/// What `vow policy` writes to standard output.
fn policy(arguments: &[&str]) -> String {
    let mut command = Command::new(VOW);
    let output = command.arg("policy").args(arguments).output();
    let output = output.expect("the program runs");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("it is text")
}
