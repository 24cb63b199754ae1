//! The rules of a policy, written for Cedar: a second engine that anyone can ask, and prove with.
//!
//! A person's consents reach Cedar as two sets, because it has no clock: what is a yes at the
//! moment of asking, and what a no reaches. The schema at the head of the export says so.

use std::collections::HashMap;

use crate::language::{ActionWord, ConsentWord};
use crate::rulebook::{Condition, Rule, Rulebook};
use crate::vocabulary::{ACTS, CATEGORIES, PURPOSES, RECIPIENT_KINDS, Registry, TermSet};

/// What a request tells Cedar, as a Cedar schema. Each export begins with it, as a comment.
pub const CEDAR_SCHEMA: &str = r#"entity Caller;
entity Person;
type Consent = {
  purpose: String,
  // The recipient's id; empty for the company itself.
  recipient: String,
};
action "collect", "use", "disclose" appliesTo {
  principal: Caller,
  resource: Person,
  context: {
    purpose: String,
    categories: Set<String>,
    // Whether the request names an order it serves.
    order: Bool,
    // Whether an approved case or manifest covers the request.
    approved: Bool,
    // Whether the answer is about a group and about nobody in it.
    aggregate: Bool,
    // For "collect": the collection point, and the act by which the values arrive.
    point?: String,
    act?: String,
    // For "disclose": what the recipient is, and its id where a consent can name it.
    recipient_kind?: String,
    recipient?: String,
    // "active", or what stops every use of the person's data; absent for nobody known.
    standing?: String,
    // "under 13", "13 to 15", "16 to 17" or "adult".
    age_band?: String,
    region?: String,
    // Whether the person agreed to a transfer of the data abroad.
    transfer_agreed: Bool,
    // "explicit", "continued use" or "guardian"; absent when no acceptance is on record.
    acceptance?: String,
    // The categories the person keeps back, with all above and below them.
    refused: Set<String>,
    // Each consent that is a yes at the moment of asking, and those that were confirmed.
    yes: Set<Consent>,
    confirmed: Set<Consent>,
    // Each no, for its purpose and for all purposes above and below it.
    no: Set<Consent>,
  },
};
"#;

/// What holds under every policy: nobody's state and no malformed request is argued with.
const GROUND: &str = r#"
@id("vow.request")
forbid (principal, action, resource)
when { context.categories.isEmpty() };

@id("vow.standing")
forbid (principal, action, resource)
unless {
  if context has standing then context.standing == "active" else context.aggregate
};

@id("vow.refused")
forbid (principal, action, resource)
when { context has standing && context.refused.containsAny(context.categories) };
"#;

impl Rulebook {
    /// The same rules as a Cedar policy set, which permits exactly what [`crate::decide`] permits
    /// by this rulebook. The `@id` of a rule is its clause's key, and of a clause's further rules
    /// the key with `#2`, `#3` and so on. Besides the rules there are what all policies share,
    /// `vow.request`, `vow.standing` and `vow.refused`, and `vow.points`, which keeps to what the
    /// collection points declare.
    #[must_use]
    pub fn to_cedar(&self) -> String {
        let mut text = format!(
            "// The policy `{}` as of {}, for Cedar. What a request tells:\n//\n",
            self.name(),
            self.revised()
        );
        for line in CEDAR_SCHEMA.lines() {
            text += &format!("// {line}\n");
        }
        text += GROUND;
        text += &self.points_to_cedar();
        let mut seen: HashMap<usize, u32> = HashMap::new();
        let permits = self.permits.iter().map(|it| (it, true));
        let forbids = self.forbids.iter().map(|it| (it, false));
        let mut rules: Vec<_> = permits.chain(forbids).collect();
        rules.sort_by_key(|(rule, _)| rule.clause);
        for (rule, is_permit) in rules {
            let number = seen.entry(rule.clause).or_default();
            *number += 1;
            let key = self.clause_of(rule);
            text += &match number {
                1 => format!("\n@id(\"{key}\")\n"),
                _ => format!("\n@id(\"{key}#{number}\")\n"),
            };
            text += &self.rule_to_cedar(rule, is_permit);
        }
        text
    }

    /// At an undeclared point nothing comes in, and at a declared one what it declares.
    fn points_to_cedar(&self) -> String {
        let takes = self.points().iter().map(|it| {
            let categories = words(&CATEGORIES, it.categories);
            let key = &it.key;
            format!("(context.point == \"{key}\" && {categories}.containsAll(context.categories))")
        });
        let mut takes: Vec<_> = takes.collect();
        if takes.is_empty() {
            takes.push("false".to_owned());
        }
        format!(
            "\n@id(\"vow.points\")\nforbid (principal, action == Action::\"collect\", resource)\n\
             unless {{\n  context has point && (\n    {}\n  )\n}};\n",
            takes.join(" ||\n    ")
        )
    }

