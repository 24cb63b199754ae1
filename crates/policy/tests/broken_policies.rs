//! Policies broken in one place each: the fault is found, named, and pointed at.

use std::collections::HashSet;

use policy::{Code, Finding, Severity, check, compile};

const SOUND: &str = include_str!("sound_policy.toml");
const CASES: &str = include_str!("broken_policies.txt");

/// One case: what breaks the sound policy, and the finding that tells so.
struct Case<'a> {
    code: &'a str,
    clause: Option<&'a str>,
    place: &'a str,
    text: String,
}

fn cases() -> Vec<Case<'static>> {
    let blocks = CASES.split("\n\n").skip(1);
    blocks.map(case).collect()
}

fn case(block: &'static str) -> Case<'static> {
    let (header, edit) = block.split_once('\n').expect("an edit follows");
    let [code, clause, place] = *header.splitn(3, ' ').collect::<Vec<_>>() else {
        panic!("a case begins with code, clause and place: {header}");
    };
    let marked = |mark| -> String {
        let lines = edit.lines().filter_map(|line| line.strip_prefix(mark));
        lines.map(|line| format!("\n{line}")).collect::<String>() + "\n"
    };
    let (sound, broken) = (marked("- "), marked("+ "));
    assert_eq!(SOUND.matches(&sound).count(), 1, "to be found once:{sound}");
    let clause = Some(clause).filter(|it| *it != "none");
    Case {
        code,
        clause,
        place,
        text: SOUND.replace(&sound, &broken),
    }
}

fn points_at(finding: &Finding, case: &Case<'_>) -> bool {
    let line = case.text.lines().nth(finding.line - 1).unwrap_or_default();
    let rest: String = line.chars().skip(finding.column - 1).collect();
    finding.code.as_str() == case.code
        && finding.clause.as_deref() == case.clause
        && rest.starts_with(case.place)
}

#[test]
fn the_sound_policy_has_no_findings() {
    assert_eq!(check(SOUND), []);
}

#[test]
fn every_fault_is_found_where_it_is() {
    for case in cases() {
        let findings = check(&case.text);
        let found = findings.iter().any(|it| points_at(it, &case));
        assert!(found, "{} at {}: {findings:#?}", case.code, case.place);
    }
}

#[test]
fn errors_keep_a_policy_from_compiling_and_warnings_do_not() {
    for case in cases() {
        let mut errors = check(&case.text);
        errors.retain(|it| it.severity == Severity::Error);
        match compile(&case.text) {
            Ok(_) => assert_eq!(errors, [], "{} at {}", case.code, case.place),
            Err(findings) => assert_eq!(findings.0, errors, "{} at {}", case.code, case.place),
        }
    }
}

#[test]
fn the_cases_show_every_code_but_the_bound_on_length() {
    let shown: HashSet<_> = cases().iter().map(|it| it.code).collect();
    let codes = Code::ALL.iter().filter(|it| **it != Code::TooLong);
    let codes: HashSet<_> = codes.map(|it| it.as_str()).collect();
    assert_eq!(shown, codes);
}

#[test]
fn a_key_that_only_sounds_like_a_sale_is_none() {
    let text = SOUND
        .replace("\"form\"", "\"point_of_sale\"")
        .replace("key = \"order\"", "key = \"rent_a_car\"");
    assert_eq!(check(&text), []);
}

#[test]
fn a_word_of_the_title_says_nothing_about_a_domain() {
    let text = SOUND
        .replace("A sound policy\"", "What this house knows\"")
        .replace("privacy@example.org", "privacy@mouse.example");
    assert_eq!(check(&text), []);
}

#[test]
fn the_faults_of_the_published_page_are_found() {
    let found = check(include_str!("published_faults.toml"));
    let found: Vec<_> = found.iter().map(|it| (it.code.as_str(), it.line)).collect();
    let expected = [
        ("CONTACT_MISSPELT", 9),
        ("WEAK_BASIS", 27),
        ("SALE_IN_DISGUISE", 47),
        ("SALE_IN_DISGUISE", 48),
        ("WEAK_BASIS", 44),
        ("NOTICE_DISAGREES", 61),
    ];
    for finding in expected {
        assert!(found.contains(&finding), "{finding:?} in {found:?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:?}");
}

#[test]
fn findings_come_in_the_order_of_the_text() {
    let text = SOUND
        .replace("\"US\"", "\"USA\"")
        .replace("[\"form\"]", "[\"desk\"]");
    let lines: Vec<_> = check(&text).iter().map(|it| it.line).collect();
    assert!(lines.len() > 1 && lines.is_sorted(), "{lines:?}");
}

#[test]
fn a_finding_reads_as_place_code_clause_and_advice() {
    let findings = compile(&SOUND.replace("[\"typed\"]", "[\"guessed\"]")).unwrap_err();
    let line = SOUND
        .lines()
        .position(|it| it.starts_with("unless"))
        .unwrap()
        + 1;
    assert_eq!(
        findings.to_string(),
        format!(
            "{line}:20: UNKNOWN_ACT: take.form: `guessed` is not in the vocabulary, which has \
             chosen, observed, retrieved, sent, supplied_by_installer, typed"
        )
    );
}
