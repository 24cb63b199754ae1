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

/// What `vow policy explain` answers; the words of the command line are parted by spaces, and a
/// word with spaces in it is written with `~`.
fn explained(file: &str, asked: &str) -> String {
    let words: Vec<String> = asked.split(' ').map(|it| it.replace('~', " ")).collect();
    let words = words.iter().map(String::as_str);
    let arguments: Vec<&str> = ["explain", file].into_iter().chain(words).collect();
    let (code, text) = policy(&arguments);
    assert_eq!(code, 0, "{arguments:?}: {text}");
    text
}

#[test]
fn an_explanation_tells_what_is_missing() {
    let (bots, shop, portal) = (
        "gupshup-bots.toml",
        "web-shop-gdpr.toml",
        "patient-portal.toml",
    );
    let form = "--collect site_registration --act typed";
    let account = "--collect account --act typed --category user.name";
    let support = "--use --purpose essential.service.operations.support";
    let provider = "--disclose service_provider --purpose marketing.communications.email";
    let cases = [
        (
            bots,
            "--collect order_form --act typed --purpose essential.service --category user.name"
                .to_owned(),
            vec![
                "CATEGORY_NOT_DECLARED by no clause: The policy declares no collection point `order_form`",
            ],
        ),
        (
            bots,
            format!("{form} --category user.name --category user.biometric"),
            vec![
                "`site_registration` (gupshup-bots.toml:90) does not declare user.biometric.",
                "\nasked for essential.service, as the point takes values for that\n",
            ],
        ),
        (
            bots,
            format!("{form} --category user.name --withheld user.name"),
            vec![
                "CATEGORY_REFUSED by no clause: The person refused to give user.name.\n",
                "\nfor want of what is kept back the person cannot: register, order\n",
            ],
        ),
        (
            shop,
            format!("{account} --age 13~to~15 --accepted explicit"),
            vec![
                "REFUSED UNDER_AGE by take.what-the-form-asks",
                "\nclosest is policy.acceptance at line 359: NOT_ACCEPTED: ",
            ],
        ),
        (
            bots,
            format!("{support} --category user.name --category user.contact.address"),
            vec![
                "not this: PURPOSE_EXCEEDS_CATEGORIES: It does not cover user.contact.address.",
                "use.customer-service would cover less than that: user.name for ",
            ],
        ),
        (
            bots,
            "--use --purpose essential.service.notifications --category user.contact.address"
                .to_owned(),
            vec![
                "has permissions here, for another purpose: essential.service.payment_processing\n",
            ],
        ),
        (
            portal,
            "--disclose data_broker --purpose essential.service --category user.name".to_owned(),
            vec!["REFUSED SALE_FORBIDDEN by "],
        ),
        (
            bots,
            format!("{support} --category user.name --standing erased"),
            vec!["REFUSED ERASED by no clause"],
        ),
        (
            shop,
            format!("{account} --age not~stated --accepted explicit"),
            vec!["REFUSED UNDER_AGE by "],
        ),
        (
            bots,
            format!(
                "{provider} --category user.name --to-recipient --expired --consent \
                 marketing.communications.email"
            ),
            vec!["REFUSED CONSENT_EXPIRED by "],
        ),
    ];
    for (file, asked, told) in cases {
        let text = explained(file, &asked);
        for part in told {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }
}

#[test]
fn the_language_refuses_a_sale_without_a_clause() {
    let clause = "[[clause]]\nkey = \"disclose.never-sold\"";
    let other = edited(clause, "[[clause]]\nkey = \"disclose.other\"");
    let asked = "--disclose data_broker --purpose essential.service --category user.name";
    let text = explained(path(&other), asked);
    assert!(
        text.starts_with("REFUSED SALE_FORBIDDEN by the language: "),
        "{text}"
    );
    let (_, text) = policy(&["coverage", path(&other)]);
    assert!(text.contains("\ndisclose.other: text only\n"), "{text}");
}

#[test]
fn a_word_that_nobody_has_is_a_mistake_of_the_command_line() {
    for (asked, told) in [
        (
            "--use --purpose essential.servcie",
            "did you mean `essential.service`?",
        ),
        (
            "--use --purpose analytics --category user.nmae",
            "did you mean `user.name`?",
        ),
        ("--collect order --act typd", "did you mean `typed`?"),
        ("--disclose carier", "did you mean `carrier`?"),
        (
            "--use --consent survey",
            "did you mean `marketing.communications.survey`?",
        ),
        (
            "--use --withheld user.shoe_size",
            "the vocabulary has no such word",
        ),
        ("--use --region us", "did you mean `US`?"),
        ("--use --region Germany", "two capital letters"),
        (
            "--use --standing gone",
            "one of: active, restricted, quarantined, erased",
        ),
    ] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
        let mut command = Command::new(VOW);
        command.current_dir(folder);
        command.args(["policy", "explain", "gupshup-bots.toml"]);
        let done = command.args(asked.split(' ')).output();
        let done = done.expect("the program runs");
        let complaint = String::from_utf8(done.stderr).expect("it is text");
        assert_eq!(done.status.code(), Some(2), "{asked}: {complaint}");
        assert!(complaint.contains(told), "{asked}: {complaint}");
    }
}

#[test]
fn a_text_of_the_policy_cannot_command_the_screen_or_the_page() {
    let title = "title = \"One door for questions\"";
    let commanding = edited(title, "title = \"One \\u001b[31m door for questions\"");
    let (code, text) = policy(&["explain", path(&commanding), "--clause", "policy.contact"]);
    assert_eq!(code, 3, "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
    let hostile = edited(title, "title = \"One | door for <b>questions\"");
    let (_, text) = policy(&["explain", path(&hostile), "--clause", "policy.contact"]);
    let first = text.lines().next();
    let told = "policy.contact: One | door for <b>questions";
    assert_eq!(first, Some(told));
    let (_, page) = policy(&["coverage", path(&hostile), "--markdown"]);
    let row = page.lines().last();
    let told = "| `policy.contact` One \\| door for \\<b>questions | text only |  |  |";
    assert_eq!(row, Some(told));
}
