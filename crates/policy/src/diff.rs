//! What changed between two versions of a policy, clause by clause, and who gains or loses by it
//! (`policy.changes`).

mod holding;

use crate::rulebook::Rulebook;
use holding::{changed_holdings, holdings};

/// How a clause changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Only the new version has it.
    Added,
    /// Only the old version has it.
    Removed,
    /// Both have it, and it does not say the same.
    Changed,
}

/// One clause that is not the same in both versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClauseChange {
    /// The key of the clause, or `policy` for what stands outside the clauses.
    pub clause: String,
    /// How it changed.
    pub change: Change,
    /// A sentence each: what the clause says (`no longer …`, `now …`), then who may do what no
    /// longer, who may do what from now on, and which prohibitions fell or came.
    pub lines: Vec<String>,
}

/// The clauses that differ: those of the new version in its order, then the removed ones.
/// Rules in another order, or parted in another way, are no change.
#[must_use]
pub fn diff(old: &Rulebook, new: &Rulebook) -> Vec<ClauseChange> {
    let mut changes = Vec::new();
    let mut note = |clause: &str, change, lines: Vec<String>| {
        if change != Change::Changed || !lines.is_empty() {
            let clause = clause.to_owned();
            changes.push(ClauseChange {
                clause,
                change,
                lines,
            });
        }
    };
    let header = changed_words(&old.header_lines, &new.header_lines);
    note("policy", Change::Changed, header);
    let has = |it: &Rulebook, key: &str| it.clauses().iter().any(|clause| clause.key == key);
    for clause in new.clauses() {
        let change = match has(old, &clause.key) {
            true => Change::Changed,
            false => Change::Added,
        };
        note(&clause.key, change, changed_clause(old, new, &clause.key));
    }
    for clause in old.clauses().iter().filter(|it| !has(new, &it.key)) {
        note(
            &clause.key,
            Change::Removed,
            changed_clause(old, new, &clause.key),
        );
    }
    changes
}

/// One line for when two texts differ and `revised` did not move on, so that nobody could tell by
/// their days which is the newer one.
#[must_use]
pub fn unrevised(old: &Rulebook, new: &Rulebook) -> Option<String> {
    let (before, after) = (old.revised(), new.revised());
    let is_later = before < after;
    (!is_later && !diff(old, new).is_empty()).then(|| {
        format!(
            "`revised` did not move on: it is {after} in the new text and {before} in the old one"
        )
    })
}

fn changed_clause(old: &Rulebook, new: &Rulebook, key: &str) -> Vec<String> {
    let words = |it: &Rulebook| {
        let mut clauses = it.clauses().iter();
        let clause = clauses.find(|it| it.key == key);
        clause.map_or_else(Vec::new, |it| it.lines.clone())
    };
    let mut lines = changed_words(&words(old), &words(new));
    lines.extend(changed_holdings(&holdings(old, key), &holdings(new, key)));
    for (word, decides, permits) in [
        ("forbidden", true, false),
        ("forbidden by a draft", false, false),
        ("permitted by a draft", false, true),
    ] {
        let told = |it: &Rulebook| -> Vec<String> {
            let clause = it.clauses().iter().find(|it| it.key == key);
            let rules = clause.into_iter().flat_map(|it| &it.rules);
            let meant = rules.filter(|it| (it.decides, it.permits) == (decides, permits));
            meant.map(|it| it.words.clone()).collect()
        };
        let (before, after) = (told(old), told(new));
        let gone = before.iter().filter(|it| !after.contains(it));
        lines.extend(gone.map(|it| format!("it is no longer {word} to {it}")));
        let come = after.iter().filter(|it| !before.contains(it));
        lines.extend(come.map(|it| format!("it is now {word} to {it}")));
    }
    lines
}

fn changed_words(before: &[String], after: &[String]) -> Vec<String> {
    let gone = before.iter().filter(|it| !after.contains(it));
    let come = after.iter().filter(|it| !before.contains(it));
    let gone = gone.map(|it| format!("no longer {it}"));
    gone.chain(come.map(|it| format!("now {it}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rulebook::compile;

    const TEXT: &str = include_str!("../tests/sound_policy.toml");
    const SUPPORT: &str = "essential.service.operations.support";

    /// The change that one replacement in the sound policy makes.
    #[track_caller]
    fn change(sound: &str, other: &str) -> Vec<ClauseChange> {
        assert_eq!(TEXT.matches(sound).count(), 1, "{sound}");
        let other = TEXT.replace(sound, other);
        diff(&compile(TEXT).unwrap(), &compile(&other).unwrap())
    }

    fn changed(clause: &str, lines: [&str; 2]) -> Vec<ClauseChange> {
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
              essential.service.payment_processing now resting on PUBLIC_TASK, \
              no longer resting on CONTRACT"]
        );
        assert_eq!(
            change("[\"typed\"]", "[\"typed\", \"sent\"]"),
            changed(
                "take.form",
                [
                    "it is no longer forbidden to collect unless the value was typed",
                    "it is now forbidden to collect unless the value was sent or typed",
                ]
            )
        );
    }

    #[test]
    fn a_point_that_takes_more_changes_the_clause_that_lets_it() {
        assert_eq!(
            change(
                "[\"user.name\", \"user.contact.address\", \"user.contact.email\"]",
                "[\"user.name\", \"user.device\"]"
            ),
            changed(
                "take.form",
                [
                    "the point form may no longer take user.contact.address and \
                     user.contact.email for essential.service",
                    "the point form may now take user.device for essential.service, resting on \
                     CONTRACT, kept for 2 years",
                ]
            )
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
                "each carrier may now receive user.contact as a whole, user.contact.email, \
              user.contact.organization and user.contact.phone_number for \
              essential.service.payment_processing, when it serves an order, resting on CONTRACT"
            ]
        );
        assert_eq!(
            change("when = { order = true }\n", "")[0].lines,
            ["each carrier may receive user.contact.address for \
              essential.service.payment_processing now always, no longer when it serves an order"]
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
            format!(
                "the company may use {what} for {SUPPORT} now resting on {now}, no longer resting \
                 on {then}"
            )
        };
        assert_eq!(
            diff(&old, &new)[0].lines,
            [
                line("user.name", "PUBLIC_TASK", "CONTRACT"),
                line("user.contact.email", "CONTRACT", "PUBLIC_TASK"),
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
        for (old, new, word) in [(&old, &new, "now"), (&new, &old, "no longer")] {
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
}
