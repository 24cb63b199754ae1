//! Taking values in, and finding persons by them without opening any.

use chassis::{Caller, RequestKey, now_ms};
use grant::Grant;
use prost::Message;
use proto::identity::{
    self as pb, CollectRequest, CollectResponse, FindSubjectRequest, FindSubjectResponse,
};
use uuid::Uuid;
use vault::{BlindIndex, Context, Key, Owner, seal};

use super::{Api, wire};
use crate::{
    error::Error,
    permission,
    store::{Collected, StoredValue},
    value::{Value, is_indexed},
};

/// How many values one call brings.
const VALUES_MAX: usize = 32;

/// Seals the values to their person, category and version, all of them or none.
pub(super) async fn collect(
    api: &Api,
    caller: &Caller,
    message: CollectRequest,
) -> Result<CollectResponse, Error> {
    let tenant = &caller.tenant;
    let grant = api.admit(caller, &message.grant).await?;
    let (subject, point, act) = permission::to_collect(&grant)?;
    let values = parse(&grant, &message.values)?;
    // Also inside the transaction that writes. Here it spares an erased person a key.
    api.store.admits_values(tenant, subject).await?;

    let index = api.keys.blind_index(tenant).await?;
    // What the grant says, and not the grant: with a newer one it is still the same request.
    let content = CollectRequest {
        request_id: String::new(),
        grant: format!("{subject} {point} {act}"),
        values: message.values,
    };
    let (id, content) = (&message.request_id, content.encode_to_vec());
    let request = RequestKey::new(caller, "Collect", id, &index, &content)?;

    let key = api.keys.create(tenant, &Owner::Subject(subject)).await?.key;
    let now_ms = now_ms();
    let template = StoredValue {
        category: String::new(),
        version: 0,
        sealed: Vec::new(),
        point: point.to_owned(),
        act: act.to_owned(),
        collected_by: caller.id.clone(),
        collected_at_ms: now_ms,
        policy_version: grant.policy_version.clone(),
    };
    let seal_all = |before: &[StoredValue]| {
        let sealed = values
            .iter()
            .map(|value| sealed(value, before, &template, (tenant.as_str(), subject, &key)));
        let values_sealed: Vec<StoredValue> = sealed.collect();
        let entries = values
            .iter()
            .filter_map(|it| entry(&index, tenant.as_str(), it));
        let answer = CollectResponse {
            values: values_sealed.iter().map(wire::stored_value).collect(),
        };
        Collected {
            values: values_sealed,
            entries: entries.collect(),
            answer: answer.encode_to_vec(),
        }
    };
    let answer = api
        .store
        .collect(tenant, subject, &request, now_ms, seal_all)
        .await?;
    CollectResponse::decode(answer.as_slice()).map_err(|_| Error::Internal)
}

/// The persons with a value that is the same once spelling is set aside.
pub(super) async fn find(
    api: &Api,
    caller: &Caller,
    message: &FindSubjectRequest,
) -> Result<FindSubjectResponse, Error> {
    if !is_indexed(&message.category) {
        return Err(Error::CategoryNotIndexed);
    }
    let value = Value::parse(&message.category, &message.text);
    let value = value.map_err(|_| Error::LookUpInvalid)?;
    let tenant = &caller.tenant;
    let index = api.keys.blind_index(tenant).await?;
    let (category, entry) = entry(&index, tenant.as_str(), &value).ok_or(Error::Internal)?;
    let found = api.store.subjects_with(tenant, &category, entry).await?;
    if found.is_empty() {
        return Err(Error::SubjectUnknown);
    }
    Ok(FindSubjectResponse {
        subject_ids: found.iter().map(Uuid::to_string).collect(),
    })
}

/// Undeclared categories are refused before any text is looked at.
fn parse(grant: &Grant, values: &[pb::Value]) -> Result<Vec<Value>, Error> {
    if !(1..=VALUES_MAX).contains(&values.len()) {
        return Err(Error::ValuesInvalid);
    }
    let undeclared = |it: &pb::Value| !grant.categories.contains(&it.category);
    if let Some(index) = values.iter().position(undeclared) {
        return Err(Error::CategoryNotDeclared { index });
    }
    let mut parsed: Vec<Value> = Vec::with_capacity(values.len());
    for value in values {
        if parsed.iter().any(|it| it.category() == value.category) {
            return Err(Error::ValuesInvalid);
        }
        parsed.push(Value::parse(&value.category, &value.text).map_err(|_| {
            Error::ValueInvalid {
                category: value.category.clone(),
            }
        })?);
    }
    Ok(parsed)
}

fn sealed(
    value: &Value,
    before: &[StoredValue],
    template: &StoredValue,
    (tenant, subject, key): (&str, Uuid, &Key),
) -> StoredValue {
    let earlier = before.iter().find(|it| it.category == value.category());
    let version = earlier.map_or(1, |it| it.version.saturating_add(1));
    let place = Context {
        tenant,
        owner: Owner::Subject(subject),
        category: value.category(),
        version,
        bound: &[],
    };
    StoredValue {
        category: value.category().to_owned(),
        version,
        sealed: seal(key, &place, value.text().as_bytes()).into_bytes(),
        ..template.clone()
    }
}

fn entry(index: &BlindIndex, tenant: &str, value: &Value) -> Option<(String, [u8; 32])> {
    let form = value.look_up_form()?;
    let category = value.category();
    Some((category.to_owned(), index.entry(tenant, category, &form)))
}
