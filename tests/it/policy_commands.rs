//! The commands on policy files, as a person types them.

use std::{path::Path, process::Command};

use crate::suite::{Suite, VOW, acts::*, databases};

/// What a changed text is told that has kept its day.
const UNREVISED: &str =
    "`revised` did not move on: it is 2016-06-21 in the new text and 2016-06-21 in the old one";

/// The exit code and the standard output of `vow policy`, in the folder of the policies.
fn policy(arguments: &[&str]) -> (i32, String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let mut command = Command::new(VOW);
    let done = command
        .current_dir(folder)
        .arg("policy")
        .args(arguments)
        .output();
    let done = done.expect("the program runs");
    let text = String::from_utf8(done.stdout).expect("it is text");
    (done.status.code().expect("it ended by itself"), text)
}

/// The shipped policy with one replacement, in a file.
fn edited(from: &str, to: &str) -> tempfile::NamedTempFile {
    let policy = include_str!("../../policies/gupshup-bots.toml");
    assert_eq!(policy.matches(from).count(), 1, "{from}");
    let file = tempfile::NamedTempFile::new().expect("there is room");
    std::fs::write(file.path(), policy.replace(from, to)).expect("there is room");
    file
}

fn path(file: &tempfile::NamedTempFile) -> &str {
    file.path().to_str().expect("it is text")
}

#[test]
fn every_shipped_policy_passes_and_drafts_are_noted() {
    for (file, has_drafts) in [
        ("gupshup-bots.toml", true),
        ("patient-portal.toml", false),
        ("web-shop-gdpr.toml", false),
    ] {
        let (code, text) = policy(&["check", file, "--deny-warnings"]);
        assert_eq!(code, 0, "{text}");
        assert_eq!(
            text.contains(" note CLAUSE_NOT_YET: "),
            has_drafts,
            "{text}"
        );
    }
}

#[test]
fn a_fault_is_told_by_line_and_by_exit_code() {
    let misspelt = edited("support@gupshup.io", "support@guphup.io");
    let (code, text) = policy(&["check", path(&misspelt)]);
    let first = text.lines().next().unwrap_or_default();
    assert!(first.contains(": warning CONTACT_MISSPELT: "), "{text}");
    assert_eq!(code, 0, "a warning does not keep a policy from compiling");
    assert_eq!(policy(&["check", path(&misspelt), "--deny-warnings"]).0, 3);

    let sale = edited("\"marketing.communications.survey\"]", "\"data.resale\"]");
    let (code, text) = policy(&["check", path(&sale), "--format", "json"]);
    assert_eq!(code, 3);
    let document: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    let findings = document["findings"].as_array().expect("it is a list");
    let found = findings.iter().find(|it| it["code"] == "SALE_FORBIDDEN");
    let found = found.expect("it is a sale");
    assert_eq!(found["severity"], "error");
    assert_eq!(found["clause"], "disclose.providers-with-permission");
    assert_eq!(found["file"], path(&sale));
    let policy_text = std::fs::read_to_string(sale.path()).expect("it is there");
    let line = found["line"].as_u64().expect("it is a number") as usize;
    assert!(
        policy_text
            .lines()
            .nth(line - 1)
            .is_some_and(|it| it.contains("data.resale"))
    );
    assert!(
        found["explanation"]
            .as_str()
            .is_some_and(|it| it.ends_with('.'))
    );
}

#[test]
fn what_would_let_data_out_or_in_by_another_name_does_not_compile() {
    let support = "purposes = [\"essential.service.operations.support\"]";
    let survey = "\"marketing.communications.survey\"]\n\
                  when = { consent = \"for this purpose and recipient\" }\nbasis = \"CONSENT\"";
    let emergency = "purposes = [\"essential.emergency\"]\n";
    let acts = "nothing arrives by another way.\"\"\"\nenforced = \"";
    for (from, to, code) in [
        (
            support,
            "purposes = [\"marketing.advertising.third_party\"]",
            "SALE_IN_DISGUISE",
        ),
        (
            survey,
            "\"third_party_sharing\"]\nbasis = \"CONTRACT\"",
            "SALE_IN_DISGUISE",
        ),
        (
            &format!("{emergency}when = {{ approval = true }}\n"),
            emergency,
            "APPROVAL_NOT_ASKED",
        ),
        (
            &format!("{acts}by rules\""),
            &format!("{acts}not yet\""),
            "POINT_WITHOUT_ACTS",
        ),
    ] {
        let file = edited(from, to);
        let (exit, text) = policy(&["check", path(&file)]);
        let is_found = text.contains(&format!(": error {code}: "));
        assert!(exit == 3 && is_found, "{code} is not found: {text}");
    }
}

