//! A registration between the wire and the rule.

use proto::disclosure_audit as pb;

use super::{milliseconds, timestamp};
use crate::error::Error;
use crate::recipient::{Recipient, RegistrationError};

/// Reads a registration and checks it at `now`.
pub(super) fn parse(wire: Option<pb::Recipient>, now: i64) -> Result<Recipient, Error> {
    let invalid = |field| Error::RecipientInvalid { field };
    let wire = wire.ok_or(invalid("recipient"))?;
    let expires_at = wire.expires_at.and_then(milliseconds);
    let recipient = Recipient {
        id: wire.recipient_id,
        name: wire.name,
        kind: wire.kind,
        contract: wire.contract,
        purposes: wire.purposes,
        categories: wire.categories,
        country: wire.country,
        // An absent or impossible time has passed, and the rule refuses it by name.
        expires_at: expires_at.unwrap_or(0),
        // Its presence alone is what the rule refuses.
        ended_at: wire.ended_at.map(|it| milliseconds(it).unwrap_or(0)),
    };
    recipient.check(now).map_err(|error| match error {
        RegistrationError::Sale { field } => Error::SaleForbidden { field },
        RegistrationError::Invalid { field } => invalid(field),
    })?;
    Ok(recipient)
}

/// Renders a registration.
pub(super) fn render(recipient: Recipient) -> pb::Recipient {
    pb::Recipient {
        recipient_id: recipient.id,
        name: recipient.name,
        kind: recipient.kind,
        contract: recipient.contract,
        purposes: recipient.purposes,
        categories: recipient.categories,
        country: recipient.country,
        expires_at: Some(timestamp(recipient.expires_at)),
        ended_at: recipient.ended_at.map(timestamp),
    }
}
