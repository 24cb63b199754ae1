//! Making a person known, and saying what is known without a value.

use chassis::{Caller, RequestKey, now_ms};
use prost::Message;
use proto::{
    consent,
    identity::{
        GetSubjectRequest, GetSubjectResponse, RegisterSubjectRequest, RegisterSubjectResponse,
        SubjectState,
    },
};
use uuid::Uuid;

use super::{Api, wire};
use crate::{
    error::Error,
    subject::{AgeBand, Facts, State},
};

/// Registers a person here, then in consent. The id is told only after both know it; the same
/// request, asked again after a failure between the two, goes on with the same person.
pub(super) async fn register(
    api: &Api,
    caller: &Caller,
    message: RegisterSubjectRequest,
) -> Result<RegisterSubjectResponse, Error> {
    let band = age_band(message.age_band());
    let facts = Facts::parse(&message.region, band, &message.accepted_policy_version)?;
    let tenant = &caller.tenant;
    let index = api.keys.blind_index(tenant).await?;
    let content = message.encode_to_vec();
    let id = &message.request_id;
    let request = RequestKey::new(caller, "RegisterSubject", id, &index, &content)?;

    let person = api
        .store
        .register(tenant, Uuid::new_v4(), &request, now_ms())
        .await?;
    let revision = match person.state {
        State::Pending => {
            let revision = api
                .peers
                .enrol(tenant.as_str(), person.subject, &facts)
                .await?;
            api.store.activate(tenant, person.subject, revision).await?;
            revision
        }
        State::Active | State::Erasing | State::Erased => person.revision,
    };
    Ok(RegisterSubjectResponse {
        subject_id: person.subject.to_string(),
        revision,
    })
}

/// A person's state, and which categories are stored.
pub(super) async fn describe(
    api: &Api,
    caller: &Caller,
    message: &GetSubjectRequest,
) -> Result<GetSubjectResponse, Error> {
    let subject = wire::subject_id(&message.subject_id)?;
    let values = api.store.values(&caller.tenant, subject).await?;
    let person = api.store.subject(&caller.tenant, subject).await?;
    let state = match person.map(|it| it.state) {
        // Nobody has been told of a pending person.
        None | Some(State::Pending) => return Err(Error::SubjectUnknown),
        Some(State::Active) => SubjectState::Active,
        Some(State::Erasing) => SubjectState::Erasing,
        Some(State::Erased) => SubjectState::Erased,
    };
    Ok(GetSubjectResponse {
        subject_id: subject.to_string(),
        state: state.into(),
        values: values.iter().map(wire::stored_value).collect(),
    })
}

fn age_band(band: consent::AgeBand) -> Option<AgeBand> {
    match band {
        consent::AgeBand::Unspecified => None,
        consent::AgeBand::AgeBand13To15 => Some(AgeBand::From13To15),
        consent::AgeBand::AgeBand16To17 => Some(AgeBand::From16To17),
        consent::AgeBand::Adult => Some(AgeBand::Adult),
    }
}
