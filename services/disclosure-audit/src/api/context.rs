//! The context of a release between the wire and the rule.

use prost_types::Timestamp;
use proto::disclosure_audit as pb;

use super::{milliseconds, timestamp};
use crate::context::{Approval, BreakGlass, Context, Notice, Requester, Suspension, Volume};
use crate::error::Error;

const GROUND: &str = "DISCLOSURE_GROUND_";
const BASIS: &str = "LEGAL_BASIS_";
const RESPONSE: &str = "REQUEST_RESPONSE_";
const UNSPECIFIED: &str = "UNSPECIFIED";

/// Reads a context; whether its texts are well-formed is for the rule.
pub(super) fn parse(wire: pb::DisclosureContext) -> Result<Context, Error> {
    let ground = pb::DisclosureGround::try_from(wire.ground).map(|it| it.as_str_name());
    let basis = pb::LegalBasis::try_from(wire.legal_basis).map(|it| it.as_str_name());
    let response = pb::RequestResponse::try_from(wire.response).map(|it| it.as_str_name());
    Ok(Context {
        occurred_at: time("release.context.occurred_at", wire.occurred_at)?,
        ground: word("release.context.ground", GROUND, ground)?,
        ground_detail: wire.ground_detail,
        legal_reference: wire.legal_reference,
        necessity_statement: wire.necessity_statement,
        requester: wire.requester.map(|it| Requester {
            name: it.name,
            agency: it.agency,
            kind: it.r#type,
            verified_by: it.verified_by,
        }),
        recipient_address: wire.recipient_address,
        custodian: wire.custodian,
        authorizers: wire.authorizers,
        data_description: wire.data_description,
        legal_basis: word("release.context.legal_basis", BASIS, basis)?,
        volume: wire.volume.map(|it| Volume {
            specified: it.specified,
            produced: it.produced,
        }),
        request_received_at: time(
            "release.context.request_received_at",
            wire.request_received_at,
        )?,
        response: word("release.context.response", RESPONSE, response)?,
        notice: wire.notice.map(notice).transpose()?,
        suspension: wire.suspension.map(suspension).transpose()?,
        approvals: wire
            .approvals
            .into_iter()
            .map(approval)
            .collect::<Result<_, _>>()?,
        break_glass: wire.break_glass.map(break_glass).transpose()?,
    })
}

fn notice(wire: pb::SubjectNotice) -> Result<Notice, Error> {
    Ok(Notice {
        given: wire.given,
        delayed_until: time("release.context.notice.delayed_until", wire.delayed_until)?,
        reason: wire.reason,
    })
}

fn suspension(wire: pb::AccountingSuspension) -> Result<Suspension, Error> {
    let field = "release.context.suspension.until";
    Ok(Suspension {
        agency: wire.agency,
        written: wire.written,
        until: time(field, wire.until)?.ok_or(Error::EventInvalid { field })?,
    })
}

fn approval(wire: pb::DisclosureApproval) -> Result<Approval, Error> {
    Ok(Approval {
        approver: wire.approver,
        role: wire.role,
        approved_at: time("release.context.approvals.approved_at", wire.approved_at)?,
    })
}

fn break_glass(wire: pb::BreakGlass) -> Result<BreakGlass, Error> {
    Ok(BreakGlass {
        rationale: wire.rationale,
        started_at: time("release.context.break_glass.started_at", wire.started_at)?,
        ended_at: time("release.context.break_glass.ended_at", wire.ended_at)?,
        reviewed_by: wire.reviewed_by,
        reviewed_at: time("release.context.break_glass.reviewed_at", wire.reviewed_at)?,
    })
}

/// A member of a closed list by its word; none is the empty word.
fn word<E>(
    field: &'static str,
    prefix: &str,
    name: Result<&'static str, E>,
) -> Result<String, Error> {
    let name = name.map_err(|_| Error::EventInvalid { field })?;
    let word = name.strip_prefix(prefix).unwrap_or(name);
    Ok(word.replace(UNSPECIFIED, ""))
}

fn time(field: &'static str, wire: Option<Timestamp>) -> Result<Option<i64>, Error> {
    let read = |it| milliseconds(it).ok_or(Error::EventInvalid { field });
    wire.map(read).transpose()
}

