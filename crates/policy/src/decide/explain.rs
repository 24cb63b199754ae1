//! Why a request is permitted or refused, down to the line of each rule that had a say.

use super::question::{Progress, Question};
use super::{Decision, Reason, decide};
use crate::request::{Request, Subject};
use crate::rulebook::{Rule, Rulebook};

/// A decision, and what each rule that speaks of the request had to do with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation<'r> {
    /// The decision itself.
    pub decision: Decision<'r>,
    /// The rules that speak of the request: permissions first, each in the order of the text.
    /// Empty when the request or the person was refused before any rule was asked.
    pub steps: Vec<Step<'r>>,
}

/// What one rule had to do with a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<'r> {
    /// The key of the clause in which the rule stands.
    pub clause: &'r str,
    /// The line at which it begins.
    pub line: usize,
    /// Where it begins in the text, in bytes: which [`crate::ClauseRule`] it is.
    pub start: usize,
    /// What it said.
    pub verdict: Verdict,
}

/// What one rule says to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A permission that covers it.
    Permits,
    /// A permission about this place and purpose that does not cover it, and why.
    FallsShort(Reason),
    /// A prohibition that refuses it, and why it is not lifted.
    Refuses(Reason),
    /// A prohibition that speaks of it and is lifted.
    Lifted,
}

/// Decides a request by one rulebook, and tells why.
#[must_use]
pub fn explain<'r>(
    rulebook: &'r Rulebook,
    subject: Option<&Subject<'_>>,
    request: &Request<'_>,
    now: u64,
) -> Explanation<'r> {
    let decision = decide(&[rulebook], subject, request, now);
    let steps = match Question::new(subject, request, now) {
        Ok(question) if question.state_refusal().is_none() => steps(rulebook, &question),
        _ => Vec::new(),
    };
    Explanation { decision, steps }
}

