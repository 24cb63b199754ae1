//! A registration between the wire and the rule.

use proto::disclosure_audit as pb;

use super::{milliseconds, timestamp};
use crate::error::Error;
use crate::recipient::Recipient;

/// Reads a registration; the rule judges it later.
pub(super) fn parse(wire: Option<pb::Recipient>) -> Result<Recipient, Error> {
    let wire = wire.ok_or(Error::RecipientInvalid { field: "recipient" })?;
    let expires_at = wire.expires_at.and_then(milliseconds);
    Ok(Recipient {
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
    })
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
