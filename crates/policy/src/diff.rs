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
