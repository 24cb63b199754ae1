//! What the linter tells of a word by itself.

mod sale;

use policy::{Code, Severity, check};

const SOUND: &str = include_str!("../sound_policy.toml");

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

#[test]
fn a_word_of_the_language_is_told_with_the_one_that_is_near() {
    for (basis, told) in [
        ("CONTRAKT", Some("did you mean `CONTRACT`?")),
        ("contract", Some("did you mean `CONTRACT`?")),
        ("because", None),
    ] {
        let text = SOUND.replacen("basis = \"CONTRACT\"", &format!("basis = \"{basis}\""), 1);
        let findings = check(&text);
        let message = &findings[0].message;
        assert_eq!(
            message.contains("did you mean"),
            told.is_some(),
            "{message}"
        );
        assert!(told.is_none_or(|it| message.ends_with(it)), "{message}");
    }
}

#[test]
fn a_region_is_told_with_the_country_meant() {
    for (region, told) in [
        ("UK", "did you mean `GB`?"),
        ("us", "did you mean `US`?"),
        ("USA", "did you mean `US`?"),
        ("EU", "name its members one by one"),
        ("eea", "name its members one by one"),
        ("XX", "one of ISO 3166-1, such as US"),
        ("", "one of ISO 3166-1, such as US"),
    ] {
        let text = SOUND.replace(
            "storage_region = \"US\"",
            &format!("storage_region = \"{region}\""),
        );
        let findings = check(&text);
        let found = findings.iter().find(|it| it.code == Code::MalformedRegion);
        let message = &found.expect(region).message;
        assert!(message.ends_with(told), "{message}");
    }
    assert!(!is_found(
        Code::MalformedRegion,
        "storage_region = \"US\"",
        "storage_region = \"ZW\""
    ));
}

#[test]
fn a_basis_bears_what_fits_it() {
    let used = "purposes = [\"essential.service.operations.support\"]\n\
                categories = [\"user.name\", \"user.contact.email\"]\n\
                basis = \"LEGITIMATE_INTERESTS\"\n";
    let taken = "categories = [\"user.name\", \"user.contact.address\", \"user.contact.email\"]";
    let body = "user.health_and_medical";
    for (purpose, category, basis, when, is_unfit) in [
        (
            "essential.emergency",
            "user.name",
            "VITAL_INTERESTS",
            "",
            false,
        ),
        (
            "essential.service.health_care",
            "user.name",
            "VITAL_INTERESTS",
            "",
            false,
        ),
        ("marketing", "user.name", "VITAL_INTERESTS", "", true),
        ("essential", "user.name", "VITAL_INTERESTS", "", true),
        (
            "essential.legal_obligation",
            "user.name",
            "LEGAL_OBLIGATION",
            "",
            false,
        ),
        (
            "essential.service.authentication",
            "user.name",
            "LEGAL_OBLIGATION",
            "",
            true,
        ),
        ("personalize", "user.name", "LEGAL_OBLIGATION", "", true),
        ("essential.service", body, "CONTRACT", "", true),
        ("essential.service", body, "LEGITIMATE_INTERESTS", "", true),
        ("essential.service", "user", "CONTRACT", "", true),
        ("essential.service", body, "PUBLIC_TASK", "", false),
        (
            "essential.service",
            body,
            "CONTRACT",
            "when = { aggregate_only = true }\n",
            false,
        ),
        (
            "essential.service",
            body,
            "CONTRACT",
            "when = { order = true }\n",
            true,
        ),
        ("essential.service.health_care", body, "CONTRACT", "", false),
        ("essential.legal_claims", body, "CONTRACT", "", false),
        ("essential.service", "user.name", "CONTRACT", "", false),
        (
            "essential.service",
            "user.health_and_medical.record_id",
            "CONTRACT",
            "",
            false,
        ),
        // No point takes it, but it is named.
        ("essential.service", "user.biometric", "CONTRACT", "", true),
    ] {
        let rule = format!(
            "purposes = [\"{purpose}\"]\ncategories = [\"{category}\"]\nbasis = \"{basis}\"\n{when}"
        );
        assert_eq!(
            (SOUND.matches(used).count(), SOUND.matches(taken).count()),
            (1, 1)
        );
        let text = SOUND
            .replace(used, &rule)
            .replace(taken, &taken.replace(']', &format!(", \"{body}\"]")));
        let findings = check(&text);
        let of_use = |it: &&policy::Finding| it.clause.as_deref() == Some("use.answer");
        let found = findings
            .iter()
            .filter(of_use)
            .any(|it| it.code == Code::BasisUnfit);
        assert_eq!(found, is_unfit, "{purpose} {category} {basis} {when}");
    }
}

