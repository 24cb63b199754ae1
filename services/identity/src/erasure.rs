//! The rule of an erasure: which step comes next, and what each one leaves behind.
//!
//! Every step can be repeated, and what it found out is kept before the next one begins. So a
//! process may die anywhere, two may work on the same erasure, and a peer may be away for days.

use std::collections::BTreeMap;

use grant::{ErasureCertificate, Retained};
use uuid::Uuid;

/// The steps in their order. The audit key goes last but for the certificate, so that everything
/// before it can still be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Consent stops every purpose for the person.
    Quarantine,
    /// The keys of the person's orders go.
    EraseOrders,
    /// The person's own key goes.
    DestroyKey,
    /// Consent forgets the person, once all evidence has reached the log.
    Forget,
    /// The key of the person's log entries goes.
    ShredLog,
    /// The certificate is signed.
    Sign,
    /// The certificate is entered in the log.
    Enter,
    /// Nothing is left to do.
    Finished,
}

/// A key that is gone, and the log entry that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyGone {
    /// The key's id.
    pub key_id: Uuid,
    /// The index of its entry.
    pub index: u64,
}

/// Why the key of the log entries is there yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DelayReason {
    /// Somebody who may ordered to keep them.
    Hold,
    /// The tenant's stated retention of evidence.
    EvidenceRetention,
}

/// What keeps the key of the log entries, which the log destroys by itself when it has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogKeyDelay {
    /// All that keep it.
    pub reasons: Vec<DelayReason>,
    /// When the last of them ends, in Unix milliseconds, if that is known.
    pub until_ms: Option<i64>,
}

/// What became of the key of the log entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogKey {
    /// There was none: nothing was ever recorded.
    None,
    /// It is gone.
    Gone(KeyGone),
    /// It is kept for now.
    Kept(LogKeyDelay),
}

/// What a finished step found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Consent permits nothing any more.
    Quarantined,
    /// These order keys are gone.
    OrdersErased(Vec<Uuid>),
    /// The person's key is gone; there is none when nothing was ever stored.
    KeyDestroyed(Option<KeyGone>),
    /// Consent has forgotten.
    Forgotten,
    /// The audit key is gone, or will go without this erasure when nothing keeps it any more.
    LogShredded {
        /// The key.
        log_key: LogKey,
        /// When, in Unix milliseconds.
        at_ms: i64,
    },
    /// The signed certificate.
    Signed(String),
    /// The id of the certificate's entry in the log.
    Entered(Uuid),
}

/// How far one erasure is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// When it was asked for, in Unix milliseconds.
    pub requested_at_ms: i64,
    /// The step to do next.
    pub next: Step,
    /// The order keys that are gone.
    pub order_keys: Vec<Uuid>,
    /// The person's own key.
    pub own_key: Option<KeyGone>,
    /// The key of the log entries.
    pub audit_key: Option<KeyGone>,
    /// What kept that key when the erasure ended.
    pub log_key_delay: Option<LogKeyDelay>,
    /// When the last key was gone, in Unix milliseconds.
    pub completed_at_ms: Option<i64>,
    /// The signed certificate, not to be handed out before it is in the log.
    pub certificate: Option<String>,
    /// The certificate's entry in the log.
    pub entry_id: Option<Uuid>,
}

impl Erasure {
    /// An erasure that has just been asked for, of a person whom consent has not quarantined.
    pub fn requested(at_ms: i64) -> Erasure {
        Erasure {
            requested_at_ms: at_ms,
            next: Step::Quarantine,
            order_keys: Vec::new(),
            own_key: None,
            audit_key: None,
            log_key_delay: None,
            completed_at_ms: None,
            certificate: None,
            entry_id: None,
        }
    }

    /// An erasure that has just been asked for, of a person whom consent has quarantined already.
    pub fn quarantined(at_ms: i64) -> Erasure {
        Erasure {
            next: Step::EraseOrders,
            ..Erasure::requested(at_ms)
        }
    }

