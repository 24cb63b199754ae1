//! What a tenant's rows become when the wishes of callers are fulfilled one after the other.
//!
//! The store opens a book under the tenant's lock, hands it the wishes of one batch, and writes
//! down what the book then says: one revision for each wish that changed something.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use crate::{
    consent::{Choice, Consent, Scope, State},
    error::Error,
    subject::{PolicyName, Standing, Subject},
    wish::{Wish, Written},
};

/// A published version without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyHead {
    /// Its number, one more than that of the version before, an inherited one if it is the first.
    pub number: u64,
    /// SHA-256 of the text's bytes.
    pub digest: [u8; 32],
    /// The revision of its publication.
    pub revision: u64,
    /// When it was published, in Unix milliseconds.
    pub published_at: i64,
}

/// One committed change, as followers learn of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its place in the tenant's order.
    pub revision: u64,
    /// The person concerned; none for a policy.
    pub subject: Option<Uuid>,
    /// Whether grants for the person issued before it open nothing more.
    pub restricting: bool,
    /// When it was committed, in Unix milliseconds.
    pub at: i64,
}

/// What the log has to learn of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Its random id, by which the log knows it when it comes twice.
    pub id: Uuid,
    /// The revision it is evidence of.
    pub revision: u64,
    /// The policy version published, or in force.
    pub policy_version: String,
    /// What happened.
    pub event: Event,
    /// When, in Unix milliseconds.
    pub at: i64,
}

/// What the log keeps evidence of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A policy became the current one.
    Published {
        /// SHA-256 of its bytes.
        digest: [u8; 32],
    },
    /// A consent reached a state.
    Chosen {
        /// What it is about.
        scope: Scope,
        /// The state reached.
        state: State,
    },
}

/// One tenant's rows, as far as a batch of wishes needs them.
pub(crate) struct Book {
    tenant: String,
    at: i64,
    revision: u64,
    current: Option<PolicyHead>,
    inherited: u64,
    subjects: HashMap<Uuid, Subject>,
    /// The oldest revision of each person whose evidence is still on its way.
    oldest_evidence: HashMap<Uuid, u64>,
    /// What has to be written down.
    pub(crate) entries: Entries,
}

/// What a batch of wishes has written; of rows written twice, the last form.
#[derive(Default)]
pub(crate) struct Entries {
    pub(crate) changes: Vec<Change>,
    pub(crate) policies: Vec<(PolicyHead, String)>,
    pub(crate) subjects: BTreeMap<Uuid, Subject>,
    pub(crate) consents: BTreeMap<Scope, Consent>,
    pub(crate) evidence: Vec<Evidence>,
}

impl Book {
    /// Opens the book of a tenant at its newest revision, at a time in Unix milliseconds.
    pub(crate) fn open(tenant: &str, revision: u64, at: i64) -> Self {
        Self {
            tenant: tenant.to_owned(),
            at,
            revision,
            current: None,
            inherited: 0,
            subjects: HashMap::new(),
            oldest_evidence: HashMap::new(),
            entries: Entries::default(),
        }
    }

    /// Tells it the newest of the tenant's own policies.
    pub(crate) fn with_current(mut self, current: PolicyHead) -> Self {
        self.current = Some(current);
        self
    }

    /// Tells it the highest number of the policies that judge a tenant without its own.
    pub(crate) fn with_inherited(mut self, inherited: u64) -> Self {
        self.inherited = inherited;
        self
    }

    /// Tells it the persons the wishes are about, and the oldest revision of those to be forgotten
    /// whose evidence is still on its way.
    pub(crate) fn with_subjects(
        mut self,
        subjects: Vec<Subject>,
        oldest_evidence: Vec<(Uuid, u64)>,
    ) -> Self {
        self.subjects = subjects.into_iter().map(|it| (it.id, it)).collect();
        self.oldest_evidence = oldest_evidence.into_iter().collect();
        self
    }

    /// The newest revision, with what is written.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// Fulfils one wish or says why not; `record` is a fresh random id for its evidence.
    pub(crate) fn fulfil(&mut self, wish: Wish, record: Uuid) -> Result<Written, Error> {
        match wish {
            Wish::Publish { text, digest } => Ok(self.publish(text, digest, record)),
            Wish::Enrol { subject, facts } => {
                let known = self.subjects.get(&subject);
                let enrolled_in = known.map_or(0, |it| it.enrolled_in);
                match Subject::enrol(known, subject, facts, self.revision + 1)? {
                    Some(enrolled) => Ok(self.write_subject(enrolled, false, record)),
                    None => Ok(self.unchanged(enrolled_in, record)),
                }
            }
            Wish::Accept { subject, policy } => {
                let known = self.subjects.get(&subject).ok_or(Error::SubjectUnknown)?;
                let accepted = known.accept(policy, self.revision + 1)?;
                Ok(self.write_subject(accepted, false, record))
            }
            Wish::Choose {
                scope,
                choice,
                policy,
            } => self.choose(scope, choice, policy, record),
            Wish::Quarantine { subject } => {
                let known = self.subjects.get(&subject).ok_or(Error::SubjectUnknown)?;
                let revision = known.revision;
                match known.quarantine(self.revision + 1) {
                    Some(stopped) => Ok(self.write_subject(stopped, true, record)),
                    None => Ok(self.unchanged(revision, record)),
                }
            }
            Wish::Forget {
                subject,
                evidence_up_to,
            } => self.forget(subject, evidence_up_to, record),
        }
    }