/// Renders what [`parse`] read.
pub(super) fn render(context: Context) -> pb::DisclosureContext {
    let ground = pb::DisclosureGround::from_str_name(&format!("{GROUND}{}", context.ground));
    let basis = pb::LegalBasis::from_str_name(&format!("{BASIS}{}", context.legal_basis));
    let response = pb::RequestResponse::from_str_name(&format!("{RESPONSE}{}", context.response));
    pb::DisclosureContext {
        occurred_at: context.occurred_at.map(timestamp),
        ground: ground.unwrap_or_default().into(),
        ground_detail: context.ground_detail,
        legal_reference: context.legal_reference,
        necessity_statement: context.necessity_statement,
        requester: context.requester.map(|it| pb::Requester {
            name: it.name,
            agency: it.agency,
            r#type: it.kind,
            verified_by: it.verified_by,
        }),
        recipient_address: context.recipient_address,
        custodian: context.custodian,
        authorizers: context.authorizers,
        data_description: context.data_description,
        legal_basis: basis.unwrap_or_default().into(),
        volume: context.volume.map(|it| pb::DisclosureVolume {
            specified: it.specified,
            produced: it.produced,
        }),
        request_received_at: context.request_received_at.map(timestamp),
        response: response.unwrap_or_default().into(),
        notice: context.notice.map(|it| pb::SubjectNotice {
            given: it.given,
            delayed_until: it.delayed_until.map(timestamp),
            reason: it.reason,
        }),
        suspension: context.suspension.map(|it| pb::AccountingSuspension {
            agency: it.agency,
            written: it.written,
            until: Some(timestamp(it.until)),
        }),
        approvals: context
            .approvals
            .into_iter()
            .map(rendered_approval)
            .collect(),
        break_glass: context.break_glass.map(|it| pb::BreakGlass {
            rationale: it.rationale,
            started_at: it.started_at.map(timestamp),
            ended_at: it.ended_at.map(timestamp),
            reviewed_by: it.reviewed_by,
            reviewed_at: it.reviewed_at.map(timestamp),
        }),
    }
}

fn rendered_approval(approval: Approval) -> pb::DisclosureApproval {
    pb::DisclosureApproval {
        approver: approval.approver,
        role: approval.role,
        approved_at: approval.approved_at.map(timestamp),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A context with something in every field.
    pub(crate) fn full() -> pb::DisclosureContext {
        let text = str::to_owned;
        let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
        pb::DisclosureContext {
            occurred_at: at(1_700_000_000),
            ground: pb::DisclosureGround::LegalProcess.into(),
            ground_detail: text("search warrant"),
            legal_reference: text("24-1234"),
            necessity_statement: text("no less identifies the account"),
            requester: Some(pb::Requester {
                name: text("Clerk of the Court"),
                agency: text("Superior Court"),
                r#type: text("court"),
                verified_by: text("legal desk"),
            }),
            recipient_address: text("1 Court Square"),
            custodian: text("records desk"),
            authorizers: vec![text("legal"), text("privacy")],
            data_description: text("one address"),
            legal_basis: pb::LegalBasis::LegalObligation.into(),
            volume: Some(pb::DisclosureVolume {
                specified: 2,
                produced: 1,
            }),
            request_received_at: at(1_699_000_000),
            response: pb::RequestResponse::ProducedInPart.into(),
            notice: Some(pb::SubjectNotice {
                given: false,
                delayed_until: at(1_800_000_000),
                reason: text("court order"),
            }),
            suspension: Some(pb::AccountingSuspension {
                agency: text("Office of the Prosecutor"),
                written: true,
                until: at(1_750_000_000),
            }),
            approvals: vec![pb::DisclosureApproval {
                approver: text("spiffe://vow.local/person/grace"),
                role: text("legal"),
                approved_at: at(1_699_500_000),
            }],
            break_glass: Some(pb::BreakGlass {
                rationale: text("a life"),
                started_at: at(1_699_100_000),
                ended_at: at(1_699_200_000),
                reviewed_by: text("privacy"),
                reviewed_at: at(1_699_300_000),
            }),
        }
    }

    #[test]
    fn every_field_comes_back_as_it_was() {
        let read = parse(full()).unwrap();
        assert_eq!(read.check(), Ok(()));
        let stored = serde_json::to_string(&read).unwrap();
        let read: Context = serde_json::from_str(&stored).unwrap();
        assert_eq!(render(read), full());
        let empty = pb::DisclosureContext::default();
        assert_eq!(render(parse(empty.clone()).unwrap()), empty);
    }

    #[test]
    fn what_no_list_or_calendar_has_is_refused_by_field() {
        type Change = fn(&mut pb::DisclosureContext);
        let before_1970 = Some(Timestamp {
            seconds: -1,
            nanos: 0,
        });
        let cases: [(&str, Change); 4] = [
            ("release.context.ground", |it| it.ground = 99),
            ("release.context.legal_basis", |it| it.legal_basis = -1),
            ("release.context.response", |it| it.response = 99),
            ("release.context.suspension.until", |it| {
                it.suspension = Some(pb::AccountingSuspension::default())
            }),
        ];
        for (field, change) in cases {
            let mut wire = full();
            change(&mut wire);
            assert_eq!(parse(wire), Err(Error::EventInvalid { field }));
        }
        let wire = pb::DisclosureContext {
            occurred_at: before_1970,
            ..full()
        };
        let field = "release.context.occurred_at";
        assert_eq!(parse(wire), Err(Error::EventInvalid { field }));
    }
}
