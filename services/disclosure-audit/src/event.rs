//! What the log records: the closed set of events, and the payload an entry commits to.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::context::Context;
use crate::hold::{HoldLift, HoldOrder, RetentionStatement};
use crate::vocabulary::{
    are_categories, is_key, is_policy_version, is_purpose, is_recipient_id, is_spiffe_id,
};

const CLAUSES_MAX: usize = 64;
const OWNER_KINDS: [&str; 2] = ["subject", "order"];

/// One thing that happened, or is about to. It names categories and references, never a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Event {
    /// Personal data leaves a vault for use within the company.
    Use(Release),
    /// Personal data leaves a vault for a registered party.
    Disclosure(Disclosure),
    /// A consent was given, refused or withdrawn.
    #[serde(rename = "consent_event")]
    Consent(ConsentChange),
    /// A policy version became the tenant's current one.
    PolicyVersion(PolicyPublication),
    /// A key no longer exists.
    KeyDestroyed(KeyDestruction),
    /// A signed statement was made.
    Certificate(Certificate),
    /// It was forbidden to shred a person.
    HoldPlaced(HoldOrder),
    /// A hold ended before its time.
    HoldLifted(HoldLift),
    /// The tenant stated how long it keeps evidence.
    RetentionSet(RetentionStatement),
}

/// Personal data about to leave a vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Release {
    pub(crate) subject_id: Uuid,
    /// The SPIFFE id of the caller that receives the values.
    pub(crate) holder: String,
    pub(crate) purpose: String,
    pub(crate) categories: Vec<String>,
    /// The policy's clause keys that permit it.
    pub(crate) clauses: Vec<String>,
    pub(crate) policy_version: String,
    /// The consent revision the decision used.
    pub(crate) revision: u64,
    pub(crate) grant_id: Uuid,
    pub(crate) order_id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) context: Option<Box<Context>>,
}

/// A release to a registered party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Disclosure {
    pub(crate) recipient: Addressee,
    pub(crate) release: Release,
}

/// The party as it was when the disclosure was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Addressee {
    pub(crate) id: String,
    /// The kind the decision was made for.
    pub(crate) kind: String,
    /// From the register; empty until the disclosure is admitted.
    pub(crate) name: String,
    /// From the register; empty until the disclosure is admitted.
    pub(crate) country: String,
}

/// A consent given, refused or withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConsentChange {
    pub(crate) subject_id: Uuid,
    /// The W3C DPV state reached, such as `ConsentGiven`.
    pub(crate) state: String,
    pub(crate) purpose: String,
    /// `None` for a consent to the company itself.
    pub(crate) recipient_id: Option<String>,
    pub(crate) policy_version: String,
    pub(crate) revision: u64,
}

/// A policy version becoming the tenant's current one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PolicyPublication {
    pub(crate) policy_version: String,
    /// Lowercase hex SHA-256 of the policy file's bytes.
    pub(crate) digest: String,
}

/// A key that no longer exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyDestruction {
    pub(crate) key_id: Uuid,
    /// `subject` or `order`.
    pub(crate) owner_kind: String,
    pub(crate) owner_id: Uuid,
    /// The log's own entries that nobody can open any more; `None` for another service's key.
    #[serde(flatten)]
    pub(crate) covers: Option<Covered>,
}

/// The entries that were sealed under a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Covered {
    /// How many they are.
    pub(crate) entries: u64,
    /// Lowercase hex of the RFC 6962 root over their leaf hashes, in their order.
    pub(crate) entries_root: String,
}

/// A signed statement entered in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Certificate {
    /// What it certifies, such as `erasure`.
    pub(crate) certifies: String,
    /// Lowercase hex SHA-256 of the certificate's bytes.
    pub(crate) digest: String,
}

/// What an entry commits to: the event with the circumstances of its recording.
///
/// It becomes JSON with the members in the order below, once. Those bytes are stored and hashed:
/// nothing ever encodes a payload again to compare it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Payload {
    pub(crate) tenant: String,
    /// Unix milliseconds.
    pub(crate) recorded_at: i64,
    /// The SPIFFE id of the caller that asked for the record. This service's own name for a key it
    /// destroyed itself: whoever had it shredded, the destruction is recorded once.
    pub(crate) recorded_by: String,
    /// Counts the subject's entries from 1: whoever holds two of them knows how many lie between.
    pub(crate) subject_sequence: Option<u64>,
    /// Lowercase hex of the commitment of the subject's entry before this one.
    pub(crate) previous_commitment: Option<String>,
    pub(crate) event: Event,
}

