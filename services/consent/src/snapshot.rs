//! All that decisions need, in memory: every tenant's policies and persons at one revision.
//!
//! The follower alone writes it, a whole delta at a time, so that a decision sees a tenant exactly
//! as it was at the revision it names.

mod census;
mod tenant;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

use policy::Rulebook;
use uuid::Uuid;

use crate::{
    book::PolicyHead,
    consent::Consent,
    decision::{Decision, Reason},
    error::Error,
    question::Question,
    subject::{PolicyName, Subject},
};
pub(crate) use census::Census;
use tenant::{Judge, Known, Tenant};

/// The tenant whose policy judges the tenants that have published none.
pub(crate) const DEFAULT_TENANT: &str = "default";

/// The clause that an unregistered recipient is refused by; its kind would tell, but is unknown.
const REGISTERED_RECIPIENTS: &str = "disclose.providers-with-permission";

/// The clause that a version no longer current is refused by.
const POLICY_CHANGES: &str = "policy.changes";

/// What became of a tenant between two revisions, as the store has it at the later one.
#[derive(Debug)]
pub(crate) struct Delta {
    pub(crate) tenant: String,
    pub(crate) revision: u64,
    pub(crate) policies: Vec<(PolicyHead, String)>,
    pub(crate) subjects: Vec<Subject>,
    pub(crate) consents: Vec<Consent>,
}

/// A published version, ready to be asked.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) name: PolicyName,
    pub(crate) published_at: i64,
    pub(crate) rulebook: Arc<Rulebook>,
}

/// The state of every tenant.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    tenants: RwLock<HashMap<String, Tenant>>,
}

impl Snapshot {
    /// The revision a tenant is known at; 0 when nothing is known of it.
    pub(crate) fn revision(&self, tenant: &str) -> u64 {
        self.read().get(tenant).map_or(0, |it| it.revision)
    }

    /// The versions that ever judged a tenant, oldest first: those it inherited from the default
    /// tenant until it published its own, and its own.
    pub(crate) fn versions(&self, tenant: &str) -> Vec<Version> {
        versions(&self.read(), tenant).cloned().collect()
    }

    /// The version that judges a tenant at a time in Unix seconds: the newest that holds by then.
    pub(crate) fn current(&self, tenant: &str, now: u64) -> Option<Version> {
        in_force(&self.read(), tenant, now).cloned()
    }

    /// The version that a tenant knows by a number.
    pub(crate) fn numbered(&self, tenant: &str, number: u64) -> Option<Version> {
        let tenants = self.read();
        let mut versions = versions(&tenants, tenant);
        versions.find(|it| it.name.number == number).cloned()
    }

    /// One version by its name.
    pub(crate) fn version(&self, name: &PolicyName) -> Option<Version> {
        version(&self.read(), name).cloned()
    }

    /// Takes in what became of a tenant, all at once. A policy that does not compile, which only a
    /// newer program can have published, leaves the tenant as it was.
    pub(crate) fn apply(&self, delta: Delta) -> Result<(), policy::Findings> {
        let mut versions = Vec::with_capacity(delta.policies.len());
        for (head, text) in &delta.policies {
            versions.push(Version {
                name: PolicyName {
                    tenant: delta.tenant.clone(),
                    number: head.number,
                },
                published_at: head.published_at,
                rulebook: Arc::new(policy::compile(text)?),
            });
        }
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        let tenant = tenants.entry(delta.tenant).or_default();
        tenant.versions.extend(versions);
        for subject in delta.subjects {
            tenant.apply_subject(subject);
        }
        for consent in delta.consents {
            tenant.apply_consent(&consent);
        }
        tenant.revision = delta.revision;
        Ok(())
    }

