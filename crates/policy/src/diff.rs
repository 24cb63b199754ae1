//! What changed between two versions of a policy, clause by clause (`policy.changes`).

use crate::rulebook::Rulebook;

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
    /// What holds no longer (`no longer …`), then what holds now (`now …`), a sentence each.
    pub lines: Vec<String>,
}

/// The clauses that differ: those of the new version in its order, then the removed ones.
/// The same rules in another order are no change.
#[must_use]
pub fn diff(old: &Rulebook, new: &Rulebook) -> Vec<ClauseChange> {
    let mut changes = Vec::new();
    let mut note = |clause: &str, change, before: &[String], after: &[String]| {
        let lines = changed_lines(before, after);
        if change != Change::Changed || !lines.is_empty() {
            changes.push(ClauseChange {
                clause: clause.to_owned(),
                change,
                lines,
            });
        }
    };
    note(
        "policy",
        Change::Changed,
        &old.header_lines,
        &new.header_lines,
    );
    for clause in new.clauses() {
        match old.clauses().iter().find(|it| it.key == clause.key) {
            Some(before) => note(&clause.key, Change::Changed, &before.lines, &clause.lines),
            None => note(&clause.key, Change::Added, &[], &clause.lines),
        }
    }
    for clause in old.clauses() {
        if !new.clauses().iter().any(|it| it.key == clause.key) {
            note(&clause.key, Change::Removed, &clause.lines, &[]);
        }
    }
    changes
}

fn changed_lines(before: &[String], after: &[String]) -> Vec<String> {
    let gone = before
        .iter()
        .filter(|it| !after.contains(it))
        .map(|it| format!("no longer {it}"));
    let come = after
        .iter()
        .filter(|it| !before.contains(it))
        .map(|it| format!("now {it}"));
    gone.chain(come).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rulebook::compile;

    const TEXT: &str = include_str!("../tests/sound_policy.toml");

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
        let rule = "permits to disclose user.contact.address to a carrier for \
                    essential.service.payment_processing when it serves an order, on the basis of";
        assert_eq!(
            change(
                "{ order = true }\nbasis = \"CONTRACT\"",
                "{ order = true }\nbasis = \"PUBLIC_TASK\""
            ),
            changed(
                "share.delivery",
                [
                    &format!("no longer {rule} Contract"),
                    &format!("now {rule} PublicTask")
                ]
            )
        );
        assert_eq!(
            change("[\"typed\"]", "[\"typed\", \"sent\"]"),
            changed(
                "take.form",
                [
                    "no longer forbids to collect unless the value was typed",
                    "now forbids to collect unless the value was typed, sent",
                ]
            )
        );
    }

    #[test]
    fn a_point_that_takes_more_changes_the_clause_that_lets_it() {
        let rule = |taken| {
            format!(
                "permits to collect at form ({taken}) for essential.service, \
                 on the basis of Contract"
            )
        };
        assert_eq!(
            change("[\"user.name\", \"user.contact\"]", "[\"user\"]"),
            changed(
                "take.form",
                [
                    &format!("no longer {}", rule("user.name, user.contact")),
                    &format!("now {}", rule("user")),
                ]
            )
        );
    }

    #[test]
    fn what_stands_outside_the_clauses_is_told_as_policy() {
        assert_eq!(
            change("2024-02-29", "2024-03-01"),
            changed(
                "policy",
                [
                    "no longer was revised on 2024-02-29",
                    "now was revised on 2024-03-01"
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
        let lines = ["is titled New", "says: Something.", "is enforced not yet"];
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
