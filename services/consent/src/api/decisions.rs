//! The calls that ask what may be done, and get an answer or a grant.

use chassis::{Caller, clock};
use policy::PURPOSES;
use proto::consent::{
    AuthorizeRequest, AuthorizeResponse, CheckRequest, CheckResponse, Decision as WireDecision,
    Effect,
};
use uuid::Uuid;

use super::{Api, parse, timestamp};
use crate::{
    decision::{Decision, Reason},
    error::Error,
    grants::Holder,
    question::Question,
    recipient::Recipient,
    snapshot::Snapshot,
};

/// A question that this caller may ask, with what is known of the recipient it names.
struct Asked {
    question: Question,
    recipient: Option<Recipient>,
}

impl Asked {
    fn recipient_kind(&self) -> Option<&str> {
        self.recipient.as_ref().map(|it| it.kind.as_str())
    }

    /// Refuses a recipient that is not registered, or not for this, at a time in Unix milliseconds.
    fn admitted(&self, now: i64) -> Result<(), Reason> {
        let purpose = &self.question.purpose;
        match (self.question.recipient(), &self.recipient) {
            // The policy refuses what the vocabulary does not name, a sale above all, as what it
            // is, whoever is to receive.
            _ if PURPOSES.term(purpose).is_none() => Ok(()),
            (Some(_), None) => Err(Reason::RecipientUnknown),
            (_, Some(it)) => it.admits(purpose, now),
            (None, None) => Ok(()),
        }
    }
}

impl Api {
    pub(super) async fn check(
        &self,
        caller: &Caller,
        request: CheckRequest,
    ) -> Result<CheckResponse, Error> {
        let question = parse::question(request.question)?;
        let tenant = caller.tenant.as_str();
        let snapshot = self
            .follower
            .at_least(tenant, request.at_least_as_fresh)
            .await?;
        let asked = self.ask(snapshot, caller, question).await?;
        let decision = self.decide(snapshot, caller, &asked)?;
        Ok(CheckResponse {
            decision: Some(wire(decision)),
        })
    }

    pub(super) async fn authorize(
        &self,
        caller: &Caller,
        request: AuthorizeRequest,
    ) -> Result<AuthorizeResponse, Error> {
        let question = parse::question(request.question)?;
        let snapshot = self.follower.fresh().await?;
        let tenant = caller.tenant.as_str();
        if snapshot.revision(tenant) < request.at_least_as_fresh {
            return Err(Error::RevisionUnknown);
        }
        let asked = self.ask(snapshot, caller, question).await?;
        let decision = self.decide(snapshot, caller, &asked)?;
        if decision.refusal.is_some() {
            return Err(Error::Denied(Box::new(decision)));
        }
        let holder = Holder {
            spiffe_id: &caller.id,
            tenant,
        };
        let kind = asked.recipient_kind();
        let now = clock::now_seconds();
        let (grant, ends_at) = self.signer.grant(
            Uuid::new_v4(),
            &holder,
            &asked.question,
            kind,
            &decision,
            now,
        );
        self.metrics.granted();
        Ok(AuthorizeResponse {
            decision: Some(wire(decision)),
            grant,
            expires_at: Some(timestamp(ends_at as i64 * 1_000)),
        })
    }

    /// Refuses a caller that may not ask this question, and learns of the recipient.
    async fn ask(
        &self,
        snapshot: &Snapshot,
        caller: &Caller,
        question: Question,
    ) -> Result<Asked, Error> {
        let current = snapshot.current(caller.tenant.as_str(), clock::now_seconds());
        let rulebook = current.as_ref().map(|it| &*it.rulebook);
        let question = question.with_declared_purpose(rulebook);
        if !caller.may_use(&question.purpose) {
            return Err(Error::CallerNotAllowed);
        }
        let recipient = match question.recipient() {
            Some(id) => self.log.recipient(&caller.tenant, id).await?,
            None => None,
        };
        Ok(Asked {
            question,
            recipient,
        })
    }

    /// Answers from one state of the tenant, and counts the answer.
    fn decide(
        &self,
        snapshot: &Snapshot,
        caller: &Caller,
        asked: &Asked,
    ) -> Result<Decision, Error> {
        let Asked {
            question,
            recipient,
        } = asked;
        let tenant = caller.tenant.as_str();
        let now = clock::now_ms();
        let seconds = now.unsigned_abs() / 1_000;
        let kind = asked.recipient_kind();
        let mut decision = match asked.admitted(now) {
            Ok(()) => snapshot.decide(tenant, question, kind, seconds)?,
            Err(reason) => snapshot.refuse_recipient(tenant, kind, reason, seconds),
        };
        if let Some(recipient) = recipient
            && decision.refusal.is_none()
            && let Err(reason) = recipient.covers(&question.categories)
        {
            decision = snapshot.refuse_recipient(tenant, kind, reason, seconds);
        }
        self.metrics.decided(&decision);
        self.tally.decided(tenant, &decision, now);
        Ok(decision)
    }
}

fn wire(decision: Decision) -> WireDecision {
    let effect = match decision.refusal {
        None => Effect::Permit,
        Some(_) => Effect::Deny,
    };
    let reason = decision.refusal.map(Reason::as_str);
    WireDecision {
        effect: effect.into(),
        reason: reason.unwrap_or_default().to_owned(),
        clauses: decision.clauses,
        policy_version: decision.policy_version,
        revision: decision.revision,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{question::Action, store::fixture::NEWSLETTER};

    #[test]
    fn a_purpose_that_nobody_names_is_left_to_the_policy_to_refuse() {
        let registered = Recipient {
            kind: "service_provider".to_owned(),
            purposes: vec![NEWSLETTER.to_owned()],
            categories: Vec::new(),
            ends_at: 1_000,
        };
        for (purpose, recipient, expected) in [
            ("telepathy", Some(&registered), Ok(())),
            ("telepathy", None, Ok(())),
            ("data_sale", Some(&registered), Ok(())),
            (NEWSLETTER, Some(&registered), Ok(())),
            (NEWSLETTER, None, Err(Reason::RecipientUnknown)),
            (
                "marketing",
                Some(&registered),
                Err(Reason::RecipientPurpose),
            ),
        ] {
            let asked = Asked {
                question: Question {
                    subject: Uuid::from_u128(1),
                    action: Action::Disclose {
                        recipient: "mailer".to_owned(),
                    },
                    purpose: purpose.to_owned(),
                    categories: Vec::new(),
                    order: None,
                    pinned: None,
                },
                recipient: recipient.cloned(),
            };
            assert_eq!(asked.admitted(999), expected, "{purpose}");
        }
    }
}
