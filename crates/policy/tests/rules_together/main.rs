//! What the linter tells of rules that must be read together.

mod drafts;

use policy::{Code, Finding, check};

const SOUND: &str = include_str!("../sound_policy.toml");
const ACTS: &str = "[[clause.forbid]]\naction = \"collect\"\nunless = { acts = [\"typed\"] }\n";
const NAME: &str = "action = \"use\"\npurposes = [\"essential.service.operations.support\"]\n\
                    categories = [\"user.name\", \"user.contact.email\"]\n\
                    basis = \"LEGITIMATE_INTERESTS\"\n";

/// The sound policy without its prohibition, or with it in another clause.
fn with_acts(clause: &str) -> String {
    assert_eq!(SOUND.matches(ACTS).count(), 1);
    format!("{}{clause}", SOUND.replace(ACTS, ""))
}

fn clause(key: &str, enforced: &str, rules: &str) -> String {
    format!(
        "[[clause]]\nkey = \"{key}\"\ntitle = \"A title\"\nsays = \"It says.\"\nenforced = \"{enforced}\"\n{rules}"
    )
}

fn found(text: &str, code: Code) -> Vec<Finding> {
    check(text)
        .into_iter()
        .filter(|it| it.code == code)
        .collect()
}

#[test]
fn a_prohibition_that_names_the_point_says_which_acts_it_knows() {
    let named = ACTS.replace("unless", "points = [\"form\"]\nunless");
    let text = with_acts(&clause("acts", "by rules", &named));
    assert!(found(&text, Code::PointWithoutActs).is_empty());
}

#[test]
fn an_activity_is_impossible_when_no_one_person_can_give_all_of_it() {
    let whole = "points = [\"form\"]\npurposes = [\"essential.service\"]\nbasis = \"CONTRACT\"\n\
                 retention = \"for 2 years\"\n";
    assert_eq!(SOUND.matches(whole).count(), 1);
    let taking = |names: &str, addresses: &str| {
        let name = format!("{whole}categories = [\"user.name\"]\nwhen = {{ {names} }}\n");
        let rest = "categories = [\"user.contact.address\", \"user.contact.email\"]";
        let address = format!("{whole}{rest}\nwhen = {{ {addresses} }}\n");
        let both = format!("{name}[[clause.permit]]\naction = \"collect\"\n{address}");
        let text = SOUND.replace(whole, &both);
        text.replace("needs = [", "needs = [\"user.name\", ")
    };
    let minors = "ages = [\"13 to 15\", \"16 to 17\"]";
    for (names, addresses, is_found) in [
        (minors, "ages = [\"adult\"]", true),
        (minors, "ages = [\"adult\", \"16 to 17\"]", false),
        ("regions = [\"US\"]", "regions = [\"FR\"]", true),
        ("regions = [\"US\"]", minors, false),
        (
            "acceptance = [\"explicit\"]",
            "acceptance = [\"guardian\"]",
            true,
        ),
        ("acceptance = [\"explicit\"]", "order = true", false),
    ] {
        let found = found(&taking(names, addresses), Code::ActivityImpossible);
        assert_eq!(
            found.len(),
            usize::from(is_found),
            "{names} {addresses}: {found:?}"
        );
    }
}

#[test]
fn the_prohibitions_that_leave_nothing_together_are_named_and_no_others() {
    let forbid =
        |unless: &str| format!("[[clause.forbid]]\naction = \"use\"\nunless = {{ {unless} }}\n");
    let rules = [
        clause("use.grown", "by rules", &forbid("ages = [\"adult\"]")),
        clause("use.here", "by rules", &forbid("regions = [\"US\"]")),
        clause(
            "use.young",
            "by rules",
            &forbid("ages = [\"13 to 15\", \"16 to 17\"]"),
        ),
    ];
    let found = found(
        &format!("{SOUND}\n{}", rules.concat()),
        Code::UnreachableRule,
    );
    assert_eq!(found.len(), 1);
    let message = &found[0].message;
    assert!(
        message.starts_with("the prohibitions of `use.grown` at line "),
        "{message}"
    );
    assert!(message.contains(" and `use.young` at line "), "{message}");
    assert!(!message.contains("use.here"), "{message}");
    assert!(
        message.ends_with(" together refuse all that this permits"),
        "{message}"
    );
}