#[test]
fn a_day_is_of_a_year_that_a_policy_can_have() {
    for (year, is_malformed) in [
        ("1969", true),
        ("1970", false),
        ("2100", false),
        ("2101", true),
    ] {
        let revised = format!("revised = {year}-01-01\n");
        let found = is_found(Code::MalformedDate, "revised = 2024-02-29\n", &revised);
        assert_eq!(found, is_malformed, "{year}");
    }
}

#[test]
fn nothing_is_kept_for_longer_than_anybody_lives() {
    for (retention, is_too_long) in [
        ("for 100 years", false),
        ("for 101 years", true),
        ("for 1201 months", true),
        ("for 36501 days", true),
        ("until erased", false),
    ] {
        let kept = format!("retention = \"{retention}\"");
        let found = is_found(Code::RetentionTooLong, "retention = \"for 2 years\"", &kept);
        assert_eq!(found, is_too_long, "{retention}");
    }
}

#[test]
fn a_letter_that_nobody_sees_is_refused_and_a_promise_may_have_lines() {
    let (title, says) = ("\"The form\"", "\"A form takes a name.\"");
    for (from, to, is_refused) in [
        (title, "\"The\\u0007 form\"", true),
        (title, "\"The\\nform\"", true),
        (title, "\"The\\u2028form\"", true),
        (title, "\"The \\u202Eform\"", true),
        (title, "\"The \\u2066form\"", true),
        (title, "\"The \\u2069form\"", true),
        (title, "\"The förm, \\u2030 — “so”\"", false),
        (says, "\"\"\"A form\ntakes a name.\"\"\"", false),
        (says, "\"A form\\r\\ntakes a name.\"", false),
        (says, "\"A form\\rtakes a name.\"", true),
        (says, "\"A form\\u001B[2J takes a name.\"", true),
        (
            "\"the top of the page\"",
            "\"the top\\u0000 of the page\"",
            true,
        ),
    ] {
        assert_eq!(is_found(Code::UnseenLetter, from, to), is_refused, "{to}");
    }
    let found = check(&SOUND.replace(title, "\"The\\u001B form\""));
    assert_eq!(found.len(), 1);
    let message = "`title` has a letter that nobody sees, U+001B: take it out";
    assert_eq!(found[0].message, message);
}

#[test]
fn a_word_that_says_something_is_not_empty() {
    let (order, acts) = ("order = true", "acts = [\"typed\"]");
    let five = "acts = [\"chosen\", \"observed\", \"retrieved\", \"sent\", \"typed\"]";
    for (from, to, is_empty) in [
        (order, "order = true, aggregate_only = false", true),
        (order, "order = true, regions = []", true),
        (order, "order = true, regions = [\"US\"]", false),
        (
            order,
            "ages = [\"under 13\", \"13 to 15\", \"16 to 17\"]",
            false,
        ),
        (
            order,
            "ages = [\"adult\", \"adult\", \"adult\", \"adult\"]",
            false,
        ),
        (
            order,
            "ages = [\"adult\", \"16 to 17\", \"13 to 15\", \"under 13\"]",
            true,
        ),
        (acts, five, false),
        (
            acts,
            &five.replace("\"sent\"", "\"sent\", \"supplied_by_installer\""),
            true,
        ),
        ("contact = \"privacy@example.org\"", "contact = \"\"", false),
    ] {
        assert_eq!(is_found(Code::EmptyWord, from, to), is_empty, "{to}");
    }
}

#[test]
fn a_contact_is_misspelt_when_its_domain_is_nearly_the_site_or_the_name() {
    for (site, name, contact, is_misspelt) in [
        ("www.parkside.example", "shop", "a@bankside.example", false),
        ("www.parkside.example", "shop", "a@parksied.example", true),
        ("www.parkside.example", "shop", "a@parkside.exmaple", true),
        ("www.parkside.example", "shop", "a@parkside.example", false),
        (
            "www.parkside.example",
            "shop",
            "https://parksid.example",
            true,
        ),
        (
            "holzwurm.example",
            "alpine-sports",
            "a@sport.example",
            false,
        ),
        (
            "holzwurm.example",
            "alpine-sports",
            "a@alpina.example",
            false,
        ),
        ("holzwurm.example", "alpine", "a@Alpina.example", true),
        ("holzwurm.example", "alpine", "a@alpine.example", false),
        ("holzwurm.example", "alp", "a@alb.example", false),
        ("holzwurm.example", "darkside", "a@parkside.example", false),
    ] {
        let text = SOUND
            .replace("www.example.org", site)
            .replace("name = \"sound\"", &format!("name = \"{name}\""))
            .replace("privacy@example.org", contact);
        let findings = check(&text);
        let found = findings.iter().any(|it| it.code == Code::ContactMisspelt);
        assert_eq!(found, is_misspelt, "{site} {name} {contact}: {findings:?}");
    }
}

