//! The reference of the language: its examples compile, and it has every word, code and reason.

use policy::{ACTS, CATEGORIES, Code, PURPOSES, RECIPIENT_KINDS, Reason, Severity, check, compile};

const PAGE: &str = include_str!("../../../docs/policy-language.md");

/// The examples of the page, the whole policy first.
fn examples() -> Vec<&'static str> {
    let blocks = PAGE.split("```toml\n").skip(1);
    let closed = blocks.map(|it| it.split_once("```").expect("an example ends"));
    closed.map(|(example, _)| example).collect()
}

/// An example in the whole policy: a header in the place of its header, all else under it.
fn in_whole(whole: &str, example: &str) -> String {
    match example.starts_with("[policy]") {
        true => format!(
            "{example}\n{}",
            &whole[whole.find("[[").expect("blocks follow")..]
        ),
        false => format!("{whole}\n{example}"),
    }
}

#[test]
fn every_example_compiles_and_has_no_fault() {
    let examples = examples();
    let (whole, others) = examples.split_first().expect("there is a whole policy");
    assert_eq!(others.len(), 10);
    assert_eq!(check(whole), []);
    for example in others {
        let text = in_whole(whole, example);
        compile(&text).unwrap_or_else(|findings| panic!("{example}\n{findings}"));
        let mut findings = check(&text);
        findings.retain(|it| it.severity != Severity::Note);
        assert_eq!(findings, [], "{example}");
    }
}

/// The words that a block may have, as the reader of the language lists them.
fn words(text: &str) -> Vec<String> {
    let findings = compile(text).expect_err("it has a wrong word");
    let mut messages = findings.0.iter().map(|it| &it.message);
    let message = messages.find(|it| it.starts_with("unknown "));
    message
        .expect("the wrong word is told")
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_word_of_the_language_is_on_the_page() {
    let rule = "[[clause]]\n[[clause.permit]]\n";
    let blocks = [
        "[policy]\nx = 1\n".to_owned(),
        "[[collection_point]]\nx = 1\n".to_owned(),
        "[[collection_point]]\nkey = \"a\"\nside = \"x\"\n".to_owned(),
        "[[recipient_kind]]\nx = 1\n".to_owned(),
        "[[activity]]\nx = 1\n".to_owned(),
        "[[clause]]\nx = 1\n".to_owned(),
        "[[clause]]\nenforced = \"x\"\n".to_owned(),
        "[[clause]]\nannounces = { x = 1 }\n".to_owned(),
        format!("{rule}x = 1\n"),
        format!("{rule}action = \"x\"\n"),
        format!("{rule}basis = \"x\"\n"),
        format!("{rule}retention = \"x\"\n"),
        format!("{rule}when = {{ x = 1 }}\n"),
        format!("{rule}when = {{ consent = \"x\" }}\n"),
        format!("{rule}when = {{ ages = [\"x\"] }}\n"),
        format!("{rule}when = {{ acceptance = [\"x\"] }}\n"),
    ];
    for block in blocks {
        let words = words(&block);
        assert!(words.len() > 2, "{block}: {words:?}");
        for word in words.iter().filter(|it| *it != "x" && *it != "for 6 years") {
            let spellings = [
                format!("`{word}`"),
                format!("`{word} ="),
                format!("= \"{word}\"`"),
            ];
            let is_there = spellings.iter().any(|it| PAGE.contains(it));
            assert!(is_there, "the page lacks `{word}`");
        }
    }
}

#[test]
fn every_code_and_every_reason_is_on_the_page() {
    let codes = Code::ALL.iter().map(|it| {
        let severity = it.severity().as_str();
        format!("| `{}` | {severity} | {} |", it.as_str(), it.explanation())
    });
    let reasons = Reason::ALL.iter();
    let reasons = reasons.map(|it| format!("| `{}` | {} |", it.as_str(), it.explanation()));
    for row in codes.chain(reasons) {
        assert!(
            PAGE.lines().any(|line| line == row),
            "the page lacks: {row}"
        );
    }
}

#[test]
fn every_word_of_the_vocabulary_is_told_on_the_page() {
    for registry in [&CATEGORIES, &PURPOSES, &RECIPIENT_KINDS, &ACTS] {
        for key in registry.keys() {
            let row = format!("| `{key}` | ");
            let mut lines = PAGE.lines();
            assert!(
                lines.any(|it| it.starts_with(&row)),
                "the page lacks `{key}`"
            );
        }
    }
}
