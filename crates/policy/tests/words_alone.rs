//! What the linter tells of a word by itself.

use policy::{Code, check};

const SOUND: &str = include_str!("sound_policy.toml");

/// Whether a code is found when something in the sound policy stands otherwise.
fn is_found(code: Code, from: &str, to: &str) -> bool {
    assert_eq!(SOUND.matches(from).count(), 1, "{from}");
    let findings = check(&SOUND.replace(from, to));
    findings.iter().any(|it| it.code == code)
}

#[test]
fn a_day_is_a_day_and_nothing_more() {
    for (day, is_malformed) in [
        ("2024-02-29", false),
        ("2024-02-29T10:00:00", true),
        ("2024-02-29T10:00:00Z", true),
        ("10:00:00", true),
    ] {
        let revised = format!("revised = {day}\n");
        let found = is_found(Code::MalformedDate, "revised = 2024-02-29\n", &revised);
        assert_eq!(found, is_malformed, "{day}");
    }
}

#[test]
fn a_text_may_hold_from_the_day_of_its_revision_and_not_before() {
    let revised = "revised = 2024-02-29\n";
    for (effective, disagrees) in [
        ("2024-02-28", true),
        ("2024-02-29", false),
        ("2024-03-01", false),
    ] {
        let both = format!("{revised}effective = {effective}\n");
        assert_eq!(
            is_found(Code::DatesDisagree, revised, &both),
            disagrees,
            "{effective}"
        );
    }
}

#[test]
fn an_end_that_depends_on_something_goes_with_the_condition_that_knows_it() {
    let basis = "basis = \"LEGITIMATE_INTERESTS\"";
    for (retention, when, disagrees) in [
        ("until the order is closed", "order = true", false),
        ("until the order is closed", "approval = true", true),
        (
            "until consent is withdrawn",
            "consent = \"for this purpose\"",
            false,
        ),
        ("until consent is withdrawn", "order = true", true),
        ("as figures only", "aggregate_only = true", false),
        ("as figures only", "order = true", true),
    ] {
        let more = format!("{basis}\nretention = \"{retention}\"\nwhen = {{ {when} }}");
        let text = SOUND.replace(basis, &more);
        let goes_with = check(&text)
            .into_iter()
            .find(|it| it.code == Code::RetentionDisagrees && it.message.contains("goes with"));
        assert_eq!(
            goes_with.is_some(),
            disagrees,
            "{retention} {when}: {:?}",
            check(&text)
        );
        assert!(
            check(&text).iter().all(|it| it.code != Code::NotReadable),
            "{retention}"
        );
    }
}

#[test]
fn what_is_of_no_person_may_go_where_what_is_of_persons_may_not() {
    let shared = "purposes = [\"essential.service.payment_processing\"]\n\
                  categories = [\"user.contact.address\"]\n";
    let used = "purposes = [\"essential.service.operations.support\"]\n\
                categories = [\"user.name\", \"user.contact.email\"]\n";
    for (rule, purpose) in [
        (shared, "third_party_sharing"),
        (used, "marketing.advertising.third_party"),
    ] {
        for (categories, is_sale) in [
            ("\"system\"", false),
            ("\"system.operations\", \"system.authentication\"", false),
            ("\"user\"", true),
            ("\"system.operations\", \"user.name\"", true),
        ] {
            let other = format!("purposes = [\"{purpose}\"]\ncategories = [{categories}]\n");
            let found = is_found(Code::SaleInDisguise, rule, &other);
            assert_eq!(found, is_sale, "{purpose} {categories}");
        }
    }
}

#[test]
fn a_word_that_is_like_none_is_told_with_those_of_its_family() {
    let purpose = "essential.service.payment_processing";
    for (unknown, listed) in [
        (
            "analytics.weather",
            "analytics, analytics.reporting, analytics.reporting.system",
        ),
        (
            "weather",
            "analytics, essential, functional, marketing, personalize, third_party_sharing",
        ),
    ] {
        let findings = check(&SOUND.replace(purpose, unknown));
        let messages: Vec<_> = findings.into_iter().map(|it| it.message).collect();
        let expected = format!("`{unknown}` is not in the vocabulary, which has {listed}");
        assert_eq!(messages, [expected]);
    }
}
