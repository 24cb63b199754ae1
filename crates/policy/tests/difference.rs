//! What the difference of two policies tells.

use policy::{Change, ClauseChange, compile, diff, unrevised};

const TEXT: &str = include_str!("sound_policy.toml");
const SUPPORT: &str = "essential.service.operations.support";

/// The change that one replacement in the sound policy makes.
#[track_caller]
fn change(sound: &str, other: &str) -> Vec<ClauseChange> {
    assert_eq!(TEXT.matches(sound).count(), 1, "{sound}");
    let other = TEXT.replace(sound, other);
    let [old, new] = [TEXT, &other].map(|it| compile(it).expect("it compiles"));
    diff(&old, &new)
}

fn changed<const N: usize>(clause: &str, lines: [&str; N]) -> Vec<ClauseChange> {
    let lines = lines.map(str::to_owned).to_vec();
    vec![ClauseChange {
        clause: clause.to_owned(),
        change: Change::Changed,
        lines,
    }]
}

#[test]
fn the_same_rules_are_no_change() {
    let rulebook = compile(TEXT).unwrap();
    assert_eq!(diff(&rulebook, &rulebook), []);
    assert_eq!(change("[[activity]]", "# A remark.\n[[activity]]"), []);
}

#[test]
fn a_changed_rule_is_told_under_its_clause() {
    assert_eq!(
        change(
            "{ order = true }\nbasis = \"CONTRACT\"",
            "{ order = true }\nbasis = \"PUBLIC_TASK\""
        )[0]
        .lines,
        ["each carrier may receive user.contact.address for \
          essential.service.payment_processing, now resting on PUBLIC_TASK instead of CONTRACT"]
    );
    assert_eq!(
        change("[\"typed\"]", "[\"typed\", \"sent\"]"),
        changed(
            "take.form",
            ["the prohibition to collect is now also lifted when the value was sent"]
        )
    );
}

#[test]
fn a_point_that_takes_more_changes_the_clause_that_lets_it() {
    let mut told = changed(
        "policy",
        [
            "no longer lists user.contact.address and user.contact.email at the point form",
            "now lists user.device at the point form",
        ],
    );
    told.extend(changed(
        "take.form",
        [
            "the point form may no longer take user.contact.address and user.contact.email for \
             essential.service",
            "the point form may now take user.device for essential.service, resting on CONTRACT, \
             kept for 2 years",
        ],
    ));
    assert_eq!(
        change(
            "[\"user.name\", \"user.contact.address\", \"user.contact.email\"]",
            "[\"user.name\", \"user.device\"]"
        ),
        told
    );
}

#[test]
fn who_gains_and_who_loses_is_told_with_the_condition() {
    assert_eq!(
        change("[\"user.name\", \"user.contact.email\"]", "[\"user.name\"]")[0].lines,
        ["the company may no longer use user.contact.email for \
          essential.service.operations.support"]
    );
    assert_eq!(
        change(
            "[\"user.contact.address\"]\nwhen",
            "[\"user.contact\"]\nwhen"
        )[0]
        .lines,
        [
            "each carrier may now receive user.contact (all but user.contact.address) for \
          essential.service.payment_processing when it serves an order, resting on CONTRACT"
        ]
    );
    assert_eq!(
        change("when = { order = true }\n", "")[0].lines,
        ["each carrier may receive user.contact.address for \
          essential.service.payment_processing also when it serves no order, resting on CONTRACT"]
    );
}

#[test]
fn the_same_in_another_order_is_no_change() {
    let both = |acts: &str| TEXT.replace("acts = [\"typed\"]", &format!("acts = [{acts}]"));
    let [one, other] = ["\"typed\", \"sent\"", "\"sent\", \"typed\""].map(|acts| {
        let ages = "when = { order = true, ages = [\"adult\", \"16 to 17\"] }";
        compile(&both(acts).replace("when = { order = true }", ages)).unwrap()
    });
    assert_eq!(diff(&one, &other), []);
}

#[test]
fn what_each_thing_rests_on_is_told_also_where_it_is_swapped() {
    let two = |name: &str, email: &str| {
        let last = "categories = [\"user.name\", \"user.contact.email\"]\n\
                    basis = \"LEGITIMATE_INTERESTS\"";
        let rest = format!(
            "categories = [\"user.name\"]\nbasis = \"{name}\"\n[[clause.permit]]\n\
             action = \"use\"\npurposes = [\"{SUPPORT}\"]\n\
             categories = [\"user.contact.email\"]\nbasis = \"{email}\""
        );
        assert_eq!(TEXT.matches(last).count(), 1);
        compile(&TEXT.replace(last, &rest)).unwrap()
    };
    let (old, new) = (
        two("CONTRACT", "PUBLIC_TASK"),
        two("PUBLIC_TASK", "CONTRACT"),
    );
    let line = |what: &str, now: &str, then: &str| {
        format!("the company may use {what} for {SUPPORT}, now resting on {now} instead of {then}")
    };
    assert_eq!(
        diff(&old, &new)[0].lines,
        [
            line("user.contact.email", "CONTRACT", "PUBLIC_TASK"),
            line("user.name", "PUBLIC_TASK", "CONTRACT"),
        ]
    );
}

