//! One tenant in memory, compactly: there may be millions of persons.

use std::collections::HashMap;

use policy::{ConsentEntry, ConsentState, PURPOSES, RecipientId, Rulebook, TermSet};
use uuid::Uuid;

use super::{Version, census::Alike};
use crate::{
    acceptance::Accepted,
    consent::{Consent, State},
    decision::{Decision, Reason},
    question::Question,
    subject::{AgeBand, Facts, Standing, Subject},
};

/// The clause that what nobody declared is refused by.
const DECLARED_ONLY: &str = "collect.declared-only";

/// One tenant at one revision.
#[derive(Debug, Default)]
pub(super) struct Tenant {
    pub(super) revision: u64,
    pub(super) versions: Vec<Version>,
    pub(super) subjects: HashMap<Uuid, Known>,
    /// The numbers by which consents name recipients here: eight bytes instead of a name each.
    recipients: HashMap<String, u32>,
}

/// A version that judges a person.
pub(super) struct Judge<'a> {
    pub(super) version: &'a Version,
    /// How the person accepted that very version; none who did not.
    pub(super) acceptance: Option<policy::Acceptance>,
}

/// A person.
#[derive(Debug)]
pub(super) struct Known {
    standing: policy::Standing,
    region: [u8; 2],
    age_band: Option<policy::AgeBand>,
    accepted: Option<Box<Accepted>>,
    /// What was accepted before its day.
    ahead: Option<Box<Accepted>>,
    consents: Vec<ConsentEntry>,
}

impl Tenant {
    pub(super) fn apply_subject(&mut self, subject: Subject) {
        let consents = self.subjects.remove(&subject.id).map(|it| it.consents);
        let consents = consents.unwrap_or_default();
        let known = match subject.standing {
            Standing::Active(facts) => Known::new(policy::Standing::Active, facts, consents),
            Standing::Quarantined(facts) => {
                Known::new(policy::Standing::Quarantined, facts, consents)
            }
            Standing::Erased => Known {
                standing: policy::Standing::Erased,
                region: [0; 2],
                age_band: None,
                accepted: None,
                ahead: None,
                consents: Vec::new(),
            },
        };
        self.subjects.insert(subject.id, known);
    }

    pub(super) fn apply_consent(&mut self, consent: &Consent) {
        let Consent { scope, .. } = consent;
        // What the vocabulary no longer names nobody can ask for either.
        let Some(purpose) = PURPOSES.term(&scope.purpose) else {
            return;
        };
        let recipient = scope.recipient.as_ref().map(|it| self.number(it));
        let Some(known) = self.subjects.get_mut(&scope.subject) else {
            return;
        };
        let consents = &mut known.consents;
        consents.retain(|it| (it.purpose, it.recipient) != (purpose, recipient));
        consents.push(ConsentEntry {
            purpose,
            recipient,
            state: match consent.state {
                State::Given => ConsentState::Given,
                State::Refused => ConsentState::Refused,
                State::Withdrawn => ConsentState::Withdrawn,
            },
            confirmed: false,
            // Rounded towards the end: a fraction of a second too early, never too late.
            expires_at: consent.expires_at.map(|it| (it / 1_000).max(0) as u64),
        });
    }

    fn number(&mut self, recipient: &str) -> RecipientId {
        let next = self.recipients.len() as u32;
        RecipientId(*self.recipients.entry(recipient.to_owned()).or_insert(next))
    }

