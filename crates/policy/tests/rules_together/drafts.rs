//! What the linter tells of drafts, and of what is in force beside them.

use policy::{Code, Finding, Severity, check};

use crate::{ACTS, NAME, SOUND, clause, found, with_acts};

#[test]
fn a_draft_says_nothing_about_the_acts_of_a_permission_in_force() {
    let acts = |enforced| with_acts(&clause("acts", enforced, ACTS));
    let drafted =
        |text: String| text.replacen("enforced = \"by rules\"", "enforced = \"not yet\"", 1);
    for (text, is_found) in [
        (with_acts(""), true),
        (acts("not yet"), true),
        (acts("by rules"), false),
        (drafted(acts("not yet")), false),
        (drafted(acts("by rules")), false),
    ] {
        let found = found(&text, Code::PointWithoutActs);
        assert_eq!(!found.is_empty(), is_found, "{text}");
    }
}

#[test]
fn a_draft_covers_nothing_of_what_decides() {
    let same = format!("[[clause.permit]]\n{NAME}");
    let wide = same.replace("[\"user.name\", \"user.contact.email\"]", "[\"user\"]");
    for (rule, enforced, shadowed) in [
        (&same, "by rules", Some("use.again")),
        (&same, "not yet", Some("use.again")),
        (&wide, "by rules", Some("use.answer")),
        (&wide, "not yet", None),
    ] {
        let text = format!("{SOUND}\n{}", clause("use.again", enforced, rule));
        let found = found(&text, Code::ShadowedRule);
        let clauses: Vec<_> = found.iter().map(|it| it.clause.as_deref()).collect();
        let expected: Vec<_> = shadowed.into_iter().map(Some).collect();
        assert_eq!(clauses, expected, "{enforced} {rule}");
    }
    // What stands first and is a draft is covered by what decides further down.
    let before = clause("use.before", "not yet", &same);
    let text = SOUND.replacen("[[clause]]", &format!("{before}\n[[clause]]"), 1);
    let found = found(&text, Code::ShadowedRule);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].clause.as_deref(), Some("use.before"));
}

#[test]
fn a_draft_is_told_with_the_number_of_its_rules() {
    let permit = format!("[[clause.permit]]\n{NAME}");
    let forbid = "[[clause.forbid]]\naction = \"use\"\n";
    for (rules, told) in [
        (String::new(), "nothing keeps it yet"),
        (
            forbid.to_owned(),
            "nothing keeps it yet: its rule decides nothing",
        ),
        (
            format!("{forbid}{forbid}"),
            "nothing keeps it yet: its 2 rules decide nothing",
        ),
        (
            format!("{permit}{permit}{forbid}"),
            "nothing keeps it yet: its 3 rules decide nothing",
        ),
    ] {
        let text = format!("{SOUND}\n{}", clause("use.later", "not yet", &rules));
        let found = found(&text, Code::ClauseNotYet);
        let messages: Vec<_> = found.iter().map(|it| it.message.as_str()).collect();
        assert_eq!(messages, [told]);
    }
}

#[test]
fn what_drafts_would_change_of_rules_in_force_is_a_note() {
    let forbid = "[[clause.forbid]]\naction = \"use\"\n";
    let line = 1 + SOUND.matches('\n').count() + 6;
    let refused =
        format!("the prohibition of `use.nothing` at line {line} refuses all that this permits");
    for (enforced, code, message) in [
        ("by rules", Code::UnreachableRule, refused.clone()),
        (
            "not yet",
            Code::DraftsMatter,
            format!("once the drafts decide, UNREACHABLE_RULE: {refused}"),
        ),
    ] {
        let text = format!("{SOUND}\n{}", clause("use.nothing", enforced, forbid));
        let findings = check(&text);
        let found: Vec<_> = findings
            .iter()
            .filter(|it| it.clause.as_deref() == Some("use.answer"))
            .map(|it| (it.code, it.message.as_str()))
            .collect();
        assert_eq!(found, [(code, message.as_str())], "{enforced}");
        let is_usable = findings
            .iter()
            .all(|it| it.code != Code::CollectedNeverUsable);
        assert_eq!(is_usable, enforced == "not yet", "{findings:?}");
    }
}