#[test]
fn figures_may_be_permitted_by_any_clause_and_persons_by_one() {
    let figures = "[[clause.permit]]\naction = \"disclose\"\nrecipient_kinds = [\"carrier\"]\n\
                   purposes = [\"analytics\"]\ncategories = [\"user.contact.address\"]\n\
                   basis = \"LEGITIMATE_INTERESTS\"\n";
    for (when, is_found) in [("aggregate_only = true", false), ("order = true", true)] {
        let rule = format!("{figures}when = {{ {when} }}\n");
        let text = format!("{SOUND}\n{}", clause("share.figures", "by rules", &rule));
        let found = found(&text, Code::RecipientKindElsewhere);
        assert_eq!(!found.is_empty(), is_found, "{when}");
    }
}

/// The line at which the last of some equal texts begins.
fn line_of(text: &str, last: &str) -> usize {
    let start = text.rfind(last).expect("it stands there");
    1 + text[..start].matches('\n').count()
}

/// A second permission of the same thing is needless only when whoever meets its condition meets the
/// first one's. `wide` is the condition of the first, `narrow` of the second.
#[test]
fn a_permission_covers_another_only_when_each_part_of_its_condition_is_met_too() {
    for (wide, narrow, is_covered) in [
        ("order = true", "order = true", true),
        ("order = true", "approval = true", false),
        ("approval = true", "approval = true, order = true", true),
        ("approval = true", "order = true", false),
        (
            "consent = \"for this purpose\"",
            "consent = \"for this purpose\"",
            true,
        ),
        ("consent = \"for this purpose\"", "order = true", false),
        (
            "consent = \"for this purpose\"",
            "consent = \"confirmed for this purpose\"",
            false,
        ),
        ("transfer_agreed = true", "transfer_agreed = true", true),
        ("transfer_agreed = true", "order = true", false),
        ("ages = [\"adult\"]", "ages = [\"adult\"]", true),
        ("ages = [\"adult\"]", "ages = [\"16 to 17\"]", false),
        (
            "ages = [\"adult\"]",
            "ages = [\"adult\", \"16 to 17\"]",
            false,
        ),
        (
            "ages = [\"adult\", \"16 to 17\"]",
            "ages = [\"adult\"]",
            true,
        ),
        ("ages = [\"adult\"]", "order = true", false),
        ("regions = [\"US\", \"CA\"]", "regions = [\"CA\"]", true),
        ("regions = [\"US\"]", "regions = [\"CA\"]", false),
        ("regions = [\"US\"]", "approval = true", false),
        (
            "acceptance = [\"explicit\"]",
            "acceptance = [\"explicit\"]",
            true,
        ),
        (
            "acceptance = [\"explicit\"]",
            "acceptance = [\"guardian\"]",
            false,
        ),
        ("acceptance = [\"explicit\"]", "order = true", false),
    ] {
        let rule = |when: &str| format!("[[clause.permit]]\n{NAME}when = {{ {when} }}\n");
        let rules = format!("{}{}", rule(wide), rule(narrow));
        let plain = "[[clause.permit]]\naction = \"use\"\n";
        assert_eq!(SOUND.matches(plain).count(), 1);
        // The sound policy's own permission of it is without a condition, and goes.
        let (before, after) = SOUND.split_once(plain).expect("it is there");
        let rest = after.find("\n\n").map_or("", |it| &after[it..]);
        let text = format!("{before}{rules}{rest}");
        let second = line_of(&text, &rule(narrow));
        let found = found(&text, Code::ShadowedRule);
        let covered = found.iter().any(|it| it.line == second);
        assert_eq!(covered, is_covered, "{wide} | {narrow}: {found:?}");
    }
}

