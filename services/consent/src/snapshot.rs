//! All that decisions need, in memory: every tenant's policies and persons at one revision.
//!
//! The follower alone writes it, a whole delta at a time, so that a decision sees a tenant exactly
//! as it was at the revision it names.

mod tenant;

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

use policy::Rulebook;

use crate::{
    book::PolicyHead,
    consent::Consent,
    decision::{Decision, Reason},
    error::Error,
    question::Question,
    subject::{PolicyName, Subject},
};
use tenant::Tenant;

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

    /// The versions that judge a tenant, oldest first: its own, or those of the default tenant.
    pub(crate) fn versions(&self, tenant: &str) -> Vec<Version> {
        versions(&self.read(), tenant).to_vec()
    }

    /// The version that judges a tenant now.
    pub(crate) fn current(&self, tenant: &str) -> Option<Version> {
        versions(&self.read(), tenant).last().cloned()
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
        let published = versions(&tenants, tenant);
        let Some(current) = published.last() else {
            // Nobody can have named a version that exists.
            return match question.pinned {
                Some(_) => Err(Error::PolicyVersionUnknown),
                None => Ok(Decision::deny(Reason::PolicyNotPublished, state.revision)),
            };
        };
        if let Some(pinned) = &question.pinned
            && *pinned != current.name.to_string()
        {
            if !published.iter().any(|it| it.name.to_string() == *pinned) {
                return Err(Error::PolicyVersionUnknown);
            }
            return Ok(Decision {
                clauses: vec![POLICY_CHANGES.to_owned()],
                policy_version: current.name.to_string(),
                ..Decision::deny(Reason::PolicyVersionSuperseded, state.revision)
            });
        }
        let known = state.subjects.get(&question.subject);
        let accepted = known
            .and_then(|it| it.accepted.as_ref())
            .filter(|it| ***it != current.name)
            .map(|it| version(&tenants, it).ok_or(Error::NotFresh))
            .transpose()?;
        let judges: Vec<&Version> = [Some(current), accepted].into_iter().flatten().collect();
        Ok(state.judge(&judges, known, question, recipient_kind, now))
    }

    /// The refusal of a recipient that its registration does not cover, by the clause of its kind.
    pub(crate) fn refuse_recipient(
        &self,
        tenant: &str,
        recipient_kind: Option<&str>,
        reason: Reason,
    ) -> Decision {
        let tenants = self.read();
        let mut decision = Decision::deny(reason, tenants.get(tenant).map_or(0, |it| it.revision));
        let Some(current) = versions(&tenants, tenant).last() else {
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

fn versions<'a>(tenants: &'a HashMap<String, Tenant>, tenant: &str) -> &'a [Version] {
    let published = |it| tenants.get(it).map_or(&[][..], |it: &Tenant| &it.versions);
    match published(tenant) {
        [] => published(DEFAULT_TENANT),
        own => own,
    }
}

fn version<'a>(tenants: &'a HashMap<String, Tenant>, name: &PolicyName) -> Option<&'a Version> {
    let published = &tenants.get(&name.tenant)?.versions;
    published.iter().find(|it| it.name.number == name.number)
}

#[cfg(test)]
mod tests {
    use std::mem;

    use uuid::Uuid;

    use super::*;
    use crate::{
        book::Book,
        consent::{Choice, Scope},
        question::Action,
        store::fixture::{GIVE, NEWSLETTER, POLICY, choose, enrol, first_version, publish},
        wish::Wish,
    };

    const ANN: Uuid = Uuid::from_u128(1);
    const NOW: u64 = 1_800_000_000;
    const PERMIT: Result<Option<&str>, Error> = Ok(None);

    /// A tenant whose wishes reach a snapshot as the store would hand them over.
    struct Told {
        book: Book,
        tenant: String,
    }

    impl Told {
        fn of(tenant: &str) -> Self {
            Self {
                book: Book::open(tenant, 0, 0),
                tenant: tenant.to_owned(),
            }
        }

        fn tell(&mut self, snapshot: &Snapshot, wishes: Vec<Wish>) {
            for wish in wishes {
                self.book.fulfil(wish, Uuid::from_u128(77)).unwrap();
            }
            let entries = mem::take(&mut self.book.entries);
            let delta = Delta {
                tenant: self.tenant.clone(),
                revision: self.book.revision(),
                policies: entries.policies,
                subjects: entries.subjects.into_values().collect(),
                consents: entries.consents.into_values().collect(),
            };
            snapshot.apply(delta).unwrap();
        }
    }

    fn newsletter() -> Question {
        Question {
            subject: ANN,
            action: Action::Disclose {
                recipient: "mailer".to_owned(),
            },
            purpose: NEWSLETTER.to_owned(),
            categories: vec!["user.contact.email".to_owned()],
            order: None,
            pinned: None,
        }
    }