    fn rule_to_cedar(&self, rule: &Rule, is_permit: bool) -> String {
        let (effect, covers) = if is_permit {
            ("permit", "containsAll")
        } else {
            ("forbid", "containsAny")
        };
        let action = match rule.action {
            ActionWord::Collect => "collect",
            ActionWord::Use => "use",
            ActionWord::Disclose => "disclose",
        };
        let mut scope = Vec::new();
        if rule.action == ActionWord::Collect {
            let points = rule.points.iter().map(|it| self.points()[*it].key.as_str());
            let points = quoted(points);
            scope.push(format!(
                "context has point && {points}.contains(context.point)"
            ));
        }
        if rule.action == ActionWord::Disclose && rule.recipient_kinds != TermSet::ALL {
            let kinds = words(&RECIPIENT_KINDS, rule.recipient_kinds);
            scope.push(format!(
                "context has recipient_kind && {kinds}.contains(context.recipient_kind)"
            ));
        }
        if rule.purposes != TermSet::ALL {
            let purposes = words(&PURPOSES, rule.purposes);
            scope.push(format!("{purposes}.contains(context.purpose)"));
        }
        if rule.categories != TermSet::ALL {
            let categories = words(&CATEGORIES, rule.categories);
            scope.push(format!("{categories}.{covers}(context.categories)"));
        }
        let condition = rule.condition.as_ref();
        if is_permit && !condition.is_some_and(|it| it.aggregate_only) {
            scope.push("!context.aggregate".to_owned());
        }
        let mut unless = String::new();
        match condition.map(condition_to_cedar) {
            Some(condition) if is_permit => scope.extend(condition),
            Some(condition) => unless = format!("\nunless {{\n  {}\n}}", condition.join(" &&\n  ")),
            None => {}
        }
        let mut text = format!("{effect} (principal, action == Action::\"{action}\", resource)");
        if !scope.is_empty() {
            text += &format!("\nwhen {{\n  {}\n}}", scope.join(" &&\n  "));
        }
        text + &unless + ";\n"
    }
}

/// Each thing a condition asks, all of which must be so.
fn condition_to_cedar(condition: &Condition) -> Vec<String> {
    let Condition {
        order,
        aggregate_only,
        consent,
        acts,
        approval,
        ages,
        regions,
        transfer_to,
        acceptance,
    } = condition;
    let mut parts = Vec::new();
    if *order {
        parts.push("context.order".to_owned());
    }
    if *aggregate_only {
        parts.push("context.aggregate".to_owned());
    }
    if !acts.is_empty() {
        let acts = words(&ACTS, *acts);
        parts.push(format!("context has act && {acts}.contains(context.act)"));
    }
    if *approval {
        parts.push("context.approved".to_owned());
    }
    if !ages.is_empty() {
        let ages = quoted(ages.iter().map(|it| it.words()));
        parts.push(format!(
            "context has age_band && {ages}.contains(context.age_band)"
        ));
    }
    if !regions.is_empty() {
        let regions = quoted(regions.iter().map(String::as_str));
        parts.push(format!(
            "context has region && {regions}.contains(context.region)"
        ));
    }
    if let Some(home) = transfer_to {
        let at_home = format!("context has region && context.region == \"{home}\"");
        parts.push(format!("(context.transfer_agreed || ({at_home}))"));
    }
    if !acceptance.is_empty() {
        let kinds = quoted(acceptance.iter().map(|it| it.words()));
        parts.push(format!(
            "context has acceptance && {kinds}.contains(context.acceptance)"
        ));
    }
    parts.extend(consent.map(consent_to_cedar));
    parts
}

/// A yes for the very purpose and recipient, which no no reaches.
fn consent_to_cedar(word: ConsentWord) -> String {
    let to = |recipient| format!("{{purpose: context.purpose, recipient: {recipient}}}");
    let (company, recipient) = (to("\"\""), to("context.recipient"));
    let parts = match word {
        ConsentWord::Purpose | ConsentWord::PurposeConfirmed => {
            let set = if word == ConsentWord::Purpose {
                "yes"
            } else {
                "confirmed"
            };
            vec![format!("context.{set}.contains({company})")]
        }
        ConsentWord::PurposeAndRecipient => vec![
            "context has recipient && context.recipient != \"\"".to_owned(),
            format!("context.yes.contains({recipient})"),
            format!("!context.no.contains({recipient})"),
        ],
    };
    parts.join(" &&\n  ") + &format!(" &&\n  !context.no.contains({company})")
}

fn words(registry: &Registry, set: TermSet) -> String {
    let is_in = |key: &&str| registry.term(key).is_some_and(|it| set.contains(it));
    quoted(registry.keys().filter(is_in))
}

/// No word of a policy that compiles holds a quote.
fn quoted<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.map(|it| format!("\"{it}\"")).collect();
    format!("[{}]", words.join(", "))
}