/// The acts of a permission are a part of its condition like any other.
#[test]
fn a_permission_to_collect_covers_another_only_for_acts_that_it_takes_too() {
    let kept = "retention = \"for 2 years\"\n";
    assert_eq!(SOUND.matches(kept).count(), 1);
    for (wide, narrow, is_covered) in [
        ("acts = [\"typed\"]", "acts = [\"typed\"]", true),
        ("acts = [\"chosen\", \"typed\"]", "acts = [\"typed\"]", true),
        (
            "acts = [\"typed\"]",
            "acts = [\"typed\"], order = true",
            true,
        ),
        ("acts = [\"typed\"]", "acts = [\"chosen\"]", false),
        (
            "acts = [\"typed\"]",
            "acts = [\"chosen\", \"typed\"]",
            false,
        ),
        ("acts = [\"typed\"]", "order = true", false),
        ("order = true", "acts = [\"typed\"]", false),
    ] {
        let second = format!(
            "[[clause.permit]]\naction = \"collect\"\npoints = [\"form\"]\n\
             purposes = [\"essential.service\"]\nbasis = \"CONTRACT\"\n{kept}\
             when = {{ {narrow} }}\n"
        );
        let both = format!("{kept}when = {{ {wide} }}\n{second}");
        let text = SOUND.replace(kept, &both);
        let found = found(&text, Code::ShadowedRule);
        let covered = found.iter().any(|it| it.line == line_of(&text, &second));
        assert_eq!(covered, is_covered, "{wide} | {narrow}: {found:?}");
    }
}

/// A second prohibition is needless only when it is lifted whenever the first one is.
#[test]
fn a_prohibition_outweighs_another_only_when_it_is_lifted_by_no_more() {
    for (first, second_words, is_needless) in [
        ("", "", true),
        ("", "unless = { order = true }", true),
        ("unless = { order = true }", "", false),
        (
            "unless = { order = true }",
            "unless = { order = true }",
            true,
        ),
        (
            "unless = { approval = true }",
            "unless = { order = true }",
            false,
        ),
        (
            "unless = { ages = [\"adult\"] }",
            "unless = { ages = [\"adult\", \"16 to 17\"] }",
            true,
        ),
    ] {
        let rule = |unless: &str| format!("[[clause.forbid]]\naction = \"disclose\"\n{unless}\n");
        let rules = format!("{}{}", rule(first), rule(second_words));
        let text = format!("{SOUND}\n{}", clause("share.never", "by rules", &rules));
        let found = found(&text, Code::ShadowedRule);
        let second = line_of(&text, &rule(second_words));
        let needless = found.iter().any(|it| it.line == second);
        assert_eq!(needless, is_needless, "{first} | {second_words}: {found:?}");
    }
}

#[test]
fn a_use_may_not_keep_longer_than_every_collection_whatever_the_unit() {
    let kept = "retention = \"for 2 years\"";
    let basis = "basis = \"LEGITIMATE_INTERESTS\"";
    assert_eq!(
        (SOUND.matches(kept).count(), SOUND.matches(basis).count()),
        (1, 1)
    );
    for (collected, used, disagrees) in [
        ("2 months", "60 days", false),
        ("2 months", "61 days", true),
        ("1 years", "12 months", false),
        ("1 years", "13 months", true),
        ("364 days", "1 years", true),
        ("365 days", "1 years", false),
    ] {
        let singular = |it: &str| it.replace("1 years", "1 year");
        let text = SOUND
            .replace(
                kept,
                &format!("retention = \"for {}\"", singular(collected)),
            )
            .replace(
                basis,
                &format!("{basis}\nretention = \"for {}\"", singular(used)),
            );
        let found = found(&text, Code::RetentionDisagrees);
        assert_eq!(
            !found.is_empty(),
            disagrees,
            "{collected} {used}: {:?}",
            check(&text)
        );
    }
}

#[test]
fn figures_meet_no_condition_that_asks_for_a_person() {
    for (asked, is_met) in [
        ("order = true", true),
        ("approval = true", true),
        ("consent = \"for this purpose\"", false),
        ("transfer_agreed = true", false),
        ("acceptance = [\"explicit\"]", false),
        ("ages = [\"adult\"]", false),
        ("regions = [\"US\"]", false),
    ] {
        let figures = |when: &str| format!("[[clause.permit]]\n{NAME}when = {{ {when} }}\n");
        let permit = figures(&format!("aggregate_only = true, {asked}"));
        let forbid = format!("[[clause.forbid]]\naction = \"use\"\nunless = {{ {asked} }}\n");
        let forbidden = format!("{}{forbid}", figures("aggregate_only = true"));
        for (rules, told) in [
            (permit, "nobody can ever meet its condition".to_owned()),
            (
                forbidden,
                "the prohibition of `use.figures` at line ".to_owned(),
            ),
        ] {
            let text = format!("{SOUND}\n{}", clause("use.figures", "by rules", &rules));
            let found = found(&text, Code::UnreachableRule);
            assert_eq!(found.is_empty(), is_met, "{rules}: {found:?}");
            let is_told = found.iter().all(|it| it.message.starts_with(&told));
            assert!(is_told, "{rules}: {found:?}");
        }
    }
}

