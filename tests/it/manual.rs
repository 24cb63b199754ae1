//! The manual: what docs/operations.md names is there, and the commands it gives are those that the tests run.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use crate::suite::{VOW, separate::SERVICES};

const MANUAL: &str = include_str!("../../docs/operations.md");

#[test]
fn every_alert_has_its_line_and_every_link_its_end() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    for page in fs::read_dir(docs.join("runbooks")).expect("there are runbooks") {
        let page = page.expect("it can be read").file_name();
        let page = page.to_str().expect("it is text");
        let linked = MANUAL.contains(&format!("(runbooks/{page})"));
        assert!(linked || page == "README.md", "no line leads to {page}");
    }
    let headings: BTreeSet<String> = MANUAL.lines().filter_map(anchor).collect();
    for link in MANUAL.split("](").skip(1) {
        let link = link.split(')').next().expect("it has an end");
        match link.strip_prefix('#') {
            Some(heading) => assert!(headings.contains(heading), "no heading is {link}"),
            None => assert!(docs.join(link).exists(), "{link} leads nowhere"),
        }
    }
}

/// What a link to a heading says.
fn anchor(line: &str) -> Option<String> {
    let heading = line.trim_start_matches('#').strip_prefix(' ');
    let heading = heading.filter(|_| line.starts_with("##"))?.to_lowercase();
    let kept = heading
        .chars()
        .filter(|it| it.is_alphanumeric() || matches!(it, ' ' | '-'));
    Some(kept.collect::<String>().replace(' ', "-"))
}

#[test]
fn every_variable_is_one_that_a_service_knows() {
    let help: String = SERVICES.iter().map(|it| help(&["serve", it])).collect();
    // Read before any command line.
    let known = help + "[env: VOW_LOG=";
    let named = MANUAL.split("VOW_").skip(1);
    for name in named {
        let end = name.find(|it: char| !it.is_ascii_uppercase() && it != '_');
        let name = &name[..end.unwrap_or(name.len())];
        let is_known = ['=', ']']
            .iter()
            .any(|end| known.contains(&format!("[env: VOW_{name}{end}")));
        assert!(is_known, "no service knows VOW_{name}");
    }
}

#[test]
fn every_command_of_the_program_takes_what_it_is_given() {
    let commands: Vec<&str> = MANUAL.lines().filter(|it| it.starts_with("vow ")).collect();
    assert!(!commands.is_empty());
    for command in commands {
        let words: Vec<&str> = command
            .split(" | ")
            .next()
            .unwrap_or(command)
            .split(' ')
            .collect();
        let names = 1 + usize::from(["log", "policy"].contains(&words[1]));
        let help = help(&words[1..=names]);
        for flag in words.iter().filter(|it| it.starts_with("--")) {
            assert!(help.contains(&format!("{flag} ")), "{command}: {flag}");
        }
    }
}

fn help(arguments: &[&str]) -> String {
    let mut command = Command::new(VOW);
    let output = command
        .args(arguments)
        .arg("--help")
        .output()
        .expect("the program runs");
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).expect("it is text")
}

#[test]
fn the_commands_of_the_restore_drill_are_those_of_the_manual() {
    for command in [
        "pg_dump --format=custom --file",
        "pg_restore --clean --if-exists --single-transaction --no-owner --dbname",
        "\"VACUUM INTO '",
        "psql --tuples-only --no-align --command 'SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1'",
    ] {
        assert!(MANUAL.contains(command), "{command}");
    }
}