impl Event {
    /// Whether every field is well-formed; if not, the name of the first that is not.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        match self {
            Self::Use(release) => release.check(),
            Self::Disclosure(disclosure) => disclosure.check(),
            Self::Consent(change) => change.check(),
            Self::PolicyVersion(publication) => first_broken(&[(
                "policy_publication.policy_version",
                is_policy_version(&publication.policy_version),
            )]),
            Self::KeyDestroyed(destruction) => first_broken(&[(
                "key_destruction.owner_kind",
                OWNER_KINDS.contains(&destruction.owner_kind.as_str()),
            )]),
            Self::Certificate(certificate) => first_broken(&[(
                "certificate.kind",
                is_key(&certificate.certifies, 64, b"._-"),
            )]),
            Self::HoldPlaced(order) => order.check(),
            Self::HoldLifted(_) => Ok(()),
            Self::RetentionSet(statement) => statement.check(),
        }
    }

    /// The person whose key seals it; `None` when it belongs to the tenant's own evidence, which
    /// must outlive every person.
    pub(crate) fn subject_id(&self) -> Option<Uuid> {
        match self {
            Self::Use(release) => Some(release.subject_id),
            Self::Disclosure(disclosure) => Some(disclosure.release.subject_id),
            Self::Consent(change) => Some(change.subject_id),
            Self::PolicyVersion(_)
            | Self::KeyDestroyed(_)
            | Self::Certificate(_)
            | Self::HoldPlaced(_)
            | Self::HoldLifted(_)
            | Self::RetentionSet(_) => None,
        }
    }

    /// The person whose standing decides whether it may be recorded.
    pub(crate) fn about(&self) -> Option<Uuid> {
        match self {
            Self::HoldPlaced(order) => Some(order.subject_id),
            _ => self.subject_id(),
        }
    }
}

impl Release {
    fn check(&self) -> Result<(), &'static str> {
        let is_clause = |clause: &String| is_key(clause, 100, b".-");
        let are_clauses = (1..=CLAUSES_MAX).contains(&self.clauses.len());
        first_broken(&[
            ("release.holder", is_spiffe_id(&self.holder)),
            ("release.purpose", is_purpose(&self.purpose)),
            ("release.categories", are_categories(&self.categories)),
            (
                "release.clauses",
                are_clauses && self.clauses.iter().all(is_clause),
            ),
            (
                "release.policy_version",
                is_policy_version(&self.policy_version),
            ),
        ])?;
        self.context.as_ref().map_or(Ok(()), |it| it.check())
    }
}

impl KeyDestruction {
    /// Whether both are of one key. What it covers is not part of that: an older record of the same
    /// destruction may not say it.
    pub(crate) fn is_same_key(&self, other: &Self) -> bool {
        let name = |it: &Self| (it.key_id, it.owner_kind.clone(), it.owner_id);
        name(self) == name(other)
    }
}

impl Disclosure {
    fn check(&self) -> Result<(), &'static str> {
        first_broken(&[
            ("release.recipient_id", is_recipient_id(&self.recipient.id)),
            (
                "release.recipient_kind",
                is_key(&self.recipient.kind, 64, b"_"),
            ),
        ])?;
        self.release.check()
    }
}

impl ConsentChange {
    fn check(&self) -> Result<(), &'static str> {
        let state = self.state.to_ascii_lowercase();
        first_broken(&[
            ("consent_change.state", is_key(&state, 64, b"")),
            ("consent_change.purpose", is_purpose(&self.purpose)),
            (
                "consent_change.recipient_id",
                self.recipient_id.as_deref().is_none_or(is_recipient_id),
            ),
            (
                "consent_change.policy_version",
                is_policy_version(&self.policy_version),
            ),
        ])
    }
}

impl Payload {
    /// The bytes that are committed to and stored.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings, numbers and ids always have a JSON form")
    }

    /// Reads stored bytes; `None` if they are not a payload.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

/// Lowercase hex, as digests and commitments stand in a payload.
pub(crate) fn hex(bytes: &[u8]) -> String {
    hex::encode(bytes)
}

