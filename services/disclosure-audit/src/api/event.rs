//! An event between the wire and the rule.

use chassis::now_ms;
use proto::disclosure_audit as pb;
use proto::disclosure_audit::record_request::Event as WireEvent;
use uuid::Uuid;

use super::{context, timestamp, uuid_from};
use crate::batch::Recorded;
use crate::error::Error;
use crate::event::{
    Addressee, Certificate, ConsentChange, Disclosure, Event, KeyDestruction, PolicyPublication,
    Release, hex,
};

/// How far clocks may be apart: who differs by more is refused at the door.
const CLOCK_SKEW_MS: i64 = 5_000;

/// Reads and checks an event.
pub(super) fn parse(event: Option<WireEvent>) -> Result<Event, Error> {
    let event = match event.ok_or(Error::EventInvalid { field: "event" })? {
        WireEvent::Release(it) => release(it)?,
        WireEvent::ConsentChange(it) => consent_change(it)?,
        WireEvent::PolicyPublication(it) => Event::PolicyVersion(PolicyPublication {
            policy_version: it.policy_version,
            digest: digest("policy_publication.digest", &it.digest)?,
        }),
        WireEvent::KeyDestruction(it) => Event::KeyDestroyed(KeyDestruction {
            key_id: id("key_destruction.key_id", &it.key_id)?,
            owner_kind: it.owner_kind,
            owner_id: id("key_destruction.owner_id", &it.owner_id)?,
            covers: None,
        }),
        WireEvent::Certificate(it) => Event::Certificate(Certificate {
            certifies: it.kind,
            digest: digest("certificate.digest", &it.digest)?,
        }),
    };
    event
        .check()
        .map_err(|field| Error::EventInvalid { field })?;
    has_occurred(&event, now_ms())?;
    Ok(event)
}

/// Whether a release lies behind its record: one that claims to come yet would be in no accounting
/// up to today.
fn has_occurred(event: &Event, now: i64) -> Result<(), Error> {
    let release = match event {
        Event::Use(release) => release,
        Event::Disclosure(disclosure) => &disclosure.release,
        _ => return Ok(()),
    };
    let occurred_at = release.context.as_ref().and_then(|it| it.occurred_at);
    if occurred_at.is_some_and(|it| it > now + CLOCK_SKEW_MS) {
        let field = "release.context.occurred_at";
        return Err(Error::EventInvalid { field });
    }
    Ok(())
}

/// A release that names no recipient is a use, and must not name a kind of one either.
fn release(wire: pb::Release) -> Result<Event, Error> {
    let release = Release {
        subject_id: id("release.subject_id", &wire.subject_id)?,
        holder: wire.holder,
        purpose: wire.purpose,
        categories: wire.categories,
        clauses: wire.clauses,
        policy_version: wire.policy_version,
        revision: wire.revision,
        grant_id: id("release.grant_id", &wire.grant_id)?,
        order_id: present(&wire.order_id)
            .map(|it| id("release.order_id", it))
            .transpose()?,
        context: wire.context.map(context::parse).transpose()?.map(Box::new),
    };
    if wire.recipient_id.is_empty() && wire.recipient_kind.is_empty() {
        return Ok(Event::Use(release));
    }
    let recipient = Addressee {
        id: wire.recipient_id,
        kind: wire.recipient_kind,
        name: String::new(),
        country: String::new(),
    };
    Ok(Event::Disclosure(Disclosure { recipient, release }))
}

fn consent_change(wire: pb::ConsentChange) -> Result<Event, Error> {
    Ok(Event::Consent(ConsentChange {
        subject_id: id("consent_change.subject_id", &wire.subject_id)?,
        state: wire.state,
        purpose: wire.purpose,
        recipient_id: present(&wire.recipient_id).map(str::to_owned),
        policy_version: wire.policy_version,
        revision: wire.revision,
    }))
}

/// Says where an entry stands.
pub(super) fn recorded(recorded: Recorded) -> pb::RecordResponse {
    pb::RecordResponse {
        entry_id: recorded.entry_id.to_string(),
        index: recorded.index,
        recorded_at: Some(timestamp(recorded.recorded_at)),
    }
}

/// Renders one line of the list a vault replays.
pub(super) fn destroyed_key(
    (destruction, recorded): (KeyDestruction, Recorded),
) -> pb::DestroyedKey {
    pb::DestroyedKey {
        destruction: Some(pb::KeyDestruction {
            key_id: destruction.key_id.to_string(),
            owner_kind: destruction.owner_kind,
            owner_id: destruction.owner_id.to_string(),
        }),
        index: recorded.index,
    }
}

fn id(field: &'static str, text: &str) -> Result<Uuid, Error> {
    uuid_from(text).ok_or(Error::EventInvalid { field })
}

fn digest(field: &'static str, bytes: &[u8]) -> Result<String, Error> {
    if bytes.len() == 32 {
        Ok(hex(bytes))
    } else {
        Err(Error::EventInvalid { field })
    }
}

fn present(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire_release() -> pb::Release {
        pb::Release {
            subject_id: Uuid::from_u128(1).to_string(),
            holder: "spiffe://vow.local/workload/newsletter".into(),
            recipient_id: "mail-house".into(),
            recipient_kind: "service_provider".into(),
            purpose: "marketing.communications.email".into(),
            categories: vec!["user.contact.email".into()],
            clauses: vec!["disclose.providers-with-permission".into()],
            policy_version: "1".into(),
            revision: 4,
            grant_id: Uuid::from_u128(2).to_string(),
            order_id: String::new(),
            context: None,
        }
    }

    #[test]
    fn a_release_with_a_recipient_is_a_disclosure_and_without_one_a_use() {
        let disclosed = parse(Some(WireEvent::Release(wire_release()))).unwrap();
        assert!(matches!(disclosed, Event::Disclosure(_)));
        let wire = pb::Release {
            recipient_id: String::new(),
            recipient_kind: String::new(),
            ..wire_release()
        };
        assert!(matches!(
            parse(Some(WireEvent::Release(wire))).unwrap(),
            Event::Use(_)
        ));
    }

    #[test]
    fn a_malformed_event_is_refused_by_field() {
        let release = |change: fn(&mut pb::Release)| {
            let mut wire = wire_release();
            change(&mut wire);
            Some(WireEvent::Release(wire))
        };
        let publication = pb::PolicyPublication {
            policy_version: "1".into(),
            digest: vec![7; 31],
        };
        for (field, event) in [
            ("event", None),
            (
                "release.subject_id",
                release(|it| it.subject_id = "ada".into()),
            ),
            ("release.grant_id", release(|it| it.grant_id.clear())),
            ("release.order_id", release(|it| it.order_id = "42".into())),
            (
                "release.recipient_id",
                release(|it| it.recipient_id.clear()),
            ),
            (
                "release.recipient_kind",
                release(|it| it.recipient_kind.clear()),
            ),
            ("release.categories", release(|it| it.categories.clear())),
            (
                "policy_publication.digest",
                Some(WireEvent::PolicyPublication(publication)),
            ),
        ] {
            assert_eq!(parse(event), Err(Error::EventInvalid { field }));
        }
    }
}