    /// Takes the outcome of the next step in, and says whether it was that step's. An outcome of
    /// another step is of one already done: somebody else working on the same erasure was faster.
    pub fn advance(&mut self, outcome: Outcome) -> bool {
        self.next = match (self.next, outcome) {
            (Step::Quarantine, Outcome::Quarantined) => Step::EraseOrders,
            (Step::EraseOrders, Outcome::OrdersErased(keys)) => {
                self.order_keys = keys;
                Step::DestroyKey
            }
            (Step::DestroyKey, Outcome::KeyDestroyed(key)) => {
                self.own_key = key;
                Step::Forget
            }
            (Step::Forget, Outcome::Forgotten) => Step::ShredLog,
            (Step::ShredLog, Outcome::LogShredded { log_key, at_ms }) => {
                match log_key {
                    LogKey::None => {}
                    LogKey::Gone(key) => self.audit_key = Some(key),
                    LogKey::Kept(delay) => self.log_key_delay = Some(delay),
                }
                self.completed_at_ms = Some(at_ms);
                Step::Sign
            }
            (Step::Sign, Outcome::Signed(certificate)) => {
                self.certificate = Some(certificate);
                Step::Enter
            }
            (Step::Enter, Outcome::Entered(entry_id)) => {
                self.entry_id = Some(entry_id);
                Step::Finished
            }
            _ => return false,
        };
        true
    }

    /// The statement to sign when every key is gone that nothing keeps.
    pub fn certificate(&self, tenant: &str, subject: Uuid) -> ErasureCertificate {
        let key_ids = |key: Option<KeyGone>| key.map(|it| it.key_id).into_iter().collect();
        let keys = [self.own_key, self.audit_key];
        ErasureCertificate {
            iss: ErasureCertificate::ISSUER.to_owned(),
            tenant: tenant.to_owned(),
            subject,
            requested_at: seconds(self.requested_at_ms),
            completed_at: seconds(self.completed_at_ms.unwrap_or(self.requested_at_ms)),
            destroyed_keys: BTreeMap::from([
                ("payments-data".to_owned(), self.order_keys.clone()),
                ("identity".to_owned(), key_ids(self.own_key)),
                ("disclosure-audit".to_owned(), key_ids(self.audit_key)),
            ]),
            log_entries: keys.iter().flatten().map(|it| it.index).collect(),
            retained: retained(self.log_key_delay.as_ref()),
        }
    }
}

fn retained(log_key_delay: Option<&LogKeyDelay>) -> Vec<Retained> {
    let always = [
        (
            "the person's random id, marked as erased",
            "so that it is never given to anyone again",
        ),
        (
            "log entries that nobody can read any more",
            "so that every proof given before still verifies",
        ),
    ]
    .map(|(what, why)| Retained {
        what: what.to_owned(),
        why: why.to_owned(),
        until: None,
    });
    let kept = log_key_delay.map(|delay| Retained {
        what: "the key of the person's log entries, which is destroyed then".to_owned(),
        why: delay.words().join(" and "),
        until: delay.until_ms.map(seconds),
    });
    always.into_iter().chain(kept).collect()
}

impl LogKeyDelay {
    fn words(&self) -> Vec<&'static str> {
        let word = |it: &DelayReason| match it {
            DelayReason::Hold => "a hold",
            DelayReason::EvidenceRetention => "the stated retention of evidence",
        };
        self.reasons.iter().map(word).collect()
    }
}

