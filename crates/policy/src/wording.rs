//! The words in which a policy's rules are told to a person.

use toml::Spanned;

use crate::language::{
    Acceptance, ClauseBlock, ConditionBlock, ConsentWord, Enforced, PolicyFile, RuleBlock, Side,
};
use crate::parse;
use crate::rulebook::ClauseRule;

/// What the policy says outside its clauses, a sentence each.
pub(crate) fn header_lines(file: &PolicyFile) -> Vec<String> {
    let header = &file.policy;
    let mut lines = vec![
        format!("is named {}", header.name.get_ref()),
        format!("is titled {}", header.title),
        format!("dates from {}", header.revised.get_ref()),
        format!("answers questions at {}", header.contact.get_ref()),
        format!("stores data in {}", header.storage_region.get_ref()),
    ];
    let optional = [
        ("is published at", &header.site),
        ("shows the day of revision at", &header.revision_shown),
        ("names as data protection officer", &header.officer),
    ];
    for (words, value) in optional {
        lines.extend(value.as_ref().map(|it| format!("{words} {}", it.get_ref())));
    }
    lines.extend(
        header
            .effective
            .as_ref()
            .map(|it| format!("holds from {}", it.get_ref())),
    );
    for point in &file.collection_points {
        let side = match point.side {
            Side::App => "app",
            Side::Site => "site",
        };
        lines.push(format!("has the {side} run {}", point.key.get_ref()));
    }
    for activity in &file.activities {
        let name = activity.key.get_ref().replace('_', " ");
        let who = match activity.needs.as_slice() {
            [] => String::new(),
            needs => format!(" who give {}", list(needs)),
        };
        lines.push(format!("lets people {name}{who}"));
    }
    lines
}

/// What a clause says about itself, a sentence each; its rules apart.
pub(crate) fn clause_lines(file: &PolicyFile, clause: &ClauseBlock) -> Vec<String> {
    let mut lines = vec![
        format!("is titled {}", clause.title),
        format!("says: {}", clause.says),
        match clause.enforced {
            Enforced::NotYet => "is a draft".to_owned(),
            enforced => format!("is enforced {}", enforced.words()),
        },
    ];
    if let Some(announces) = &clause.announces {
        let revised = announces.revised.as_ref();
        lines.extend(revised.map(|it| format!("names {} as the day of revision", it.get_ref())));
        let shown = announces.shown.as_ref();
        lines.extend(shown.map(|it| format!("looks for that day at {}", it.get_ref())));
    }
    for kind in &file.recipient_kinds {
        if kind.falls_under.get_ref() == clause.key.get_ref() {
            lines.push(format!("governs disclosure to {}", kind.key.get_ref()));
        }
    }
    lines
}

/// The rules of a clause, each with its place and in words.
pub(crate) fn rules(text: &str, file: &PolicyFile, clause: &ClauseBlock) -> Vec<ClauseRule> {
    let home = file.policy.storage_region.get_ref();
    let permits = clause.permits.iter().map(|it| (true, it));
    let rules = permits.chain(clause.forbids.iter().map(|it| (false, it)));
    let told = rules.map(|(permits, block)| ClauseRule {
        line: parse::line_and_column(text, block.span().start).0,
        start: block.span().start,
        decides: clause.enforced != Enforced::NotYet,
        permits,
        words: rule_words(block.get_ref(), home),
    });
    told.collect()
}

/// One rule as the end of a sentence that begins with "it is permitted to" or "it is forbidden to".
fn rule_words(rule: &RuleBlock, home: &str) -> String {
    let mut words = rule.action.word().to_owned();
    if !rule.categories.is_empty() {
        words += &format!(" {}", list(&rule.categories));
    }
    if !rule.points.is_empty() {
        words += &format!(" at {}", list(&rule.points));
    }
    if !rule.recipient_kinds.is_empty() {
        words += &format!(" to {}", list(&rule.recipient_kinds));
    }
    if !rule.purposes.is_empty() {
        words += &format!(" for {}", list(&rule.purposes));
    }
    if let Some(condition) = &rule.when {
        words += &format!(" when {}", condition_words(condition.get_ref(), home));
    }
    if let Some(condition) = &rule.unless {
        words += &format!(" unless {}", condition_words(condition.get_ref(), home));
    }
    for footing in footing(rule) {
        words += &format!(", {footing}");
    }
    words
}

