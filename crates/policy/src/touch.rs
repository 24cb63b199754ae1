//! Whom a new version of a policy touches: for whom a request is answered otherwise than before.

use crate::decide::{Effect, decide};
use crate::diff::diff;
use crate::reach::{self, Place};
use crate::request::{Action, Recipient, Request, Subject};
use crate::rulebook::{Rule, Rulebook};
use crate::vocabulary::{ACTS, CATEGORIES, PURPOSES, RECIPIENT_KINDS};

/// One changed clause, and what to ask of a person to learn whether the change touches them.
#[derive(Debug)]
pub struct Touch<'r> {
    /// The key of the clause.
    pub clause: String,
    versions: [&'r Rulebook; 2],
    probes: Vec<Probe<'r>>,
}

/// A thing that the clause lets happen, or keeps from happening, in one version only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Probe<'r> {
    place: Where<'r>,
    purpose: &'static str,
    category: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Where<'r> {
    Inside,
    Point(&'r str),
    Kind(&'static str),
}

/// The changed clauses of [`diff`] that have rules, in the same order. What is permitted about groups touches
/// nobody in them.
#[must_use]
pub fn touches<'r>(old: &'r Rulebook, new: &'r Rulebook) -> Vec<Touch<'r>> {
    let changes = diff(old, new).into_iter();
    let touches = changes.map(|change| {
        let mut probes = Vec::new();
        for (one, other) in [(old, new), (new, old)] {
            changed_permissions(&change.clause, one, other, &mut probes);
            changed_prohibitions(&change.clause, one, other, &mut probes);
        }
        Touch {
            clause: change.clause,
            versions: [old, new],
            probes,
        }
    });
    touches.filter(|it| !it.probes.is_empty()).collect()
}

/// What a clause permits in one version and not, or not under the same condition, in the other.
fn changed_permissions<'r>(
    clause: &str,
    one: &'r Rulebook,
    other: &'r Rulebook,
    probes: &mut Vec<Probe<'r>>,
) {
    let there: Vec<_> = about_persons(other)
        .filter(|it| other.clause_of(it) == clause)
        .flat_map(|it| probes_of(other, it).map(|probe| (&it.condition_words, probe)))
        .collect();
    for permit in about_persons(one).filter(|it| one.clause_of(it) == clause) {
        for probe in probes_of(one, permit) {
            if !there.contains(&(&permit.condition_words, probe)) && !probes.contains(&probe) {
                probes.push(probe);
            }
        }
    }
}

/// What somebody is permitted, and a prohibition speaks of that the other version has not.
fn changed_prohibitions<'r>(
    clause: &str,
    one: &'r Rulebook,
    other: &'r Rulebook,
    probes: &mut Vec<Probe<'r>>,
) {
    let words = |it: &'r Rulebook| {
        let own = it.clauses().iter().filter(|it| it.key == clause);
        let rules = own.flat_map(|it| &it.rules);
        rules.filter(|it| it.decides && !it.permits)
    };
    let is_changed = |forbid: &&Rule| {
        let mut told = words(one).filter(|it| it.line == forbid.line);
        told.any(|it| !words(other).any(|had| had.words == it.words))
    };
    let own = one.forbids.iter().filter(|it| one.clause_of(it) == clause);
    for forbid in own.filter(is_changed) {
        for permit in about_persons(one) {
            let cells = reach::cells(one, permit).into_iter();
            for cell in cells.filter(|it| reach::touches(forbid, permit.action, *it)) {
                let probe = probe(one, cell);
                if !probes.contains(&probe) {
                    probes.push(probe);
                }
            }
        }
    }
}

fn about_persons(rulebook: &Rulebook) -> impl Iterator<Item = &Rule> {
    let is_figures = |it: &Rule| it.condition.as_ref().is_some_and(|it| it.aggregate_only);
    rulebook.permits.iter().filter(move |it| !is_figures(it))
}

fn probes_of<'r>(rulebook: &'r Rulebook, permit: &Rule) -> impl Iterator<Item = Probe<'r>> {
    let cells = reach::cells(rulebook, permit).into_iter();
    cells.map(|it| probe(rulebook, it))
}

fn probe(rulebook: &Rulebook, cell: reach::Cell) -> Probe<'_> {
    Probe {
        place: match cell.place {
            Place::Inside => Where::Inside,
            Place::Point(index) => Where::Point(&rulebook.points()[index].key),
            Place::Kind(kind) => Where::Kind(RECIPIENT_KINDS.key(kind)),
        },
        purpose: PURPOSES.key(cell.purpose),
        category: CATEGORIES.key(cell.category),
    }
}