#[test]
fn clauses_that_show_the_day_at_two_places_disagree_though_the_header_is_silent() {
    let silent = SOUND.replace("revision_shown = \"the top of the page\"\n", "");
    for (first, second, disagrees) in [
        ("the top", "The Top ", false),
        ("the top", "the bottom", true),
    ] {
        let clause = |key: &str, shown: &str| {
            format!(
                "[[clause]]\nkey = \"policy.{key}\"\ntitle = \"Day\"\nsays = \"It stands there.\"\n\
                 enforced = \"by services\"\nannounces = {{ shown = \"{shown}\" }}\n"
            )
        };
        let text = format!(
            "{silent}\n{}{}",
            clause("changes", first),
            clause("acceptance", second)
        );
        let found = check(&text);
        let clauses: Vec<_> = found.iter().map(|it| it.clause.as_deref()).collect();
        let expected = disagrees.then_some(Some("policy.acceptance"));
        assert_eq!(
            clauses,
            expected.into_iter().collect::<Vec<_>>(),
            "{found:?}"
        );
    }
}

#[test]
fn a_misspelt_word_hides_no_other_fault() {
    let text = SOUND
        .replace("side = \"site\"", "side = \"iste\"")
        .replace("order = true", "ordr = true, regions = [\"EU\"]")
        .replace("retention = \"for 2 years\"", "retention = \"for 2 yaers\"")
        .replace(
            "\"user.name\", \"user.contact.email\"]\nbasis",
            "\"user.nme\"]\nbasis",
        );
    let findings = check(&text);
    let found: Vec<_> = findings.iter().map(|it| it.code).collect();
    assert_eq!(
        found,
        [
            Code::NotReadable,
            Code::NotReadable,
            Code::NotReadable,
            Code::MalformedRegion,
            Code::UnknownCategory
        ],
        "{findings:#?}"
    );
    assert!(findings.iter().all(|it| it.severity == Severity::Error));
    let region = &findings[3];
    let line = text.lines().nth(region.line - 1).unwrap();
    assert_eq!(line.find("\"EU\""), Some(region.column - 1), "{line}");
}

#[test]
fn a_policy_has_so_many_rules_and_no_more() {
    let rules =
        SOUND.matches("[[clause.permit]]").count() + SOUND.matches("[[clause.forbid]]").count();
    let forbid = "[[clause.forbid]]\naction = \"use\"\npurposes = [\"personalize\"]\n";
    for (count, is_too_long) in [(500, false), (501, true)] {
        let text = format!("{SOUND}\n{}", forbid.repeat(count - rules));
        let found = check(&text);
        let over: Vec<_> = found.iter().filter(|it| it.code == Code::TooLong).collect();
        assert_eq!(over.len(), usize::from(is_too_long), "{count}");
        let last = text.matches('\n').count() - 2;
        assert!(over.iter().all(|it| it.line == last), "{over:?} {last}");
    }
}

#[test]
fn a_word_that_is_near_to_none_hides_no_other_wrong_word() {
    let text = SOUND
        .replace("enforced = \"by rules\"", "enforced = \"by rules\" # kept")
        .replace(
            "basis = \"CONTRACT\"\nretention",
            "basis = \"NONE_OF_THEM\"\nretention",
        )
        .replace("[\"form\"]", "[\"desk\"]")
        .replace(
            "\"user.name\", \"user.contact.email\"]\nbasis",
            "\"user.nme\"]\nbasis",
        );
    let findings = check(&text);
    let found: Vec<_> = findings
        .iter()
        .map(|it| (it.code, it.clause.as_deref().unwrap_or_default()))
        .collect();
    assert_eq!(
        found,
        [
            (Code::UnknownPoint, "take.form"),
            (Code::NotReadable, "take.form"),
            (Code::UnknownCategory, "use.answer")
        ],
        "{findings:#?}"
    );
}
