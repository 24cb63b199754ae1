//! Why a request is permitted or refused, down to the line of each rule that had a say.

use super::near::Near;
use super::question::{Progress, Question};
use super::{Decision, Reason, decide};
use crate::parse;
use crate::request::{Request, Subject};
use crate::rulebook::{Rule, Rulebook};
use crate::vocabulary::CATEGORIES;

/// A decision, and what each rule that speaks of the request had to do with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation<'r> {
    /// The decision itself.
    pub decision: Decision<'r>,
    /// The rules that speak of the request: permissions first, each in the order of the text.
    /// Empty when the request or the person was refused before any rule was asked.
    pub steps: Vec<Step<'r>>,
    /// Of a request that permissions fall short of: the step that lacks least, and of those that
    /// lack the same the one that the person can mend. The decision names the first in the text.
    pub closest: Option<usize>,
    /// Of a request that no permission covers, conditions apart: the one that asks for less and
    /// would be covered.
    pub near: Option<Near<'r>>,
    /// And for which other purposes permissions cover all that was asked for in this place.
    pub other_purposes: Vec<&'static str>,
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
    /// All parts of its condition that are not met, in the order in which refusals name them.
    pub unmet: Vec<Reason>,
    /// Of a permission, the categories that were asked for and that it does not cover.
    pub uncovered: Vec<&'static str>,
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
    let mut explanation = Explanation {
        decision: decide(&[rulebook], subject, request, now),
        steps: Vec::new(),
        closest: None,
        near: None,
        other_purposes: Vec::new(),
    };
    let Ok(question) = Question::new(subject, request, now) else {
        return explanation;
    };
    if question.state_refusal().is_some() {
        return explanation;
    }
    let Ok(point) = question.point_index(rulebook) else {
        return explanation; // The point itself refuses.
    };
    explanation.steps = steps(rulebook, &question, point);
    let steps = explanation.steps.iter().enumerate();
    let permissions = steps.filter_map(|(index, it)| Some((lack(it)?, index)));
    let closest = permissions.min();
    let is_refused = |it: &Step<'_>| matches!(it.verdict, Verdict::Refuses(_));
    let is_covered = |it: &Step<'_>| lack(it).is_some() && it.uncovered.is_empty();
    explanation.closest = closest
        .filter(|(lack, _)| *lack != NOTHING)
        .map(|(_, it)| it);
    let steps = &explanation.steps;
    if !steps.iter().any(|it| is_refused(it) || is_covered(it)) {
        explanation.near = question.near(rulebook, point);
        explanation.other_purposes = question.other_purposes(rulebook, point);
    }
    explanation
}

/// The line of a policy's text at which a collection point is declared.
#[must_use]
pub fn line_of_point(text: &str, key: &str) -> Option<usize> {
    let file = parse::parse(text).ok()?;
    let mut points = file.collection_points.iter();
    let start = points.find(|it| it.key.get_ref() == key)?.key.span().start;
    // The block begins above its words; one written on a line of its own has no head.
    let head = text[..start].rfind("[[collection_point]]");
    Some(parse::line_and_column(text, head.unwrap_or(start)).0)
}

/// What a permission for the purpose that was asked for lacks: how much, and how much of that only
/// another policy or person could bring. None for any other rule.
fn lack(step: &Step<'_>) -> Option<(usize, usize)> {
    match step.verdict {
        Verdict::Permits => Some(NOTHING),
        Verdict::FallsShort(Reason::NoRule | Reason::RecipientPurpose) => None,
        Verdict::FallsShort(_) => {
            let lasting = step.unmet.iter().filter(|it| !it.is_state());
            let (unmet, uncovered) = (step.unmet.len(), step.uncovered.len());
            Some((unmet + uncovered, lasting.count() + uncovered))
        }
        Verdict::Refuses(_) | Verdict::Lifted => None,
    }
}

const NOTHING: (usize, usize) = (0, 0);

fn steps<'r>(
    rulebook: &'r Rulebook,
    question: &Question<'_>,
    point: Option<usize>,
) -> Vec<Step<'r>> {
    let step = |rule: &Rule, verdict| {
        let condition = rule.condition.iter();
        Step {
            clause: rulebook.clause_of(rule),
            line: rule.line,
            start: rule.start,
            verdict,
            unmet: condition.flat_map(|it| question.all_unmet(it)).collect(),
            uncovered: Vec::new(),
        }
    };
    let permits = rulebook.permits.iter().filter_map(|permit| {
        let verdict = match question.shortfall(permit, point) {
            None => Verdict::Permits,
            Some((Progress::Place, _)) => return None,
            Some((_, reason)) => Verdict::FallsShort(reason),
        };
        let uncovered = question.categories.without(permit.categories);
        let uncovered = CATEGORIES.terms_of(uncovered);
        Some(Step {
            uncovered: uncovered.map(|it| CATEGORIES.key(it)).collect(),
            ..step(permit, verdict)
        })
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
    const NEAR_MISSES: &str = include_str!("near_misses.toml");

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

    #[test]
    fn of_permissions_that_lack_the_same_the_one_that_can_be_met_is_closest() {
        let rulebook = compile(NEAR_MISSES).unwrap();
        let email = ["user.contact.email"];
        let at = |act| Action::Collect { point: "form", act };
        use crate::Acceptance::{Explicit, Guardian};
        use crate::AgeBand::{Adult, From13To15, Under13};
        for (age, acceptance, act, closest) in [
            (From13To15, Explicit, "typed", Some(2)),
            (From13To15, Guardian, "typed", None),
            (Under13, Guardian, "typed", Some(1)),
            (Under13, Explicit, "typed", Some(1)),
            (Adult, Explicit, "sent", None),
        ] {
            let subject = Subject {
                age_band: Some(age),
                acceptance: Some(acceptance),
                ..ADULT
            };
            let request = request(at(act), "essential.service", &email);
            let told = explain(&rulebook, Some(&subject), &request, 0);
            assert_eq!(told.closest, closest, "{age:?} {acceptance:?}");
            assert_eq!((told.near, told.other_purposes), (None, vec![]));
        }
        let device = ["user.device", "user.device.cookie"];
        let request = request(Action::Use, "analytics.reporting.system", &device);
        let told = explain(&rulebook, Some(&ADULT), &request, 0);
        assert_eq!(told.closest, Some(1), "two categories are more than a case");
    }

    #[test]
    fn a_permission_tells_what_it_does_not_cover_and_all_that_it_asks() {
        let rulebook = compile(TEXT).unwrap();
        let categories = ["user.contact.email", "user.device", "user.name"];
        let request = request(Action::Use, "marketing.communications", &categories);
        let told = explain(
            &rulebook,
            Some(&Subject {
                region: None,
                ..ADULT
            }),
            &request,
            0,
        );
        assert_eq!(told.steps[0].uncovered, categories[1..]);
        let unmet = [
            Reason::UnderAge,
            Reason::RegionNotCovered,
            Reason::NoConsent,
        ];
        assert_eq!(told.steps[0].unmet, unmet);
    }

    #[test]
    fn a_point_is_found_where_its_block_begins() {
        let line = line_of_point(TEXT, "form").unwrap();
        assert_eq!(TEXT.lines().nth(line - 1), Some("[[collection_point]]"));
        assert_eq!(line_of_point(TEXT, "nowhere"), None);
        let inline = "collection_point = [{ key = \"a\", side = \"app\", categories = [] }]\n";
        let header = TEXT.split("[[").next().unwrap();
        assert_eq!(line_of_point(&format!("{inline}{header}"), "a"), Some(1));
    }
}