    /// Asks the versions that judge a person, all of which must permit.
    pub(super) fn judge(
        &self,
        judges: &[Judge<'_>],
        known: Option<&Known>,
        question: &Question,
        recipient_kind: Option<&str>,
        now: u64,
    ) -> Decision {
        let recipient = policy::Recipient {
            id: question
                .recipient()
                .and_then(|it| self.recipients.get(it))
                .map(|it| RecipientId(*it)),
            kind: recipient_kind.unwrap_or_default(),
        };
        let categories: Vec<&str> = question.categories.iter().map(String::as_str).collect();
        let request = question.request(&categories, recipient);
        let mut answers = judges.iter().map(|judge| {
            let subject = known.map(|it| it.subject(judge.acceptance));
            let rulebook: &Rulebook = &judge.version.rulebook;
            let answer = policy::decide(&[rulebook], subject.as_ref(), &request, now);
            (judge, answer)
        });
        // The current version comes first, and speaks for all that permit.
        let (judge, mut answer) = answers
            .next()
            .expect("the current version judges everybody");
        for (other, its_answer) in answers {
            if answer.reason.is_some() {
                break;
            }
            if its_answer.reason.is_some() {
                return self.decision(other, &its_answer, known, question, recipient.id, now);
            }
            let more = its_answer.clauses.into_iter();
            let more: Vec<_> = more.filter(|it| !answer.clauses.contains(it)).collect();
            answer.clauses.extend(more);
        }
        self.decision(judge, &answer, known, question, recipient.id, now)
    }

    fn decision(
        &self,
        judge: &Judge<'_>,
        answer: &policy::Decision<'_>,
        known: Option<&Known>,
        question: &Question,
        recipient: Option<RecipientId>,
        now: u64,
    ) -> Decision {
        let mut clauses: Vec<String> = answer.clauses.iter().map(ToString::to_string).collect();
        if clauses.is_empty() && answer.reason == Some(policy::Reason::CategoryNotDeclared) {
            // A category outside the vocabulary is refused before any clause is asked.
            clauses.push(DECLARED_ONLY.to_owned());
        }
        let purpose = PURPOSES.term(&question.purpose);
        let consents = known.map_or(&[][..], |it| &it.consents).iter();
        let touched = consents
            .filter(|it| Some(it.purpose) == purpose)
            .filter(|it| it.recipient.is_none() || it.recipient == recipient);
        Decision {
            refusal: answer.reason.map(Reason::Policy),
            clauses,
            basis: answer.basis,
            policy_version: judge.version.name.to_string(),
            revision: self.revision,
            // One that has ended carried nothing, so it ends nothing either.
            ends_at: touched
                .filter_map(|it| it.expires_at)
                .filter(|it| now < *it)
                .min(),
        }
    }
}

impl Known {
    fn new(standing: policy::Standing, facts: Facts, consents: Vec<ConsentEntry>) -> Self {
        Self {
            standing,
            region: facts.region.as_bytes().try_into().unwrap_or_default(),
            age_band: Some(match facts.age_band {
                AgeBand::From13To15 => policy::AgeBand::From13To15,
                AgeBand::From16To17 => policy::AgeBand::From16To17,
                AgeBand::Adult => policy::AgeBand::Adult,
            }),
            accepted: facts.accepted.map(Box::new),
            ahead: facts.ahead.map(Box::new),
            consents,
        }
    }

    /// What the person accepted, newest first.
    pub(super) fn accepted(&self) -> impl Iterator<Item = &Accepted> {
        [&self.ahead, &self.accepted]
            .into_iter()
            .flatten()
            .map(|it| &**it)
    }

    /// What is known of the person at a time in Unix seconds, who accepted the version in force like
    /// this. Of when a consent ends it matters only whether it has.
    pub(super) fn alike(&self, acceptance: Option<policy::Acceptance>, now: u64) -> Alike {
        let ended = |it: u64| if now < it { u64::MAX } else { 0 };
        let consents = self.consents.iter().map(|it| ConsentEntry {
            expires_at: it.expires_at.map(ended),
            ..*it
        });
        Alike {
            standing: self.standing,
            region: self.region,
            age_band: self.age_band,
            acceptance,
            consents: consents.collect(),
        }
    }

    fn subject(&self, acceptance: Option<policy::Acceptance>) -> policy::Subject<'_> {
        policy::Subject {
            standing: self.standing,
            age_band: self.age_band,
            region: std::str::from_utf8(&self.region).ok(),
            acceptance,
            transfer_agreed: false,
            refused: TermSet::default(),
            consents: &self.consents,
        }
    }
}
