//! Whom a new version of a policy touches: for whom a request is answered otherwise than before.

use std::collections::HashSet;

use crate::decide::{Effect, decide};
use crate::diff::diff;
use crate::language::ActionWord;
use crate::reach::{self, Area, Place};
use crate::request::{Action, Recipient, Request, Subject};
use crate::rulebook::{Condition, Rule, Rulebook};
use crate::vocabulary::{ACTS, CATEGORIES, PURPOSES, RECIPIENT_KINDS, TermSet};

/// One changed clause, and what to ask of a person to learn whether the change touches them.
#[derive(Debug)]
pub struct Touch<'r> {
    /// The key of the clause.
    pub clause: String,
    versions: [&'r Rulebook; 2],
    probes: Vec<Probe<'r>>,
}

/// A thing that the clause lets happen, or keeps from happening, in one version only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Probe<'r> {
    place: Where<'r>,
    purpose: &'static str,
    category: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Where<'r> {
    Inside,
    Point(&'r str),
    Kind(&'static str),
}

/// Each probe once, in the order in which they were found.
#[derive(Default)]
struct Probes<'r> {
    seen: HashSet<Probe<'r>>,
    list: Vec<Probe<'r>>,
}

impl<'r> Probes<'r> {
    fn add(&mut self, probe: Probe<'r>) {
        if self.seen.insert(probe) {
            self.list.push(probe);
        }
    }
}

/// The changed clauses of [`diff`] that have rules, in the same order. What is permitted about groups touches
/// nobody in them.
#[must_use]
pub fn touches<'r>(old: &'r Rulebook, new: &'r Rulebook) -> Vec<Touch<'r>> {
    let changes = diff(old, new).into_iter();
    let touches = changes.map(|change| {
        let mut probes = Probes::default();
        for (one, other) in [(old, new), (new, old)] {
            changed_permissions(&change.clause, one, other, &mut probes);
            changed_prohibitions(&change.clause, one, other, &mut probes);
        }
        Touch {
            clause: change.clause,
            versions: [old, new],
            probes: probes.list,
        }
    });
    touches.filter(|it| !it.probes.is_empty()).collect()
}

/// What a clause permits in one version and not, or not under the same condition, in the other.
fn changed_permissions<'r>(
    clause: &str,
    one: &'r Rulebook,
    other: &'r Rulebook,
    probes: &mut Probes<'r>,
) {
    let own = |it: &'r Rulebook| about_persons(it).filter(move |rule| it.clause_of(rule) == clause);
    let there: HashSet<_> = own(other)
        .flat_map(|it| {
            let probes = reach::areas(other, it).into_iter();
            let probes = probes.flat_map(|area| probes_of(other, area));
            probes.map(|probe| (it.condition.as_ref(), probe))
        })
        .collect();
    for permit in own(one) {
        for probe in reach::areas(one, permit)
            .into_iter()
            .flat_map(|area| probes_of(one, area))
        {
            if !there.contains(&(permit.condition.as_ref(), probe)) {
                probes.add(probe);
            }
        }
    }
}

/// What somebody is permitted, and a prohibition speaks of that the other version has not.
fn changed_prohibitions<'r>(
    clause: &str,
    one: &'r Rulebook,
    other: &'r Rulebook,
    probes: &mut Probes<'r>,
) {
    let own = |it: &'r Rulebook| {
        let forbids = it.forbids.iter();
        forbids.filter(move |rule| it.clause_of(rule) == clause)
    };
    let there: Vec<_> = own(other).map(|it| content(other, it)).collect();
    for forbid in own(one).filter(|it| !there.contains(&content(one, it))) {
        for permit in about_persons(one) {
            let areas = reach::areas(one, permit).into_iter();
            for area in areas.filter_map(|it| it.touched_by(forbid)) {
                probes_of(one, area).for_each(|it| probes.add(it));
            }
        }
    }
}

/// All that a prohibition says, wherever it stands.
type Content<'r> = (
    ActionWord,
    Vec<&'r str>,
    [TermSet; 3],
    Option<&'r Condition>,
);

fn content<'r>(rulebook: &'r Rulebook, rule: &'r Rule) -> Content<'r> {
    let points = rule
        .points
        .iter()
        .map(|it| rulebook.points()[*it].key.as_str());
    let mut points: Vec<_> = points.collect();
    points.sort_unstable();
    let sets = [rule.purposes, rule.categories, rule.recipient_kinds];
    (rule.action, points, sets, rule.condition.as_ref())
}

fn about_persons(rulebook: &Rulebook) -> impl Iterator<Item = &Rule> {
    let is_figures = |it: &Rule| it.condition.as_ref().is_some_and(|it| it.aggregate_only);
    rulebook.permits.iter().filter(move |it| !is_figures(it))
}

fn probes_of(rulebook: &Rulebook, area: Area) -> impl Iterator<Item = Probe<'_>> {
    let place = match area.place {
        Place::Inside => Where::Inside,
        Place::Point(index) => Where::Point(&rulebook.points()[index].key),
        Place::Kind(kind) => Where::Kind(RECIPIENT_KINDS.key(kind)),
    };
    area.cells().map(move |(purpose, category)| Probe {
        place,
        purpose: PURPOSES.key(purpose),
        category: CATEGORIES.key(category),
    })
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
    fn another_country_of_storage_touches_who_did_not_agree_to_the_transfer() {
        let asking = TEXT.replace("{ order = true }", "{ transfer_agreed = true }");
        let abroad = asking.replace("storage_region = \"US\"", "storage_region = \"DE\"");
        let [old, new] = [&asking, &abroad].map(|it| compile(it).unwrap());
        let touches = touches(&old, &new);
        let reaches = |subject: &Subject<'_>| touches.iter().any(|it| it.reaches(subject, 0));
        assert!(reaches(&ADULT));
        let agreed = Subject {
            transfer_agreed: true,
            ..ADULT
        };
        assert!(!reaches(&agreed));
    }

    #[test]
    fn each_probe_is_asked_once_however_often_it_is_found() {
        let mut text = TEXT.to_owned();
        for _ in 0..40 {
            text += "[[clause.permit]]\naction = \"use\"\npurposes = [\"essential\"]\n\
                     categories = [\"user\"]\nbasis = \"CONTRACT\"\n";
        }
        let [old, new] = [TEXT, &text].map(|it| compile(it).unwrap());
        let probes = touches(&old, &new).into_iter().flat_map(|it| it.probes);
        let probes: Vec<_> = probes.collect();
        let distinct: HashSet<_> = probes.iter().collect();
        assert_eq!(distinct.len(), probes.len());
    }

    #[test]
    fn words_and_other_acts_touch_whom_they_let_in() {
        assert_eq!(touched("\"The form\"", "\"A form\"", &ADULT), [""; 0]);
        assert_eq!(
            touched("[\"typed\"]", "[\"typed\", \"sent\"]", &ADULT),
            ["take.form"]
        );
        let address = "\"user.contact.address\", ";
        let wider = format!("{address}\"user.device\", ");
        assert_eq!(touched(address, &wider, &ADULT), ["take.form"]);
    }
}