    /// The policy with the newsletter taken out of what providers may get.
    fn without_newsletter() -> String {
        let both = r#"["marketing.communications.email", "marketing.communications.survey"]"#;
        assert!(POLICY.contains(both));
        POLICY.replace(both, r#"["marketing.communications.survey"]"#)
    }

    /// What Ann says about a purpose, to whomever the data would go.
    fn choose_in_general(purpose: &str, choice: Choice) -> Wish {
        Wish::Choose {
            scope: Scope {
                subject: ANN,
                purpose: purpose.to_owned(),
                recipient: None,
            },
            choice,
            policy: first_version(),
        }
    }

    /// No reason on a permit.
    fn ask(
        snapshot: &Snapshot,
        tenant: &str,
        question: &Question,
    ) -> Result<Option<&'static str>, Error> {
        let decided = snapshot.decide(tenant, question, Some("service_provider"), NOW);
        decided.map(|it| it.refusal.map(Reason::as_str))
    }

    #[test]
    fn each_change_is_obeyed_by_the_next_question() {
        let (snapshot, mut told) = (Snapshot::default(), Told::of("default"));
        let until = |seconds: u64| Choice::Give {
            expires_at: Some(seconds as i64 * 1_000),
        };
        let renewed = || choose(ANN, GIVE);
        for (wishes, expected) in [
            (vec![], Some("POLICY_NOT_PUBLISHED")),
            (vec![publish(POLICY)], Some("SUBJECT_UNKNOWN")),
            (vec![enrol(ANN, "US")], Some("NO_CONSENT")),
            (vec![choose(ANN, GIVE)], None),
            (vec![choose(ANN, Choice::Withdraw)], Some("NO_CONSENT")),
            (vec![choose(ANN, Choice::Refuse)], Some("NO_CONSENT")),
            (vec![choose(ANN, until(NOW))], Some("CONSENT_EXPIRED")),
            (vec![choose(ANN, until(NOW + 1))], None),
            (
                vec![publish(&without_newsletter())],
                Some("RECIPIENT_PURPOSE"),
            ),
            (vec![publish(POLICY), renewed()], None),
            (vec![Wish::Quarantine { subject: ANN }], Some("QUARANTINED")),
        ] {
            told.tell(&snapshot, wishes);
            assert_eq!(ask(&snapshot, "default", &newsletter()), Ok(expected));
        }
    }

    #[test]
    fn a_category_outside_the_vocabulary_is_refused_by_its_clause() {
        let (snapshot, mut told) = (Snapshot::default(), Told::of("default"));
        told.tell(&snapshot, vec![publish(POLICY), enrol(ANN, "US")]);
        let question = Question {
            action: Action::Collect {
                point: "site_registration".to_owned(),
                act: "typed".to_owned(),
            },
            purpose: "essential.service".to_owned(),
            categories: vec!["user.fingerprint".to_owned()],
            ..newsletter()
        };
        let decided = snapshot.decide("default", &question, None, NOW).unwrap();
        let reason = decided.refusal.map(Reason::as_str);
        assert_eq!(reason, Some("CATEGORY_NOT_DECLARED"));
        assert_eq!(decided.clauses, ["collect.declared-only"]);
    }

    #[test]
    fn an_erased_person_is_refused_and_nothing_of_it_is_kept() {
        let (snapshot, mut told) = (Snapshot::default(), Told::of("default"));
        told.tell(&snapshot, vec![publish(POLICY), enrol(ANN, "US")]);
        let quarantined = Wish::Quarantine { subject: ANN };
        told.tell(&snapshot, vec![quarantined, Wish::Forget { subject: ANN }]);
        assert_eq!(
            ask(&snapshot, "default", &newsletter()),
            Ok(Some("SUBJECT_ERASED"))
        );
    }

    #[test]
    fn the_current_and_the_accepted_version_must_both_permit() {
        let (snapshot, mut told) = (Snapshot::default(), Told::of("default"));
        let accept = |number| Wish::Accept {
            subject: ANN,
            policy: PolicyName {
                tenant: "default".to_owned(),
                number,
            },
        };
        let begun = vec![
            publish(&without_newsletter()),
            enrol(ANN, "US"),
            choose(ANN, GIVE),
            accept(1),
            publish(POLICY),
        ];
        told.tell(&snapshot, begun);
        let decided = snapshot.decide("default", &newsletter(), Some("service_provider"), NOW);
        let decided = decided.unwrap();
        assert_eq!(
            decided.refusal.map(Reason::as_str),
            Some("RECIPIENT_PURPOSE")
        );
        assert_eq!(decided.policy_version, "v1");
        told.tell(&snapshot, vec![accept(2)]);
        assert_eq!(ask(&snapshot, "default", &newsletter()), PERMIT);
    }

    #[test]
    fn a_pinned_version_has_to_be_the_current_one() {
        let (snapshot, mut told) = (Snapshot::default(), Told::of("default"));
        let begun = vec![
            publish(&without_newsletter()),
            publish(POLICY),
            enrol(ANN, "US"),
            choose(ANN, GIVE),
        ];
        told.tell(&snapshot, begun);
        for (pinned, expected) in [
            ("v2", PERMIT),
            ("v1", Ok(Some("POLICY_VERSION_SUPERSEDED"))),
            ("v3", Err(Error::PolicyVersionUnknown)),
            ("latest", Err(Error::PolicyVersionUnknown)),
        ] {
            let question = Question {
                pinned: Some(pinned.to_owned()),
                ..newsletter()
            };
            assert_eq!(ask(&snapshot, "default", &question), expected);
        }
    }

