//! The words in which a policy's rules are told to a person.

use toml::Spanned;

use crate::language::{ClauseBlock, ConditionBlock, ConsentWord, PolicyFile, RuleBlock};

/// What the policy says outside its clauses, a sentence each.
pub(crate) fn header_lines(file: &PolicyFile) -> Vec<String> {
    let header = &file.policy;
    let mut lines = vec![
        format!("is named {}", header.name.get_ref()),
        format!("is titled {}", header.title),
        format!("was revised on {}", header.revised.get_ref()),
        format!("answers questions at {}", header.contact.get_ref()),
        format!("stores data in {}", header.storage_region.get_ref()),
    ];
    for activity in &file.activities {
        lines.push(format!(
            "{} needs {}",
            activity.key.get_ref(),
            list(&activity.needs)
        ));
    }
    lines
}

/// All that a clause says and rules, a sentence each.
pub(crate) fn clause_lines(file: &PolicyFile, clause: &ClauseBlock) -> Vec<String> {
    let mut lines = vec![
        format!("is titled {}", clause.title),
        format!("says: {}", clause.says),
        format!("is enforced {}", clause.enforced.words()),
    ];
    for kind in &file.recipient_kinds {
        if kind.falls_under.get_ref() == clause.key.get_ref() {
            lines.push(format!("governs disclosure to {}", kind.key.get_ref()));
        }
    }
    for rule in &clause.permits {
        lines.push(format!("permits to {}", rule_words(file, rule.get_ref())));
    }
    for rule in &clause.forbids {
        lines.push(format!("forbids to {}", rule_words(file, rule.get_ref())));
    }
    lines
}

/// One rule as the end of a sentence that begins with "permits to" or "forbids to".
fn rule_words(file: &PolicyFile, rule: &RuleBlock) -> String {
    let mut words = format!("{:?}", rule.action).to_lowercase();
    if !rule.categories.is_empty() {
        words += &format!(" {}", list(&rule.categories));
    }
    for point in &rule.points {
        words += &format!(" at {}", point_words(file, point.get_ref()));
    }
    if !rule.recipient_kinds.is_empty() {
        words += &format!(" to a {}", list(&rule.recipient_kinds));
    }
    if !rule.purposes.is_empty() {
        words += &format!(" for {}", list(&rule.purposes));
    }
    if let Some(condition) = &rule.when {
        words += &format!(" when {}", condition_words(condition.get_ref()));
    }
    if let Some(condition) = &rule.unless {
        words += &format!(" unless {}", condition_words(condition.get_ref()));
    }
    if let Some(basis) = rule.basis {
        words += &format!(", on the basis of {basis:?}");
    }
    if let Some(retention) = rule.retention {
        words += &format!(", kept {}", retention.words());
    }
    words
}

/// A collection point with what it takes, so that a change to the point shows in its clauses.
fn point_words(file: &PolicyFile, key: &str) -> String {
    let declared = file
        .collection_points
        .iter()
        .find(|it| it.key.get_ref() == key);
    let taken = declared.map_or_else(String::new, |it| list(&it.categories));
    format!("{key} ({taken})")
}

fn condition_words(condition: &ConditionBlock) -> String {
    let mut words = Vec::new();
    if condition.order {
        words.push("it serves an order".to_owned());
    }
    if condition.aggregate_only {
        words.push("the answer is an aggregate".to_owned());
    }
    match condition.consent {
        Some(ConsentWord::Purpose) => words.push("the person agreed to the purpose".to_owned()),
        Some(ConsentWord::PurposeAndRecipient) => {
            words.push("the person agreed to the purpose and the recipient".to_owned());
        }
        None => {}
    }
    if !condition.acts.is_empty() {
        words.push(format!("the value was {}", list(&condition.acts)));
    }
    if !condition.ages.is_empty() {
        words.push(format!("the person's age is {:?}", condition.ages));
    }
    if !condition.regions.is_empty() {
        words.push(format!("the person lives in {}", list(&condition.regions)));
    }
    words.join(" and ")
}

fn list(keys: &[Spanned<String>]) -> String {
    keys.iter()
        .map(|it| it.get_ref().as_str())
        .collect::<Vec<_>>()
        .join(", ")
}