    fn publish(&mut self, text: String, digest: [u8; 32], record: Uuid) -> Written {
        let number = match &self.current {
            Some(current) if current.digest == digest => {
                return Written {
                    at: current.published_at,
                    policy: Some(self.policy_name(current.number)),
                    ..self.unchanged(current.revision, record)
                };
            }
            Some(current) => current.number + 1,
            // Receipts and acceptances name the inherited versions: no name may be used again.
            None => self.inherited + 1,
        };
        let mut written = self.write_change(None, false, record);
        let policy = self.policy_name(number);
        let head = PolicyHead {
            number,
            digest,
            revision: written.revision,
            published_at: written.at,
        };
        self.current = Some(head.clone());
        self.entries.policies.push((head, text));
        self.write_evidence(&written, &policy, Event::Published { digest });
        written.policy = Some(policy);
        written
    }

    fn choose(
        &mut self,
        scope: Scope,
        choice: Choice,
        policy: PolicyName,
        record: Uuid,
    ) -> Result<Written, Error> {
        choice.is_open_to(self.subjects.get(&scope.subject))?;
        if choice.expires_at().is_some_and(|it| it <= self.at) {
            return Err(Error::Invalid("expires_at"));
        }
        let state = choice.state();
        let mut written = self.write_change(Some(scope.subject), state.is_restricting(), record);
        let consent = Consent {
            scope: scope.clone(),
            state,
            policy: policy.clone(),
            revision: written.revision,
            changed_at: written.at,
            expires_at: choice.expires_at(),
        };
        self.entries.consents.insert(scope.clone(), consent);
        self.write_evidence(&written, &policy, Event::Chosen { scope, state });
        written.policy = Some(policy);
        Ok(written)
    }

    fn forget(
        &mut self,
        subject: Uuid,
        evidence_up_to: u64,
        record: Uuid,
    ) -> Result<Written, Error> {
        let Some(known) = self.subjects.get(&subject) else {
            return Ok(self.unchanged(self.revision, record));
        };
        let revision = known.revision;
        // Evidence of this very batch is younger than the wish, so it is not waited for either.
        let oldest = self.oldest_evidence.get(&subject);
        let is_evidence_pending = oldest.is_some_and(|it| *it <= evidence_up_to);
        match known.forget(is_evidence_pending, self.revision + 1)? {
            Some(erased) => Ok(self.write_subject(erased, true, record)),
            None => Ok(self.unchanged(revision, record)),
        }
    }

    fn write_subject(&mut self, subject: Subject, restricting: bool, record: Uuid) -> Written {
        let written = self.write_change(Some(subject.id), restricting, record);
        self.subjects.insert(subject.id, subject.clone());
        self.entries.subjects.insert(subject.id, subject);
        written
    }

    fn write_change(&mut self, subject: Option<Uuid>, restricting: bool, record: Uuid) -> Written {
        self.revision += 1;
        self.entries.changes.push(Change {
            revision: self.revision,
            subject,
            restricting,
            at: self.at,
        });
        self.unchanged(self.revision, record)
    }

    fn write_evidence(&mut self, written: &Written, policy: &PolicyName, event: Event) {
        self.entries.evidence.push(Evidence {
            id: written.record,
            revision: written.revision,
            policy_version: policy.to_string(),
            event,
            at: written.at,
        });
    }

    fn unchanged(&self, revision: u64, record: Uuid) -> Written {
        Written {
            revision,
            at: self.at,
            record,
            policy: None,
        }
    }

    fn policy_name(&self, number: u64) -> PolicyName {
        PolicyName {
            tenant: self.tenant.clone(),
            number,
        }
    }
}