fn steps<'r>(rulebook: &'r Rulebook, question: &Question<'_>) -> Vec<Step<'r>> {
    let Ok(point) = question.point_index(rulebook) else {
        return Vec::new(); // The point itself refuses.
    };
    let step = |rule: &Rule, verdict| Step {
        clause: rulebook.clause_of(rule),
        line: rule.line,
        start: rule.start,
        verdict,
    };
    let permits = rulebook.permits.iter().filter_map(|permit| {
        let verdict = match question.shortfall(permit, point) {
            None => Verdict::Permits,
            Some((Progress::Place, _)) => return None,
            Some((_, reason)) => Verdict::FallsShort(reason),
        };
        Some(step(permit, verdict))
    });
    let touching = rulebook
        .forbids
        .iter()
        .filter(|it| question.is_touched_by(it, point));
    let forbids = touching.map(|forbid| {
        let refusal = match &forbid.condition {
            None => Some(Reason::Forbidden),
            Some(unless) => question.unmet(unless),
        };
        step(forbid, refusal.map_or(Verdict::Lifted, Verdict::Refuses))
    });
    permits.chain(forbids).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{Action, Recipient};
    use crate::rulebook::compile;
    use crate::{Effect, Standing, TermSet};

    const TEXT: &str = include_str!("every_condition.toml");

    const ADULT: Subject<'static> = Subject {
        standing: Standing::Active,
        age_band: None,
        region: Some("US"),
        acceptance: None,
        transfer_agreed: false,
        refused: TermSet::NONE,
        consents: &[],
    };

    fn request<'a>(action: Action<'a>, purpose: &'a str, categories: &'a [&'a str]) -> Request<'a> {
        Request {
            action,
            purpose,
            categories,
            order: true,
            approved: false,
            aggregate: false,
        }
    }

    /// The clause and the verdict of each rule that had a say; its line begins the rule.
    fn told(request: Request<'_>) -> (Effect, Vec<(String, Verdict)>) {
        let rulebook = compile(TEXT).unwrap();
        let explanation = explain(&rulebook, Some(&ADULT), &request, 0);
        let steps = explanation.steps.iter().map(|it| {
            let line = TEXT.lines().nth(it.line - 1).unwrap_or_default();
            let word = match it.verdict {
                Verdict::Permits | Verdict::FallsShort(_) => "[[clause.permit]]",
                Verdict::Refuses(_) | Verdict::Lifted => "[[clause.forbid]]",
            };
            assert_eq!(line, word);
            (it.clause.to_owned(), it.verdict)
        });
        (explanation.decision.effect, steps.collect())
    }

    #[test]
    fn each_rule_that_had_a_say_is_told_with_its_line() {
        let email = ["user.contact.email"];
        let at = |act| Action::Collect { point: "form", act };
        let step = |clause: &str, verdict| (clause.to_owned(), verdict);
        let cases = [
            (
                request(at("typed"), "essential.service", &email),
                vec![
                    step("take.form", Verdict::Permits),
                    step("take.form", Verdict::Lifted),
                ],
            ),
            (
                request(at("sent"), "essential.service", &email),
                vec![
                    step("take.form", Verdict::Permits),
                    step("take.form", Verdict::Refuses(Reason::NotVoluntary)),
                ],
            ),
            (
                request(Action::Use, "marketing.communications.survey", &email),
                vec![
                    step("use.all", Verdict::FallsShort(Reason::UnderAge)),
                    step("use.all", Verdict::Refuses(Reason::Forbidden)),
                ],
            ),
            (request(Action::Use, "essential", &email), vec![]),
        ];
        for (request, expected) in cases {
            assert_eq!(told(request).1, expected, "{request:?}");
        }
    }

    #[test]
    fn rules_on_one_line_are_told_apart() {
        let (head, _) = TEXT.split_once("[[clause]]").unwrap();
        let permit = |purpose: &str| {
            format!(
                "{{ action = \"use\", purposes = [\"{purpose}\"], categories = [\"user.contact\"], \
                 basis = \"CONTRACT\" }}"
            )
        };
        let (one, other) = (permit("essential"), permit("functional"));
        let text = format!(
            "{head}[[clause]]\nkey = \"share.figures\"\ntitle = \"\"\nsays = \"\"\n\
             enforced = \"by rules\"\npermit = [{one}, {other}]\n\
             [[clause]]\nkey = \"share.delivery\"\ntitle = \"\"\nsays = \"\"\n\
             enforced = \"not yet\"\n"
        );
        let rulebook = compile(&text).unwrap();
        let email = ["user.contact.email"];
        let request = request(Action::Use, "functional", &email);
        let explanation = explain(&rulebook, Some(&ADULT), &request, 0);
        let step = explanation.steps.first().unwrap();
        let mut rules = rulebook.clauses().iter().flat_map(|it| &it.rules);
        let told = rules.find(|it| it.start == step.start).unwrap();
        assert_eq!(explanation.steps.len(), 1);
        assert!(told.words.contains("for functional"), "{}", told.words);
    }

    #[test]
    fn what_no_rule_was_asked_about_has_no_steps() {
        let recipient = Recipient {
            id: None,
            kind: "x",
        };
        for request in [
            request(Action::Disclose { recipient }, "essential", &["user.name"]),
            request(
                Action::Collect {
                    point: "x",
                    act: "typed",
                },
                "essential",
                &["user.name"],
            ),
        ] {
            assert_eq!(told(request), (Effect::Deny, vec![]));
        }
    }

    #[test]
    fn what_the_state_of_a_person_refuses_has_no_steps() {
        let rulebook = compile(TEXT).unwrap();
        let email = ["user.contact.email"];
        let at = Action::Collect {
            point: "form",
            act: "typed",
        };
        let request = request(at, "essential.service", &email);
        let restricted = Subject {
            standing: Standing::Restricted,
            ..ADULT
        };
        for (subject, has_steps) in [
            (Some(&ADULT), true),
            (Some(&restricted), false),
            (None, false),
        ] {
            let explanation = explain(&rulebook, subject, &request, 0);
            assert_eq!(!explanation.steps.is_empty(), has_steps, "{subject:?}");
        }
    }
}