#[test]
fn a_difference_tells_who_gains_and_who_loses() {
    let both = "[\"marketing.communications.email\", \"marketing.communications.survey\"]";
    let narrower = edited(both, "[\"marketing.communications.email\"]");
    let what = "receive user.contact.email and user.name for marketing.communications.survey";
    let when = "when the person agreed to this purpose and this recipient";
    let lost = format!("no longer {what} (until now {when})");
    let gained = format!("now {what} {when}, resting on CONSENT, kept until consent is withdrawn");
    let cases = [
        ("gupshup-bots.toml", path(&narrower), lost),
        (path(&narrower), "gupshup-bots.toml", gained),
    ];
    for (old, new, told) in cases {
        let (code, text) = policy(&["diff", old, new]);
        assert_eq!(code, 0);
        let told = format!(
            "disclose.providers-with-permission\n  each service_provider may {told}\n\
             1 clause changes\n{UNREVISED}\n"
        );
        assert_eq!(text, told);
    }
    let same = policy(&["diff", "gupshup-bots.toml", "gupshup-bots.toml"]);
    assert_eq!(same, (0, "nothing changes\n".to_owned()));
    let broken = edited("acts = [\"retrieved\"]", "acts = [\"retreived\"]");
    let (code, text) = policy(&["diff", "gupshup-bots.toml", path(&broken)]);
    assert_eq!(code, 3);
    assert!(text.contains("did you mean `retrieved`?"), "{text}");
}

#[tokio::test]
async fn a_difference_tells_how_many_subjects_of_a_running_suite_it_touches() {
    let both = "[\"marketing.communications.email\", \"marketing.communications.survey\"]";
    let narrower = edited(both, "[\"marketing.communications.survey\"]");
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let mut shop = suite.shop();
        let (ada, grace, _) = (
            register(&mut shop).await,
            register(&mut shop).await,
            register(&mut shop).await,
        );
        let about = |subject: &str| scope(subject, NEWSLETTER, "letterpress");
        for subject in [&ada, &grace] {
            let granted = grant_consent(&mut shop, about(subject)).await;
            granted.expect("anybody may agree");
        }
        let withdrawn = withdraw_consent(&mut shop, about(&grace)).await;
        withdrawn.expect("anybody may change their mind");

        let suite = suite.material();
        let suite = suite.to_str().expect("it is text");
        let against = ["--against", suite];
        for (old, new) in [
            ("gupshup-bots.toml", path(&narrower)),
            (path(&narrower), "gupshup-bots.toml"),
        ] {
            let (code, text) = policy(&[&["diff", old, new], &against[..]].concat());
            assert_eq!(code, 0, "{text}");
            let told: Vec<_> = text.lines().collect();
            assert_eq!(told[0], "disclose.providers-with-permission");
            // Who never agreed and who does not any more are refused before and after.
            assert_eq!(
                told[2..],
                ["  touches 1 of 3 subjects", "1 clause changes", UNREVISED]
            );
        }
        let elsewhere = ["--tenant", "clinic"];
        let ask = ["diff", "gupshup-bots.toml", path(&narrower)];
        let (_, text) = policy(&[&ask[..], &against, &elsewhere].concat());
        assert!(text.contains("  touches 0 of 0 subjects"), "{text}");
    }
}

#[test]
fn an_explanation_goes_down_to_the_line_of_the_rule() {
    let ask = [
        "explain",
        "gupshup-bots.toml",
        "--disclose",
        "service_provider",
        "--purpose",
        "marketing.communications.email",
        "--category",
        "user.contact.email",
    ];
    let (code, text) = policy(&ask);
    assert_eq!(code, 0);
    assert!(
        text.starts_with("REFUSED NO_CONSENT by disclose.providers-with-permission"),
        "{text}"
    );
    let told = text.lines().nth(1).and_then(|it| it.split(':').nth(1));
    let line: usize = told
        .and_then(|it| it.parse().ok())
        .expect("a rule has its line");
    let rules = include_str!("../../policies/gupshup-bots.toml").lines();
    assert_eq!(rules.clone().nth(line - 1), Some("[[clause.permit]]"));
    assert_eq!(rules.clone().nth(line), Some("action = \"disclose\""));

    let agreed = [
        "--consent",
        "marketing.communications.email",
        "--to-recipient",
    ];
    let (_, text) = policy(&[&ask[..], &agreed].concat());
    assert!(
        text.starts_with("PERMITTED by disclose.providers-with-permission\n"),
        "{text}"
    );

    let drafted = ["--consent", "marketing.communications.email", "--confirmed"];
    let ask = ["explain", ask[1], "--use", ask[4], ask[5], ask[6], ask[7]];
    let (_, text) = policy(&[&ask[..], &drafted].concat());
    assert!(text.starts_with("REFUSED NO_RULE by no clause"), "{text}");
    assert!(
        text.contains("would be permitted by use.periodic-email"),
        "{text}"
    );

    let child = [
        "explain",
        "gupshup-bots.toml",
        "--collect",
        "site_registration",
        "--act",
        "typed",
        "--category",
        "user.name",
        "--region",
        "US",
        "--age",
        "under 13",
    ];
    let (_, text) = policy(&child);
    assert!(text.starts_with("PERMITTED by "), "{text}");
    let draft = "\na draft would refuse this: UNDER_AGE by children.under-13: ";
    assert!(text.contains(draft), "{text}");
    let (_, text) = policy(&[&child[..11], &["adult"]].concat());
    assert!(!text.contains("a draft"), "{text}");

    let (_, text) = policy(&[
        "explain",
        "gupshup-bots.toml",
        "--clause",
        "use.improve-site",
    ]);
    assert!(
        text.contains("It is permitted to use user.content.feedback for"),
        "{text}"
    );
}