    /// Answers a question. `recipient_kind` is the kind of the recipient it names, if it names one;
    /// `now` is in Unix seconds. A pinned version that was never published is an error, and so is
    /// an accepted one that is not known yet: another tenant's, it may come later in a round.
    pub(crate) fn decide(
        &self,
        tenant: &str,
        question: &Question,
        recipient_kind: Option<&str>,
        now: u64,
    ) -> Result<Decision, Error> {
        let tenants = self.read();
        let unknown = Tenant::default();
        let state = tenants.get(tenant).unwrap_or(&unknown);
        let mut published = versions(&tenants, tenant);
        if let Some(pinned) = &question.pinned
            && !published.any(|it| it.name.to_string() == *pinned)
        {
            return Err(Error::PolicyVersionUnknown);
        }
        let Some(current) = in_force(&tenants, tenant, now) else {
            return Ok(Decision::deny(Reason::PolicyNotPublished, state.revision));
        };
        if let Some(pinned) = &question.pinned
            && *pinned != current.name.to_string()
        {
            return Ok(Decision {
                clauses: vec![POLICY_CHANGES.to_owned()],
                policy_version: current.name.to_string(),
                ..Decision::deny(Reason::PolicyVersionSuperseded, state.revision)
            });
        }
        let known = state.subjects.get(&question.subject);
        let mut judges = vec![Judge {
            version: current,
            acceptance: None,
        }];
        if let Some(accepted) = known
            .map(|it| accepted(&tenants, it, now))
            .transpose()?
            .flatten()
        {
            let (version, kind) = accepted;
            match version.name == current.name {
                true => judges[0].acceptance = Some(kind),
                false => judges.push(Judge {
                    version,
                    acceptance: Some(kind),
                }),
            }
        }
        Ok(state.judge(&judges, known, question, recipient_kind, now))
    }

    /// Everybody a tenant knows.
    pub(crate) fn persons(&self, tenant: &str) -> Vec<Uuid> {
        let tenants = self.read();
        let known = tenants.get(tenant).map(|it| it.subjects.keys().copied());
        known.map(Iterator::collect).unwrap_or_default()
    }

    /// Counts persons of a tenant by what is known of them at a time in Unix seconds.
    pub(crate) fn count(&self, tenant: &str, persons: &[Uuid], now: u64, census: &mut Census) {
        let tenants = self.read();
        let Some(state) = tenants.get(tenant) else {
            return;
        };
        let current = in_force(&tenants, tenant, now).map(|it| &it.name);
        for known in persons.iter().filter_map(|it| state.subjects.get(it)) {
            let accepted = known.accepted().find(|it| Some(&it.policy) == current);
            census.add(known.alike(accepted.map(|it| it.kind), now));
        }
    }

    /// The refusal of a recipient that its registration does not cover, by the clause of its kind.
    pub(crate) fn refuse_recipient(
        &self,
        tenant: &str,
        recipient_kind: Option<&str>,
        reason: Reason,
        now: u64,
    ) -> Decision {
        let tenants = self.read();
        let mut decision = Decision::deny(reason, tenants.get(tenant).map_or(0, |it| it.revision));
        let Some(current) = in_force(&tenants, tenant, now) else {
            return Decision {
                refusal: Some(Reason::PolicyNotPublished),
                ..decision
            };
        };
        let kind = recipient_kind.and_then(|it| current.rulebook.recipient_kind(it));
        let clause = kind.map_or(REGISTERED_RECIPIENTS, |it| &it.falls_under);
        decision.clauses.push(clause.to_owned());
        decision.policy_version = current.name.to_string();
        decision
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<String, Tenant>> {
        // A writer that panicked wrote a part of a delta; the process stops with its follower.
        self.tenants.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn versions<'a>(
    tenants: &'a HashMap<String, Tenant>,
    tenant: &str,
) -> impl DoubleEndedIterator<Item = &'a Version> {
    let published = |it| tenants.get(it).map_or(&[][..], |it: &Tenant| &it.versions);
    let (own, default) = (published(tenant), published(DEFAULT_TENANT));
    // What the default tenant publishes after a tenant's first own version is not the tenant's.
    let inherited = own.first().map_or(default.len(), |first| {
        default.partition_point(|it| it.name.number < first.name.number)
    });
    default[..inherited].iter().chain(own)
}

/// The newest version that holds at a time in Unix seconds. One that names a later day waits for
/// it, and judges nobody before.
fn in_force<'a>(
    tenants: &'a HashMap<String, Tenant>,
    tenant: &str,
    now: u64,
) -> Option<&'a Version> {
    let mut newest_first = versions(tenants, tenant).rev();
    newest_first.find(|it| it.rulebook.effective_from() <= now)
}

/// The version that a person accepted last of those that hold at a time in Unix seconds, and how.
fn accepted<'a>(
    tenants: &'a HashMap<String, Tenant>,
    known: &Known,
    now: u64,
) -> Result<Option<(&'a Version, policy::Acceptance)>, Error> {
    for accepted in known.accepted() {
        let version = version(tenants, &accepted.policy).ok_or(Error::NotFresh)?;
        if version.rulebook.effective_from() <= now {
            return Ok(Some((version, accepted.kind)));
        }
    }
    Ok(None)
}

fn version<'a>(tenants: &'a HashMap<String, Tenant>, name: &PolicyName) -> Option<&'a Version> {
    let published = &tenants.get(&name.tenant)?.versions;
    published.iter().find(|it| it.name.number == name.number)
}