    #[test]
    fn a_tenant_is_judged_by_the_default_policy_until_it_has_its_own() {
        let snapshot = Snapshot::default();
        let (mut default, mut acme) = (Told::of("default"), Told::of("acme"));
        default.tell(&snapshot, vec![publish(POLICY)]);
        acme.tell(&snapshot, vec![enrol(ANN, "US"), choose(ANN, GIVE)]);
        assert_eq!(ask(&snapshot, "acme", &newsletter()), PERMIT);
        assert_eq!(
            ask(&snapshot, "default", &newsletter()),
            Ok(Some("SUBJECT_UNKNOWN"))
        );
        acme.tell(&snapshot, vec![publish(&without_newsletter())]);
        assert_eq!(
            ask(&snapshot, "acme", &newsletter()),
            Ok(Some("RECIPIENT_PURPOSE"))
        );
    }

    #[test]
    fn a_consent_is_for_its_recipient_and_ends_what_rests_on_it() {
        let (snapshot, mut told) = (Snapshot::default(), Told::of("default"));
        let expires_at = Some((NOW as i64 + 30) * 1_000 + 999);
        let begun = vec![
            publish(POLICY),
            enrol(ANN, "US"),
            choose(ANN, Choice::Give { expires_at }),
        ];
        told.tell(&snapshot, begun);
        let other = Question {
            action: Action::Disclose {
                recipient: "other".to_owned(),
            },
            ..newsletter()
        };
        for (question, expected, ends_at) in [
            (newsletter(), None, Some(NOW + 30)),
            (other, Some("NO_CONSENT"), None),
        ] {
            let decided = snapshot.decide("default", &question, Some("service_provider"), NOW);
            let decided = decided.unwrap();
            assert_eq!(decided.refusal.map(Reason::as_str), expected);
            assert_eq!(decided.ends_at, ends_at);
            assert_eq!(decided.clauses, ["disclose.providers-with-permission"]);
        }
    }

    #[test]
    fn a_refusal_of_a_wider_purpose_is_obeyed_by_the_next_question() {
        for refused in ["marketing", "marketing.communications", NEWSLETTER] {
            let (snapshot, mut told) = (Snapshot::default(), Told::of("default"));
            let begun = vec![publish(POLICY), enrol(ANN, "US"), choose(ANN, GIVE)];
            told.tell(&snapshot, begun);
            assert_eq!(ask(&snapshot, "default", &newsletter()), PERMIT);
            told.tell(
                &snapshot,
                vec![choose_in_general(refused, Choice::Withdraw)],
            );
            assert_eq!(
                ask(&snapshot, "default", &newsletter()),
                Ok(Some("NO_CONSENT")),
                "{refused}"
            );
        }
    }

    #[test]
    fn a_consent_that_has_ended_does_not_end_what_another_one_carries() {
        let (snapshot, mut told) = (Snapshot::default(), Told::of("default"));
        let ended = Choice::Give {
            expires_at: Some(NOW as i64 * 1_000),
        };
        let begun = vec![
            publish(POLICY),
            enrol(ANN, "US"),
            choose_in_general(NEWSLETTER, ended),
            choose(ANN, GIVE),
        ];
        told.tell(&snapshot, begun);
        let decided = snapshot.decide("default", &newsletter(), Some("service_provider"), NOW);
        let decided = decided.unwrap();
        assert_eq!((decided.refusal, decided.ends_at), (None, None));
    }

    #[test]
    fn nobody_is_judged_without_the_accepted_version() {
        let snapshot = Snapshot::default();
        let (mut default, mut acme) = (Told::of("default"), Told::of("acme"));
        default.tell(&snapshot, vec![publish(POLICY)]);
        let accepted = Wish::Accept {
            subject: ANN,
            policy: PolicyName {
                tenant: "default".to_owned(),
                number: 2,
            },
        };
        let begun = vec![enrol(ANN, "US"), choose(ANN, GIVE), accepted];
        acme.tell(&snapshot, begun);
        assert_eq!(ask(&snapshot, "acme", &newsletter()), Err(Error::NotFresh));
        default.tell(&snapshot, vec![publish(&without_newsletter())]);
        assert_eq!(
            ask(&snapshot, "acme", &newsletter()),
            Ok(Some("RECIPIENT_PURPOSE"))
        );
    }

    #[test]
    fn a_recipient_is_refused_by_the_clause_of_its_kind() {
        let (snapshot, mut told) = (Snapshot::default(), Told::of("default"));
        told.tell(&snapshot, vec![publish(POLICY)]);
        for (kind, clause) in [
            (Some("payment_processor"), "use.payment-only-for-its-order"),
            (
                Some("service_provider"),
                "disclose.providers-with-permission",
            ),
            (None, "disclose.providers-with-permission"),
        ] {
            let refused = snapshot.refuse_recipient("default", kind, Reason::RecipientExpired);
            assert_eq!(refused.refusal, Some(Reason::RecipientExpired));
            assert_eq!(refused.clauses, [clause]);
        }
    }
}
