//! What a tenant's rows become when the wishes of callers are fulfilled one after the other.
//!
//! The store opens a book under the tenant's lock, hands it the wishes of one batch, and writes
//! down what the book then says: one revision for each wish that changed something.

use std::collections::{BTreeMap, HashMap};

use policy::Acceptance as Kind;
use uuid::Uuid;

use crate::{
    acceptance::{Acceptance, Accepted},
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
    pub(crate) acceptances: Vec<Acceptance>,
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
                let accepted = facts.accepted.clone().or_else(|| facts.ahead.clone());
                match Subject::enrol(known, subject, facts, self.revision + 1)? {
                    Some(enrolled) => {
                        let written = self.write_subject(enrolled, false, record);
                        if let Some(accepted) = accepted {
                            self.write_acceptance(subject, accepted, None);
                        }
                        Ok(written)
                    }
                    None => Ok(self.unchanged(enrolled_in, record)),
                }
            }
            Wish::Accept {
                subject,
                accepted,
                in_force,
            } => {
                let known = self.known(subject)?;
                let after = known.accept(accepted.clone(), in_force, self.revision + 1)?;
                let written = self.write_subject(after, false, record);
                self.write_acceptance(subject, accepted, None);
                Ok(written)
            }
            Wish::Notify { subject, policy } => {
                let known = self.known(subject)?;
                let revision = known.revision;
                match known.notify(policy, self.revision + 1)? {
                    Some(told) => Ok(self.write_subject(told, false, record)),
                    None => Ok(self.unchanged(revision, record)),
                }
            }
            Wish::GoOn { subject, in_force } => self.go_on(subject, in_force, record),
            Wish::Choose {
                scope,
                choice,
                policy,
            } => self.choose(scope, choice, policy, record),
            Wish::Quarantine { subject } => {
                let known = self.known(subject)?;
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

    fn go_on(&mut self, subject: Uuid, in_force: u64, record: Uuid) -> Result<Written, Error> {
        let known = self.known(subject)?;
        let revision = known.revision;
        let Some((after, notice)) = known.go_on(in_force, self.revision + 1)? else {
            return Ok(self.unchanged(revision, record));
        };
        let mut written = self.write_subject(after, false, record);
        let accepted = Accepted {
            policy: notice.policy.clone(),
            kind: Kind::ContinuedUse,
        };
        self.write_acceptance(subject, accepted, Some(notice.revision));
        written.policy = Some(notice.policy);
        Ok(written)
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

    fn known(&self, subject: Uuid) -> Result<&Subject, Error> {
        self.subjects.get(&subject).ok_or(Error::SubjectUnknown)
    }

    /// Writes what the newest revision accepted.
    fn write_acceptance(&mut self, subject: Uuid, accepted: Accepted, noticed_in: Option<u64>) {
        self.entries.acceptances.push(Acceptance {
            subject,
            accepted,
            noticed_in,
            revision: self.revision,
            at: self.at,
        });
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
mod tests;