#[test]
fn each_prohibition_that_refuses_a_part_is_told_once() {
    // Both points take what is refused.
    let desk = "[[collection_point]]\nkey = \"desk\"\nside = \"site\"\ncategories = [\"user\"]\n\n";
    let forbid = |category: &str| {
        format!("[[clause.forbid]]\naction = \"collect\"\ncategories = [\"{category}\"]\n")
    };
    let (name, email) = (forbid("user.name"), forbid("user.contact.email"));
    let rules = [
        clause("take.no-name", "by rules", &name),
        clause("take.no-email", "by rules", &email),
    ];
    let text = SOUND
        .replacen(
            "[[collection_point]]",
            &format!("{desk}[[collection_point]]"),
            1,
        )
        .replace("points = [\"form\"]", "points = [\"form\", \"desk\"]");
    let text = format!("{text}\n{}", rules.concat());
    let found = found(&text, Code::ClausesContradict);
    let mut messages: Vec<_> = found.into_iter().map(|it| it.message).collect();
    messages.sort();
    let expected = [("take.no-email", email), ("take.no-name", name)].map(|(key, rule)| {
        format!(
            "the prohibition of `{key}` at line {} refuses a part of what this permits: narrow the \
             one or the other",
            line_of(&text, &rule)
        )
    });
    assert_eq!(messages, expected);
}

#[test]
fn a_permission_with_another_basis_or_retention_is_not_needless() {
    for (change, is_needless) in [
        ("basis = \"LEGITIMATE_INTERESTS\"", true),
        ("basis = \"CONTRACT\"", false),
        (
            "basis = \"LEGITIMATE_INTERESTS\"\nretention = \"for 1 year\"",
            false,
        ),
    ] {
        let rule = format!("[[clause.permit]]\n{NAME}");
        let rule = rule.replace("basis = \"LEGITIMATE_INTERESTS\"", change);
        let text = format!("{SOUND}\n{}", clause("use.again", "by rules", &rule));
        let found = found(&text, Code::ShadowedRule);
        assert_eq!(!found.is_empty(), is_needless, "{change}");
    }
}

#[test]
fn a_use_is_compared_with_what_is_taken_for_such_a_purpose() {
    let take = |purpose: &str, kept: &str| {
        format!(
            "[[clause.permit]]\naction = \"collect\"\npoints = [\"form\"]\npurposes = [\"{purpose}\"]\n\
             basis = \"CONTRACT\"\nretention = \"{kept}\"\n"
        )
    };
    let uses = |purpose: &str| {
        format!(
            "[[clause.permit]]\naction = \"use\"\ncategories = [\"user.name\"]\n\
             purposes = [\"{purpose}\"]\nbasis = \"CONTRACT\"\nretention = \"for 5 years\"\n"
        )
    };
    // The form takes for `essential.service`, for 2 years.
    for (rules, disagrees) in [
        (uses("functional.storage"), true),
        (
            take("functional", "for 5 years") + &uses("functional.storage"),
            false,
        ),
        (
            take("functional", "for 4 years") + &uses("functional.storage"),
            true,
        ),
        (
            take("functional", "for 10 years") + &uses("essential.service"),
            true,
        ),
        (
            take("functional", "for 10 years") + &uses("analytics"),
            true,
        ),
        (
            take("functional", "for 10 years")
                + &uses("analytics").replace("for 5 years", "for 2 years"),
            false,
        ),
        (
            take("essential", "for 10 years") + &uses("essential.service"),
            false,
        ),
    ] {
        let text = format!("{SOUND}\n{}", clause("use.long", "by rules", &rules));
        let found = found(&text, Code::RetentionDisagrees);
        assert_eq!(!found.is_empty(), disagrees, "{rules}: {found:?}");
    }
}