#[test]
fn what_holds_only_until_the_drafts_decide_is_a_note() {
    let page =
        "[[collection_point]]\nkey = \"page\"\nside = \"site\"\ncategories = [\"user.device\"]\n";
    let take = "[[clause.permit]]\naction = \"collect\"\npoints = [\"page\"]\n\
                purposes = [\"essential.service\"]\nbasis = \"CONTRACT\"\nretention = \"for 2 years\"\n";
    let used = "categories = [\"user.name\", \"user.contact.email\"]\nbasis";
    assert_eq!(SOUND.matches(used).count(), 1);
    let using = SOUND.replace(used, &used.replace(']', ", \"user.device\"]"));
    for (rules, enforced, code, told) in [
        (
            "",
            "not yet",
            Some(Code::UsableNeverCollected),
            "no point takes",
        ),
        (
            take,
            "not yet",
            Some(Code::DraftsMatter),
            "as long as the drafts decide nothing, USABLE_NEVER_COLLECTED: no point takes",
        ),
        (take, "by rules", None, ""),
    ] {
        let text = format!("{using}\n{page}{}", clause("take.later", enforced, rules));
        let findings = check(&text);
        let mut found = findings
            .iter()
            .filter(|it| it.clause.as_deref() == Some("use.answer"));
        let first = found.next();
        assert_eq!(first.map(|it| it.code), code, "{enforced} {findings:?}");
        let is_note = first.is_some_and(|it| it.severity == Severity::Note);
        assert_eq!(is_note, code == Some(Code::DraftsMatter), "{first:?}");
        assert!(
            first.is_none_or(|it| it.message.starts_with(told)),
            "{first:?}"
        );
        assert_eq!(found.next(), None);
    }
}

#[test]
fn a_fault_of_a_draft_is_told_as_if_it_decided() {
    let idle =
        format!("[[clause.permit]]\n{NAME}").replace("\"user.contact.email\"", "\"user.device\"");
    let text = format!("{SOUND}\n{}", clause("use.later", "not yet", &idle));
    let found = found(&text, Code::UsableNeverCollected);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].clause.as_deref(), Some("use.later"));
    // What is so with and without a draft is told once, and as it is.
    let using = SOUND.replace(
        "categories = [\"user.contact.address\"]",
        "categories = [\"user.contact.address\", \"user.device\"]",
    );
    let text = format!("{using}\n{}", clause("use.later", "not yet", &idle));
    let findings = check(&text);
    let of = |clause| codes_of(&findings, clause);
    assert_eq!(of("share.delivery"), [Code::UsableNeverCollected]);
    assert_eq!(
        of("use.later"),
        [Code::ClauseNotYet, Code::UsableNeverCollected]
    );
}

#[test]
fn a_draft_that_takes_what_it_uses_lacks_nothing_and_changes_nothing() {
    let page =
        "[[collection_point]]\nkey = \"page\"\nside = \"site\"\ncategories = [\"user.behavior\"]\n";
    let rules = "[[clause.permit]]\naction = \"collect\"\npoints = [\"page\"]\n\
                 purposes = [\"essential.service\"]\nbasis = \"CONTRACT\"\nretention = \"for 2 years\"\n\
                 [[clause.permit]]\naction = \"use\"\ncategories = [\"user.behavior\"]\n\
                 purposes = [\"essential.service\"]\nbasis = \"CONTRACT\"\nretention = \"for 2 years\"\n";
    // What is wrong beside it is so with the draft and without it.
    let using = SOUND.replace(
        "categories = [\"user.contact.address\"]",
        "categories = [\"user.contact.address\", \"user.device\"]",
    );
    let text = format!("{using}\n{page}{}", clause("use.later", "not yet", rules));
    let findings = check(&text);
    let of = |clause| codes_of(&findings, clause);
    assert_eq!(of("share.delivery"), [Code::UsableNeverCollected]);
    assert_eq!(of("use.later"), [Code::ClauseNotYet], "{findings:?}");
}

fn codes_of(findings: &[Finding], clause: &str) -> Vec<Code> {
    let of_clause = findings
        .iter()
        .filter(|it| it.clause.as_deref() == Some(clause));
    of_clause.map(|it| it.code).collect()
}