/// What a permission rests on and until when data is kept under it.
pub(crate) fn footing(rule: &RuleBlock) -> Vec<String> {
    let basis = rule.basis.map(|it| format!("resting on {}", it.word()));
    let retention = rule.retention.as_ref();
    let kept = retention.map(|it| format!("kept {}", it.get_ref()));
    basis.into_iter().chain(kept).collect()
}

/// The condition of a rule, or nothing when it asks for none.
pub(crate) fn condition_of(rule: &RuleBlock, home: &str) -> String {
    let condition = rule.when.as_ref().or(rule.unless.as_ref());
    condition.map_or_else(String::new, |it| condition_words(it.get_ref(), home))
}

/// A condition as the end of a sentence that goes on with "when" or "unless"; `home` is the country
/// in which data is stored.
fn condition_words(condition: &ConditionBlock, home: &str) -> String {
    let mut words = Vec::new();
    let mut say = |is_asked: bool, text: String| {
        if is_asked {
            words.push(text);
        }
    };
    say(condition.order, "it serves an order".to_owned());
    say(
        condition.aggregate_only,
        "the answer is about a group".to_owned(),
    );
    say(condition.approval, "an approved case covers it".to_owned());
    let acts = &condition.acts;
    say(
        !acts.is_empty(),
        format!(
            "the value was {}",
            any(sorted(acts.iter().map(Spanned::get_ref)))
        ),
    );
    let ages = sorted(&condition.ages).into_iter().map(|it| it.words());
    say(
        !condition.ages.is_empty(),
        format!("the person's age is {}", any(ages)),
    );
    let regions = sorted(condition.regions.iter().map(Spanned::get_ref));
    say(
        !condition.regions.is_empty(),
        format!("the person lives in {}", any(regions)),
    );
    let transfer = format!("the person lives in {home} or agreed to the transfer there");
    say(condition.transfer_agreed, transfer);
    let acceptance = sorted(&condition.acceptance);
    let acceptance = acceptance.into_iter().map(|it| match it {
        Acceptance::Explicit => "the person",
        Acceptance::ContinuedUse => "continued use",
        Acceptance::Guardian => "a guardian",
    });
    let accepted = format!("the policy was accepted by {}", any(acceptance));
    say(!condition.acceptance.is_empty(), accepted);
    if let Some(consent) = condition.consent {
        let agreed = match consent {
            ConsentWord::Purpose => "the person agreed to this purpose",
            ConsentWord::PurposeConfirmed => "the person agreed to this purpose and confirmed it",
            ConsentWord::PurposeAndRecipient => {
                "the person agreed to this purpose and this recipient"
            }
        };
        say(true, agreed.to_owned());
    }
    words.join(" and ")
}

/// A choice: `a`, `a or b`, `a, b or c`.
pub(crate) fn any<T: AsRef<str>>(words: impl IntoIterator<Item = T>) -> String {
    joined(words, "or")
}

/// A list: `a`, `a and b`, `a, b and c`.
pub(crate) fn all<T: AsRef<str>>(words: impl IntoIterator<Item = T>) -> String {
    joined(words, "and")
}

fn joined<T: AsRef<str>>(words: impl IntoIterator<Item = T>, last: &str) -> String {
    let words: Vec<T> = words.into_iter().collect();
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    match words.split_last() {
        Some((end, [])) => (*end).to_owned(),
        Some((end, others)) => format!("{} {last} {end}", others.join(", ")),
        None => String::new(),
    }
}

fn list(keys: &[Spanned<String>]) -> String {
    all(sorted(keys.iter().map(Spanned::get_ref)))
}

/// In one order, so that what is written in another order is told in the same words.
fn sorted<'a, T: Ord>(words: impl IntoIterator<Item = &'a T>) -> Vec<&'a T> {
    let mut words: Vec<_> = words.into_iter().collect();
    words.sort();
    words.dedup();
    words
}