impl Entries {
    /// The persons of whom nothing may be left but their id.
    pub(crate) fn erased(&self) -> Vec<Uuid> {
        let erased = self.subjects.values();
        erased
            .filter(|it| it.standing == Standing::Erased)
            .map(|it| it.id)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixture::{GIVE, choose, enrol, forget, publish};

    const ANN: Uuid = Uuid::from_u128(1);
    const RECORD: Uuid = Uuid::from_u128(77);

    fn book() -> Book {
        Book::open("default", 10, 5_000)
    }

    /// The revision each wish was answered with, or its refusal.
    fn fulfil(book: &mut Book, wishes: Vec<Wish>) -> Vec<Result<u64, Error>> {
        let answers = wishes.into_iter().map(|it| book.fulfil(it, RECORD));
        answers.map(|it| it.map(|it| it.revision)).collect()
    }

    #[test]
    fn every_change_is_one_revision_and_nothing_else_is() {
        let mut book = book();
        let wishes = vec![
            publish("a"),
            publish("a"),
            publish("bb"),
            enrol(ANN, "US"),
            enrol(ANN, "US"),
            enrol(ANN, "DE"),
            choose(ANN, GIVE),
            Wish::Quarantine { subject: ANN },
            Wish::Quarantine { subject: ANN },
            choose(ANN, Choice::Refuse),
            choose(ANN, Choice::Withdraw),
            Wish::Quarantine {
                subject: Uuid::from_u128(2),
            },
        ];
        assert_eq!(
            fulfil(&mut book, wishes),
            [
                Ok(11),
                Ok(11),
                Ok(12),
                Ok(13),
                Ok(13),
                Err(Error::SubjectExists),
                Ok(14),
                Ok(15),
                Ok(15),
                Err(Error::Quarantined),
                Ok(16),
                Err(Error::SubjectUnknown),
            ]
        );
        let revisions: Vec<u64> = book.entries.changes.iter().map(|it| it.revision).collect();
        assert_eq!(revisions, [11, 12, 13, 14, 15, 16]);
        assert_eq!(book.revision(), 16);
    }

    #[test]
    fn quarantine_and_withdrawal_restrict_and_consent_does_not() {
        let mut book = book();
        let wishes = vec![
            enrol(ANN, "US"),
            choose(ANN, GIVE),
            choose(ANN, Choice::Withdraw),
            Wish::Quarantine { subject: ANN },
        ];
        fulfil(&mut book, wishes);
        let restricting: Vec<bool> = book
            .entries
            .changes
            .iter()
            .map(|it| it.restricting)
            .collect();
        assert_eq!(restricting, [false, false, true, true]);
    }

    #[test]
    fn a_consent_has_to_end_later_than_it_begins() {
        let mut book = book();
        let until = |at| {
            choose(
                ANN,
                Choice::Give {
                    expires_at: Some(at),
                },
            )
        };
        let wishes = vec![enrol(ANN, "US"), until(5_000), until(5_001)];
        assert_eq!(
            fulfil(&mut book, wishes),
            [Ok(11), Err(Error::Invalid("expires_at")), Ok(12)]
        );
    }

    #[test]
    fn consents_and_publications_leave_evidence_of_their_own_revision() {
        let mut book = book();
        fulfil(
            &mut book,
            vec![publish("a"), enrol(ANN, "US"), choose(ANN, Choice::Refuse)],
        );
        let evidence = &book.entries.evidence;
        let seen: Vec<_> = evidence.iter().map(|it| (it.revision, it.id)).collect();
        assert_eq!(seen, [(11, RECORD), (13, RECORD)]);
        assert_eq!(evidence[0].policy_version, "v1");
        assert!(matches!(
            &evidence[1].event,
            Event::Chosen {
                state: State::Refused,
                ..
            }
        ));
    }

    #[test]
    fn a_version_published_twice_in_a_row_is_one_and_its_return_is_another() {
        let mut book = book();
        let named = |book: &mut Book, text| {
            let policy = book.fulfil(publish(text), RECORD).unwrap().policy;
            policy.map(|it| it.number)
        };
        assert_eq!(named(&mut book, "a"), Some(1));
        assert_eq!(named(&mut book, "a"), Some(1));
        assert_eq!(named(&mut book, "bb"), Some(2));
        assert_eq!(named(&mut book, "a"), Some(3));
    }

    #[test]
    fn the_numbers_of_a_tenant_go_on_after_those_it_inherited() {
        for inherited in [0, 2] {
            let mut book = Book::open("acme", 10, 5_000).with_inherited(inherited);
            for (text, number) in [("a", inherited + 1), ("bb", inherited + 2)] {
                let policy = book.fulfil(publish(text), RECORD).unwrap().policy.unwrap();
                assert_eq!((policy.tenant.as_str(), policy.number), ("acme", number));
            }
        }
    }

    #[test]
    fn nobody_is_forgotten_while_evidence_that_is_waited_for_is_on_its_way() {
        let mut book = book();
        let wishes = vec![
            forget(ANN, 0),
            enrol(ANN, "US"),
            forget(ANN, 0),
            Wish::Quarantine { subject: ANN },
            choose(ANN, Choice::Withdraw),
        ];
        assert_eq!(
            fulfil(&mut book, wishes),
            [Ok(10), Ok(11), Err(Error::NotQuarantined), Ok(12), Ok(13)]
        );
        let left = book.subjects.remove(&ANN).unwrap();
        for (oldest, expected) in [
            (vec![(ANN, 12)], Err(Error::EvidencePending)),
            (vec![(ANN, 13)], Err(Error::EvidencePending)),
            (vec![(ANN, 14)], Ok(14)),
            (vec![], Ok(14)),
        ] {
            let book = Book::open("default", 13, 6_000);
            let mut book = book.with_subjects(vec![left.clone()], oldest);
            let answers = fulfil(&mut book, vec![forget(ANN, 13), forget(ANN, 13)]);
            assert_eq!(answers, [expected.clone(), expected.clone()]);
            if expected.is_ok() {
                assert_eq!(book.entries.erased(), [ANN]);
                assert!(book.entries.changes[0].restricting);
            }
        }
    }
}