/// The first field whose rule does not hold.
pub(crate) fn first_broken(rules: &[(&'static str, bool)]) -> Result<(), &'static str> {
    match rules.iter().find(|(_, holds)| !holds) {
        Some((field, _)) => Err(field),
        None => Ok(()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn release() -> Release {
        Release {
            subject_id: Uuid::from_u128(1),
            holder: "spiffe://vow.local/workload/newsletter".into(),
            purpose: "marketing.communications.email".into(),
            categories: vec!["user.contact.email".into()],
            clauses: vec!["disclose.providers-with-permission".into()],
            policy_version: "1".into(),
            revision: 4,
            grant_id: Uuid::from_u128(2),
            order_id: None,
            context: None,
        }
    }

    pub(crate) fn disclosure() -> Disclosure {
        Disclosure {
            recipient: Addressee {
                id: "mail-house".into(),
                kind: "service_provider".into(),
                name: String::new(),
                country: String::new(),
            },
            release: release(),
        }
    }

    fn consent_change() -> ConsentChange {
        ConsentChange {
            subject_id: Uuid::from_u128(1),
            state: "ConsentGiven".into(),
            purpose: "marketing.communications.email".into(),
            recipient_id: Some("mail-house".into()),
            policy_version: "1".into(),
            revision: 4,
        }
    }

    #[test]
    fn well_formed_events_are_accepted() {
        for event in [
            Event::Use(release()),
            Event::Disclosure(disclosure()),
            Event::Consent(consent_change()),
            Event::PolicyVersion(PolicyPublication {
                policy_version: "1".into(),
                digest: hex(&[7; 32]),
            }),
            Event::KeyDestroyed(KeyDestruction {
                key_id: Uuid::from_u128(3),
                owner_kind: "order".into(),
                owner_id: Uuid::from_u128(4),
                covers: None,
            }),
            Event::Certificate(Certificate {
                certifies: "erasure".into(),
                digest: hex(&[7; 32]),
            }),
        ] {
            assert_eq!(event.check(), Ok(()), "{event:?}");
        }
    }

    #[test]
    fn a_malformed_disclosure_is_refused_by_field() {
        type Change = fn(&mut Disclosure);
        let cases: [(&str, Change); 10] = [
            ("release.recipient_id", |it| {
                it.recipient.id = "ada@example.org".into()
            }),
            ("release.recipient_kind", |it| it.recipient.kind.clear()),
            ("release.holder", |it| it.release.holder = "shop".into()),
            ("release.purpose", |it| it.release.purpose = "fun".into()),
            ("release.categories", |it| it.release.categories.clear()),
            ("release.categories", |it| {
                it.release.categories.push("Ada".into())
            }),
            ("release.clauses", |it| it.release.clauses.clear()),
            ("release.clauses", |it| {
                it.release.clauses = vec!["a".into(); 65]
            }),
            ("release.clauses", |it| {
                it.release.clauses.push("+1 555".into())
            }),
            ("release.policy_version", |it| {
                it.release.policy_version.clear()
            }),
        ];
        for (field, change) in cases {
            let mut disclosure = disclosure();
            change(&mut disclosure);
            assert_eq!(Event::Disclosure(disclosure).check(), Err(field));
        }
    }

    #[test]
    fn a_malformed_consent_change_is_refused_by_field() {
        type Change = fn(&mut ConsentChange);
        let cases: [(&str, Change); 4] = [
            ("consent_change.state", |it| {
                it.state = "Consent Given".into()
            }),
            ("consent_change.purpose", |it| it.purpose.clear()),
            ("consent_change.recipient_id", |it| {
                it.recipient_id = Some(String::new())
            }),
            ("consent_change.policy_version", |it| {
                it.policy_version = "a b".into()
            }),
        ];
        for (field, change) in cases {
            let mut consent_change = consent_change();
            change(&mut consent_change);
            assert_eq!(Event::Consent(consent_change).check(), Err(field));
        }
    }

    #[test]
    fn a_payload_has_its_members_in_the_one_order() {
        let payload = Payload {
            tenant: "default".into(),
            recorded_at: 1_700_000_000_123,
            recorded_by: "spiffe://vow.local/workload/identity".into(),
            subject_sequence: None,
            previous_commitment: None,
            event: Event::KeyDestroyed(KeyDestruction {
                key_id: Uuid::nil(),
                owner_kind: "subject".into(),
                owner_id: Uuid::nil(),
                covers: Some(Covered {
                    entries: 3,
                    entries_root: hex(&[7; 2]),
                }),
            }),
        };
        let expected = concat!(
            r#"{"tenant":"default","recorded_at":1700000000123,"#,
            r#""recorded_by":"spiffe://vow.local/workload/identity","#,
            r#""subject_sequence":null,"previous_commitment":null,"#,
            r#""event":{"kind":"key_destroyed","key_id":"00000000-0000-0000-0000-000000000000","#,
            r#""owner_kind":"subject","owner_id":"00000000-0000-0000-0000-000000000000","#,
            r#""entries":3,"entries_root":"0707"}}"#,
        );
        let bytes = payload.to_bytes();
        assert_eq!(String::from_utf8(bytes.clone()).unwrap(), expected);
        assert_eq!(Payload::parse(&bytes), Some(payload));
    }
}