#[test]
fn a_second_footing_of_the_same_is_no_gain() {
    let more = format!(
        "{TEXT}\n[[clause.permit]]\naction = \"use\"\npurposes = [\"{SUPPORT}\"]\n\
         categories = [\"user.name\"]\nbasis = \"CONTRACT\"\n"
    );
    let (old, new) = (compile(TEXT).unwrap(), compile(&more).unwrap());
    for (old, new, word) in [(&old, &new, "now also"), (&new, &old, "no longer")] {
        let line =
            format!("the company may use user.name for {SUPPORT}, {word} resting on CONTRACT");
        assert_eq!(diff(old, new)[0].lines, [line]);
    }
}

#[test]
fn the_country_of_storage_is_part_of_the_condition_on_transfers() {
    let asking = TEXT.replace("{ order = true }", "{ transfer_agreed = true }");
    let abroad = asking.replace("storage_region = \"US\"", "storage_region = \"DE\"");
    let changes = diff(&compile(&asking).unwrap(), &compile(&abroad).unwrap());
    let clauses: Vec<_> = changes.iter().map(|it| it.clause.as_str()).collect();
    assert_eq!(clauses, ["policy", "share.delivery"]);
}

#[test]
fn a_text_that_differs_has_a_later_day() {
    let later = TEXT.replace("2024-02-29", "2024-03-01");
    let texts = [TEXT, &later, &later.replace("take.form", "take.name")];
    let [old, new, other] = texts.map(|it| compile(it).unwrap());
    assert_eq!(unrevised(&old, &old), None);
    assert_eq!(unrevised(&old, &new), None);
    assert_eq!(unrevised(&old, &other), None);
    let told = unrevised(&new, &other).unwrap_or_default();
    assert!(
        told.contains("2024-03-01 in the new text and 2024-03-01"),
        "{told}"
    );
    assert!(unrevised(&other, &old).is_some());
}

#[test]
fn a_draft_is_told_as_one_and_comes_into_force_as_a_gain() {
    let answer = "Whoever writes gets an answer.\"\nenforced = \"";
    let draft = TEXT.replace(&format!("{answer}by rules"), &format!("{answer}not yet"));
    let lines = &diff(&compile(&draft).unwrap(), &compile(TEXT).unwrap())[0].lines;
    let use_for = "essential.service.operations.support";
    assert_eq!(
        lines[..],
        [
            "no longer is a draft".to_owned(),
            "now is enforced by rules".to_owned(),
            format!(
                "the company may now use user.contact.email and user.name for {use_for}, \
                 resting on LEGITIMATE_INTERESTS"
            ),
            format!(
                "it is no longer permitted by a draft to use user.contact.email and \
                 user.name for {use_for}, resting on LEGITIMATE_INTERESTS"
            ),
        ]
    );
}

#[test]
fn what_stands_outside_the_clauses_is_told_as_policy() {
    assert_eq!(
        change("2024-02-29", "2024-03-01"),
        changed(
            "policy",
            [
                "no longer dates from 2024-02-29",
                "now dates from 2024-03-01"
            ]
        )
    );
    assert_eq!(
        change("side = \"site\"", "side = \"app\""),
        changed(
            "policy",
            [
                "no longer has the site run form",
                "now has the app run form"
            ]
        )
    );
    assert_eq!(
        change("needs = [\"user.contact.address\"]", "needs = []"),
        changed(
            "policy",
            [
                "no longer lets people order who give user.contact.address",
                "now lets people order"
            ]
        )
    );
}

#[test]
fn a_clause_comes_or_goes_with_all_its_lines() {
    let longer = format!(
        "{TEXT}[[clause]]\nkey = \"new.clause\"\ntitle = \"New\"\nsays = \"Something.\"\n\
         enforced = \"not yet\"\n"
    );
    let (short, long) = (compile(TEXT).unwrap(), compile(&longer).unwrap());
    let lines = ["is titled New", "says: Something.", "is a draft"];
    for (old, new, change, word) in [
        (&short, &long, Change::Added, "now"),
        (&long, &short, Change::Removed, "no longer"),
    ] {
        let lines = lines.map(|it| format!("{word} {it}")).to_vec();
        let expected = ClauseChange {
            clause: "new.clause".to_owned(),
            change,
            lines,
        };
        assert_eq!(diff(old, new), [expected]);
    }
}
