//! Opening values for the holder of a grant: admit, record, open, in this order and no other.

use aws_lc_rs::digest::{Context as Digest, SHA256};
use chassis::Caller;
use client::release_context;
use grant::{Action, Grant};
use proto::{
    disclosure_audit::{RecordRequest, Release, record_request::Event},
    identity::{RevealRequest, RevealResponse, Value},
};
use uuid::Uuid;
use vault::{Context, Key, Owner, open};

use super::Api;
use crate::{error::Error, permission, store::StoredValue};

/// Opens exactly the wanted values, after the log has durably said so.
pub(super) async fn reveal(
    api: &Api,
    caller: &Caller,
    message: RevealRequest,
) -> Result<RevealResponse, Error> {
    let request_id = record_id(caller, &message.request_id)?;
    let tenant = &caller.tenant;
    let grant = api.admit(caller, &message.grant).await?;
    let subject = permission::to_open(&grant)?;
    let wanted = permission::categories(&grant, &message.categories)?;

    // Values before state: when the state then still admits them, no erasure took any away.
    let stored = api.store.values(tenant, subject).await?;
    api.store.admits_values(tenant, subject).await?;
    let find = |category: &&str| stored.iter().find(|it| it.category == *category);
    let sealed: Option<Vec<&StoredValue>> = wanted.iter().map(find).collect();
    let sealed = sealed.ok_or(Error::ValueMissing)?;

    let event = event(&grant, subject, &wanted, request_id);
    let record = api.guard.record(tenant.as_str(), event).await?;

    // Once more, and the key only now: an erasure begun while the log was writing, which may have
    // been answered by now, leaves nothing to open.
    api.store.admits_values(tenant, subject).await?;
    let key = api.keys.key(tenant, &Owner::Subject(subject)).await?.key;
    let opened = sealed
        .into_iter()
        .map(|it| opened(it, tenant.as_str(), subject, &key));
    Ok(RevealResponse {
        values: opened.collect::<Result<_, _>>()?,
        record: Some(record),
    })
}

fn opened(stored: &StoredValue, tenant: &str, subject: Uuid, key: &Key) -> Result<Value, Error> {
    let place = Context {
        tenant,
        owner: Owner::Subject(subject),
        category: &stored.category,
        version: stored.version,
        bound: &[],
    };
    let secret = open(key, &place, &stored.sealed).map_err(|_| Error::Internal)?;
    let text = str::from_utf8(secret.expose()).map_err(|_| Error::Internal)?;
    Ok(Value {
        category: stored.category.clone(),
        text: text.to_owned(),
    })
}

fn event(grant: &Grant, subject: Uuid, wanted: &[&str], request_id: String) -> RecordRequest {
    let (recipient_id, recipient_kind) = match &grant.action {
        Action::Disclose {
            recipient,
            recipient_kind,
        } => (recipient.clone(), recipient_kind.clone()),
        Action::Use | Action::Collect { .. } => Default::default(),
    };
    let release = Release {
        subject_id: subject.to_string(),
        holder: grant.holder.clone(),
        recipient_id,
        recipient_kind,
        purpose: grant.purpose.clone(),
        categories: wanted.iter().map(|it| (*it).to_owned()).collect(),
        clauses: grant.clauses.clone(),
        policy_version: grant.policy_version.clone(),
        revision: grant.revision,
        grant_id: grant.jti.to_string(),
        order_id: String::new(),
        context: release_context(grant),
    };
    RecordRequest {
        request_id,
        event: Some(Event::Release(release)),
    }
}

/// The log's request id of a reveal: the same for the same caller and id, and telling neither. What
/// was asked for is not in it, so the log refuses other content under the same id.
fn record_id(caller: &Caller, request_id: &str) -> Result<String, Error> {
    if request_id.is_empty() || request_id.chars().count() > 128 {
        return Err(Error::RequestIdInvalid);
    }
    let mut digest = Digest::new(&SHA256);
    for field in [&caller.id, request_id] {
        // Its length first, so that no two pairs run together.
        digest.update(&(field.len() as u64).to_be_bytes());
        digest.update(field.as_bytes());
    }
    Ok(hex::encode(digest.finish()))
}
