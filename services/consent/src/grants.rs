//! What this service signs: a grant for a permit, a receipt for a choice.

use aws_lc_rs::digest::{SHA256, digest};
use grant::{Action, ConsentReceipt, ConsentState, ConsentType, Grant, Scope, SigningKey};
use uuid::Uuid;

use crate::{
    NAME,
    consent::{self, Choice, State},
    decision::Decision,
    question::{self, Question},
    snapshot::Version,
    wish::Written,
};

/// The key and how long what it signs is good for.
pub(crate) struct Signer {
    pub(crate) key: SigningKey,
    pub(crate) lifetime_seconds: u64,
}

/// To whom a grant is given.
pub(crate) struct Holder<'a> {
    pub(crate) spiffe_id: &'a str,
    pub(crate) tenant: &'a str,
}

impl Signer {
    /// The grant for a permitted question, with a fresh random id, at a time in Unix seconds; and
    /// the time it ends.
    ///
    /// It never outlives the consent that may have carried the decision.
    pub(crate) fn grant(
        &self,
        id: Uuid,
        holder: &Holder<'_>,
        question: &Question,
        recipient_kind: Option<&str>,
        decision: &Decision,
        now: u64,
    ) -> (String, u64) {
        let ends_at = now + self.lifetime_seconds;
        let exp = decision.ends_at.map_or(ends_at, |it| it.min(ends_at));
        let (aud, scope) = audience(question);
        let grant = Grant {
            iss: NAME.to_owned(),
            aud: aud.to_owned(),
            holder: holder.spiffe_id.to_owned(),
            tenant: holder.tenant.to_owned(),
            scope,
            action: action(question, recipient_kind),
            purpose: question.purpose.clone(),
            categories: question.categories.clone(),
            clauses: decision.clauses.clone(),
            basis: decision.basis.map(str::to_owned),
            policy_version: decision.policy_version.clone(),
            revision: decision.revision,
            iat: now,
            exp,
            jti: id,
        };
        (grant::issue(&self.key, &grant), exp)
    }

    /// The receipt of a choice. Everything in it stands in the choice and in what was written, so
    /// that a repeated request gets the same receipt though none is kept.
    pub(crate) fn receipt(
        &self,
        tenant: &str,
        scope: &consent::Scope,
        choice: Choice,
        source: &str,
        written: &Written,
        policy: &Version,
    ) -> String {
        let receipt = ConsentReceipt {
            iss: NAME.to_owned(),
            schema_version: ConsentReceipt::SCHEMA_VERSION.to_owned(),
            record_id: written.record,
            pii_principal_id: scope.subject,
            tenant: tenant.to_owned(),
            purpose: scope.purpose.clone(),
            recipient: scope.recipient.clone(),
            event_type: ConsentType::ExplicitlyExpressedConsent,
            event_state: match choice.state() {
                State::Given => ConsentState::ConsentGiven,
                State::Refused => ConsentState::ConsentRefused,
                State::Withdrawn => ConsentState::ConsentWithdrawn,
            },
            event_time: seconds(written.at),
            expires_at: choice.expires_at().map(seconds),
            source: source.to_owned(),
            policy_version: policy.name.to_string(),
            policy_digest: hex::encode(policy.rulebook.digest()),
            revision: written.revision,
        };
        receipt.sign(&self.key)
    }
}

/// The vault that holds the data: what belongs to an order is with payments-data.
fn audience(question: &Question) -> (&'static str, Scope) {
    let subject = question.subject;
    match question.order {
        Some(order) => ("payments-data", Scope::Order { subject, order }),
        None => ("identity", Scope::Subject(subject)),
    }
}

fn action(question: &Question, recipient_kind: Option<&str>) -> Action {
    match &question.action {
        question::Action::Collect { point, act } => Action::Collect {
            point: point.clone(),
            act: act.clone(),
        },
        question::Action::Use => Action::Use,
        question::Action::Disclose { recipient } => Action::Disclose {
            recipient: recipient.clone(),
            recipient_kind: recipient_kind.unwrap_or_default().to_owned(),
        },
    }
}

fn seconds(milliseconds: i64) -> u64 {
    (milliseconds / 1_000).max(0).unsigned_abs()
}

/// SHA-256 of a policy's text.
pub(crate) fn text_digest(text: &str) -> [u8; 32] {
    let digest = digest(&SHA256, text.as_bytes());
    digest.as_ref().try_into().expect("SHA-256 gives 32 bytes")
}

#[cfg(test)]
mod tests {
    use grant::{Expect, KeyBundle};

    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn question(order: Option<Uuid>) -> Question {
        Question {
            subject: Uuid::from_u128(1),
            action: question::Action::Disclose {
                recipient: "acquirer".to_owned(),
            },
            purpose: "essential.service.payment_processing".to_owned(),
            categories: vec!["user.name".to_owned()],
            order,
            pinned: None,
        }
    }

    fn permit(ends_at: Option<u64>) -> Decision {
        Decision {
            refusal: None,
            clauses: vec!["use.payment-only-for-its-order".to_owned()],
            basis: Some("CONTRACT"),
            policy_version: "v1".to_owned(),
            revision: 7,
            ends_at,
        }
    }

    #[test]
    fn a_grant_is_for_the_vault_of_its_data_and_ends_with_its_consent() {
        let signer = Signer {
            key: SigningKey::generate(),
            lifetime_seconds: 60,
        };
        let keys = KeyBundle::new(vec![signer.key.jwk("consent")]).unwrap();
        let holder = "spiffe://vow.local/workload/shop";
        let order = Uuid::from_u128(2);
        for (order, ends_at, audience, exp) in [
            (None, None, "identity", NOW + 60),
            (None, Some(NOW + 61), "identity", NOW + 60),
            (None, Some(NOW + 59), "identity", NOW + 59),
            (Some(order), None, "payments-data", NOW + 60),
        ] {
            let to = Holder {
                spiffe_id: holder,
                tenant: "default",
            };
            let kind = Some("payment_processor");
            let (token, ends) = signer.grant(
                Uuid::from_u128(3),
                &to,
                &question(order),
                kind,
                &permit(ends_at),
                NOW,
            );
            let expect = Expect {
                issuers: &[Grant::ISSUER],
                audience,
                holder,
                tenant: "default",
                now: NOW,
            };
            let grant = grant::verify(&token, &keys, &expect).unwrap();
            assert_eq!((grant.exp, ends), (exp, exp));
            assert_eq!(grant.revision, 7);
            assert_eq!(grant.basis.as_deref(), Some("CONTRACT"));
            assert_eq!(matches!(grant.scope, Scope::Order { .. }), order.is_some());
        }
    }
}