impl Touch<'_> {
    /// Whether something that the clause speaks of is answered otherwise for this person now, with
    /// or without an order or an approval, by any act and to any recipient the person has spoken of.
    #[must_use]
    pub fn reaches(&self, subject: &Subject<'_>, now: u64) -> bool {
        self.probes
            .iter()
            .any(|it| self.is_answered_otherwise(it, subject, now))
    }

    fn is_answered_otherwise(&self, probe: &Probe<'_>, subject: &Subject<'_>, now: u64) -> bool {
        let actions: Vec<Action<'_>> = match probe.place {
            Where::Inside => vec![Action::Use],
            Where::Point(point) => ACTS
                .keys()
                .map(|act| Action::Collect { point, act })
                .collect(),
            Where::Kind(kind) => {
                let named = subject.consents.iter().filter_map(|it| it.recipient);
                let ids = named.map(Some).chain([None]);
                ids.map(|id| Action::Disclose {
                    recipient: Recipient { id, kind },
                })
                .collect()
            }
        };
        let facts = [(false, false), (true, false), (false, true), (true, true)];
        actions.into_iter().any(|action| {
            facts.into_iter().any(|(order, approved)| {
                let request = Request {
                    action,
                    purpose: probe.purpose,
                    categories: &[probe.category],
                    order,
                    approved,
                    aggregate: false,
                };
                let [before, after] = self
                    .versions
                    .map(|it| decide(&[it], Some(subject), &request, now).effect == Effect::Permit);
                before != after
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{ConsentEntry, ConsentState, RecipientId, Standing};
    use crate::rulebook::compile;
    use crate::vocabulary::TermSet;
    use crate::{AgeBand, Term};

    const TEXT: &str = include_str!("../tests/sound_policy.toml");
    const SUPPORT: &str = "essential.service.operations.support";

    const ADULT: Subject<'static> = Subject {
        standing: Standing::Active,
        age_band: Some(AgeBand::Adult),
        region: Some("US"),
        acceptance: None,
        transfer_agreed: false,
        refused: TermSet::NONE,
        consents: &[],
    };

    /// The clauses by whose change a person is touched.
    #[track_caller]
    fn touched(from: &str, to: &str, subject: &Subject<'_>) -> Vec<String> {
        assert_eq!(TEXT.matches(from).count(), 1, "{from}");
        let (old, new) = (
            compile(TEXT).unwrap(),
            compile(&TEXT.replace(from, to)).unwrap(),
        );
        let both = [touches(&old, &new), touches(&new, &old)].map(|touches| {
            let reaching = touches.iter().filter(|it| it.reaches(subject, 0));
            reaching.map(|it| it.clause.clone()).collect::<Vec<_>>()
        });
        assert_eq!(
            both[0], both[1],
            "who gains by a change loses by its undoing"
        );
        both[0].clone()
    }

    fn said(purpose: Term, state: ConsentState) -> [ConsentEntry; 1] {
        [ConsentEntry {
            purpose,
            recipient: None,
            state,
            confirmed: false,
            expires_at: None,
        }]
    }

    #[test]
    fn a_change_touches_those_it_permits_or_refuses_something() {
        let last = "basis = \"LEGITIMATE_INTERESTS\"";
        let minor = Subject {
            age_band: Some(AgeBand::From13To15),
            ..ADULT
        };
        let grown_up = format!("{last}\nwhen = {{ ages = [\"adult\"] }}");
        assert_eq!(touched(last, &grown_up, &ADULT), [""; 0]);
        assert_eq!(touched(last, &grown_up, &minor), ["use.answer"]);

        let forbid = format!(
            "{last}\n[[clause.forbid]]\naction = \"use\"\nunless = {{ ages = [\"adult\"] }}"
        );
        assert_eq!(touched(last, &forbid, &ADULT), [""; 0]);
        assert_eq!(touched(last, &forbid, &minor), ["use.answer"]);

        let erased = Subject {
            standing: Standing::Erased,
            ..minor
        };
        assert_eq!(touched(last, &grown_up, &erased), [""; 0]);
    }

    #[test]
    fn a_change_of_consent_touches_those_who_did_not_give_it() {
        let purpose = PURPOSES.term(SUPPORT).unwrap();
        let last = "basis = \"LEGITIMATE_INTERESTS\"";
        let asked = format!("{last}\nwhen = {{ consent = \"for this purpose\" }}");
        for (state, clauses) in [
            (ConsentState::Given, vec![]),
            (ConsentState::Withdrawn, vec!["use.answer"]),
        ] {
            let consents = said(purpose, state);
            let subject = Subject {
                consents: &consents,
                ..ADULT
            };
            assert_eq!(touched(last, &asked, &subject), clauses);
        }
        assert_eq!(touched(last, &asked, &ADULT), ["use.answer"]);
    }

    #[test]
    fn a_change_for_one_recipient_touches_those_who_named_it() {
        let order = "when = { order = true }";
        let asked = "when = { order = true, consent = \"for this purpose and recipient\" }";
        let mut consents = said(
            PURPOSES
                .term("essential.service.payment_processing")
                .unwrap(),
            ConsentState::Given,
        );
        consents[0].recipient = Some(RecipientId(7));
        let subject = Subject {
            consents: &consents,
            ..ADULT
        };
        // Another recipient, whom nobody named, is refused from now on.
        assert_eq!(touched(order, asked, &subject), ["share.delivery"]);
        // Without the order the answer is another for everybody.
        assert_eq!(
            touched(&format!("{order}\n"), "", &ADULT),
            ["share.delivery"]
        );
    }

    #[test]
    fn words_and_other_acts_touch_whom_they_let_in() {
        assert_eq!(touched("\"The form\"", "\"A form\"", &ADULT), [""; 0]);
        assert_eq!(
            touched("[\"typed\"]", "[\"typed\", \"sent\"]", &ADULT),
            ["take.form"]
        );
        let wider = "[\"user.name\", \"user.contact\", \"user.device\"]";
        assert_eq!(
            touched("[\"user.name\", \"user.contact\"]", wider, &ADULT),
            ["take.form"]
        );
    }
}