fn seconds(at_ms: i64) -> u64 {
    u64::try_from(at_ms / 1000).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: KeyGone = KeyGone {
        key_id: Uuid::from_u128(1),
        index: 11,
    };
    const AUDIT: KeyGone = KeyGone {
        key_id: Uuid::from_u128(2),
        index: 12,
    };

    fn outcomes() -> Vec<(Step, Outcome)> {
        let shredded = Outcome::LogShredded {
            log_key: LogKey::Gone(AUDIT),
            at_ms: 9_999,
        };
        vec![
            (Step::Quarantine, Outcome::Quarantined),
            (
                Step::EraseOrders,
                Outcome::OrdersErased(vec![Uuid::from_u128(3)]),
            ),
            (Step::DestroyKey, Outcome::KeyDestroyed(Some(OWN))),
            (Step::Forget, Outcome::Forgotten),
            (Step::ShredLog, shredded),
            (Step::Sign, Outcome::Signed("certificate".to_owned())),
            (Step::Enter, Outcome::Entered(Uuid::from_u128(4))),
        ]
    }

    #[test]
    fn the_steps_follow_one_another_and_none_can_be_left_out() {
        let mut erasure = Erasure::requested(1_000);
        for (step, outcome) in outcomes() {
            assert_eq!(erasure.next, step);
            for (other, skipped) in outcomes().into_iter().filter(|it| it.0 != step) {
                let before = erasure.clone();
                assert!(!erasure.advance(skipped), "{other:?} while at {step:?}");
                assert_eq!(erasure, before);
            }
            assert!(erasure.advance(outcome));
        }
        assert_eq!(erasure.next, Step::Finished);
    }

    #[test]
    fn who_is_quarantined_before_the_erasure_begins_is_past_that_step_and_no_other() {
        let mut erasure = Erasure::requested(1_000);
        assert!(erasure.advance(Outcome::Quarantined));
        assert_eq!(Erasure::quarantined(1_000), erasure);
    }

    #[test]
    fn the_certificate_names_every_key_that_is_gone() {
        let mut erasure = Erasure::requested(1_999);
        for (_, outcome) in outcomes() {
            erasure.advance(outcome);
        }
        let subject = Uuid::from_u128(7);
        let certificate = erasure.certificate("default", subject);
        assert_eq!(
            (certificate.iss.as_str(), certificate.subject),
            ("identity", subject)
        );
        assert_eq!((certificate.requested_at, certificate.completed_at), (1, 9));
        assert_eq!(certificate.log_entries, [11, 12]);
        assert_eq!(certificate.destroyed_keys["identity"], [OWN.key_id]);
        assert_eq!(
            certificate.destroyed_keys["disclosure-audit"],
            [AUDIT.key_id]
        );
        assert_eq!(
            certificate.destroyed_keys["payments-data"],
            [Uuid::from_u128(3)]
        );
        assert!(!certificate.retained.is_empty());
    }

    #[test]
    fn the_certificate_says_what_keeps_the_key_of_the_log_entries_and_until_when() {
        use DelayReason::{EvidenceRetention, Hold};
        for (reasons, until_ms, why, until) in [
            (vec![Hold], None, "a hold", None),
            (
                vec![Hold, EvidenceRetention],
                Some(1_900_000_000_999),
                "a hold and the stated retention of evidence",
                Some(1_900_000_000),
            ),
        ] {
            let mut erasure = Erasure::requested(1_000);
            for (step, outcome) in outcomes() {
                let log_key = LogKey::Kept(LogKeyDelay {
                    reasons: reasons.clone(),
                    until_ms,
                });
                let kept = Outcome::LogShredded { log_key, at_ms: 9 };
                let outcome = if step == Step::ShredLog {
                    kept
                } else {
                    outcome
                };
                assert!(erasure.advance(outcome), "it goes on at {step:?}");
            }
            let certificate = erasure.certificate("default", Uuid::from_u128(7));
            assert!(certificate.destroyed_keys["disclosure-audit"].is_empty());
            let kept = certificate.retained.last().unwrap();
            assert_eq!((kept.why.as_str(), kept.until), (why, until));
        }
    }

    #[test]
    fn a_person_without_values_or_entries_has_a_certificate_without_keys() {
        let erasure = Erasure::requested(1_000);
        let certificate = erasure.certificate("default", Uuid::from_u128(7));
        assert!(certificate.destroyed_keys.values().all(Vec::is_empty));
        assert!(certificate.log_entries.is_empty());
    }
}
