//! The rules of a policy, written for Cedar: a second engine that anyone can ask, and prove with.
//!
//! A person's consents reach Cedar as two sets, because it has no clock: what is a yes at the
//! moment of asking, and what a no reaches. The schema at the head of the export says so.

use crate::language::{ActionWord, ConsentWord, Enforced};
use crate::rulebook::{Clause, Condition, Rule, Rulebook};
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

/// What holds under every policy: nobody's state and no malformed request is argued with. No key of
/// a clause has a colon, so none is taken for one of these.
const GROUND: &str = r#"
@id("vow:request")
forbid (principal, action, resource)
when { context.categories.isEmpty() };

@id("vow:standing")
forbid (principal, action, resource)
unless {
  if context has standing then context.standing == "active" else context.aggregate
};

@id("vow:refused")
forbid (principal, action, resource)
when { context has standing && context.refused.containsAny(context.categories) };
"#;

impl Rulebook {
    /// The same rules as a Cedar policy set, which permits exactly what [`crate::decide`] permits
    /// by this rulebook. The `@id` of a rule is its clause's key, and of a clause's further rules
    /// the key with `#2`, `#3` and so on; `@line` is where the rule begins in the text. Besides the
    /// rules there are what all policies share, `vow:request`, `vow:standing` and `vow:refused`,
    /// and `vow:points`, which keeps to what the collection points declare. A clause without rules
    /// that decide is a comment that says so.
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
        let permits = self.permits.iter().map(|it| (it, true));
        let forbids = self.forbids.iter().map(|it| (it, false));
        let all: Vec<_> = permits.chain(forbids).collect();
        for (index, clause) in self.clauses().iter().enumerate() {
            text += &format!("\n// {}: {}\n", clause.key, comment(&clause.title));
            let rules = all.iter().filter(|(rule, _)| rule.clause == index);
            let rules: Vec<_> = rules.collect();
            if rules.is_empty() {
                text += &format!("// {}\n", without_rules(clause));
            }
            for (number, (rule, is_permit)) in (1..).zip(rules) {
                let key = &clause.key;
                text += &match number {
                    1 => format!("@id(\"{key}\")\n"),
                    _ => format!("\n@id(\"{key}#{number}\")\n"),
                };
                text += &format!("@line(\"{}\")\n", rule.line);
                text += &self.rule_to_cedar(rule, *is_permit);
            }
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
            "\n@id(\"vow:points\")\nforbid (principal, action == Action::\"collect\", resource)\n\
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
        let action = rule.action.word();
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

/// Why a clause has nothing for Cedar.
fn without_rules(clause: &Clause) -> String {
    match clause.enforced {
        Enforced::NotYet => "It is a draft: its rules decide nothing, and are left out.".to_owned(),
        enforced => format!("It has no rules: it is enforced {}.", enforced.words()),
    }
}

/// A text of the policy that cannot end a comment.
fn comment(text: &str) -> String {
    text.trim()
        .replace(|it: char| it.is_control() || it.is_whitespace(), " ")
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

#[cfg(test)]
mod tests {
    use crate::rulebook::compile;

    const HEAD: &str = "[policy]\nname = \"x\"\ntitle = \"\"\nrevised = 2026-01-01\n\
                        contact = \"a@x.example\"\nstorage_region = \"US\"\n";

    fn clause(key: &str, title: &str, enforced: &str, rules: &str) -> String {
        format!(
            "[[clause]]\nkey = \"{key}\"\ntitle = \"{title}\"\nsays = \"\"\n\
             enforced = \"{enforced}\"\n{rules}"
        )
    }

    #[test]
    fn a_clause_is_told_apart_from_what_all_policies_share() {
        let forbid = "[[clause.forbid]]\naction = \"use\"\n";
        let rules = clause(
            "vow.request",
            "A; forbid(p);",
            "by rules",
            &forbid.repeat(2),
        );
        let draft = clause("b", "B", "not yet", forbid);
        let language = clause("disclose.never-sold", "C", "by the language", "");
        let text = format!("{HEAD}{rules}{draft}{language}");
        let cedar = compile(&text).unwrap().to_cedar();
        let count = |line: &str| cedar.lines().filter(|it| *it == line).count();
        for (line, times) in [
            ("@id(\"vow:request\")", 1),
            ("@id(\"vow.request\")", 1),
            ("@id(\"vow.request#2\")", 1),
            ("@line(\"12\")", 1),
            ("// vow.request: A; forbid(p);", 1),
            ("// b: B", 1),
            (
                "// It is a draft: its rules decide nothing, and are left out.",
                1,
            ),
            ("@id(\"b\")", 0),
            ("// It has no rules: it is enforced by the language.", 1),
        ] {
            assert_eq!(count(line), times, "{line}\n{cedar}");
        }
    }
}
