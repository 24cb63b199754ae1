//! The calls about policy versions.

use chassis::{Caller, clock};
use policy::{Change, Rulebook};
use proto::consent::{
    ClauseChange, GetPolicyRequest, GetPolicyResponse, ListPolicyVersionsRequest,
    ListPolicyVersionsResponse, PolicyVersion, PublishPolicyRequest, PublishPolicyResponse,
};

use super::{Api, parse, timestamp};
use crate::{
    error::Error,
    grants::text_digest,
    snapshot::{Snapshot, Version},
    subject::PolicyName,
    wish::Wish,
};

impl Api {
    pub(super) async fn publish(
        &self,
        caller: &Caller,
        request: PublishPolicyRequest,
    ) -> Result<PublishPolicyResponse, Error> {
        let rulebook = compiled("text", &request.text)?;
        if request.validate_only {
            let snapshot = self.follower.fresh().await?;
            let now = clock::now_seconds();
            let current = snapshot.current(caller.tenant.as_str(), now);
            return Ok(PublishPolicyResponse {
                version: Some(PolicyVersion {
                    policy_version: String::new(),
                    digest: rulebook.digest().to_vec(),
                    published_at: None,
                    revised_on: rulebook.revised().to_owned(),
                    name: rulebook.name().to_owned(),
                    effective_on: rulebook.effective().unwrap_or_default(),
                }),
                changes: changes(current.as_ref().map(|it| &*it.rulebook), &rulebook),
                revision: 0,
            });
        }
        let wish = Wish::Publish {
            text: request.text.clone(),
            digest: text_digest(&request.text),
        };
        let id = &request.request_id;
        let written = self
            .write(caller, "PublishPolicy", id, &request, wish)
            .await?;
        let name = written.policy.ok_or(Error::Internal)?;
        let snapshot = self.follower.fresh().await?;
        let published = snapshot.version(&name).ok_or(Error::Internal)?;
        let before = snapshot.numbered(caller.tenant.as_str(), name.number - 1);
        let before = before.as_ref().map(|it| &*it.rulebook);
        Ok(PublishPolicyResponse {
            changes: changes(before, &published.rulebook),
            version: Some(policy_version(&published)),
            revision: written.revision,
        })
    }

    pub(super) async fn policy(
        &self,
        caller: &Caller,
        request: GetPolicyRequest,
    ) -> Result<GetPolicyResponse, Error> {
        let snapshot = self.follower.fresh().await?;
        let tenant = caller.tenant.as_str();
        let version = match request.policy_version.as_str() {
            "" => snapshot.current(tenant, clock::now_seconds()),
            name => version(snapshot, tenant, name),
        };
        let version = version.ok_or(Error::PolicyVersionNotFound)?;
        let text = self.store.policy_text(&version.name).await?;
        Ok(GetPolicyResponse {
            version: Some(policy_version(&version)),
            text: text.ok_or(Error::Internal)?,
        })
    }

    pub(super) async fn policy_versions(
        &self,
        caller: &Caller,
        request: ListPolicyVersionsRequest,
    ) -> Result<ListPolicyVersionsResponse, Error> {
        let size = parse::page_size(request.page_size)? as usize;
        let after = match request.page_token.as_str() {
            "" => 0,
            token => parse::policy_number(token).ok_or(Error::Invalid("page_token"))?,
        };
        let snapshot = self.follower.fresh().await?;
        let versions = snapshot.versions(caller.tenant.as_str());
        let mut later = versions.iter().filter(|it| it.name.number > after);
        let page: Vec<&Version> = later.by_ref().take(size).collect();
        let last = page.last().map(|it| it.name.to_string());
        Ok(ListPolicyVersionsResponse {
            versions: page.iter().map(|it| policy_version(it)).collect(),
            next_page_token: last.filter(|_| later.next().is_some()).unwrap_or_default(),
        })
    }

    /// The version by which the tenant is judged now; nothing can be recorded without one.
    pub(super) async fn policy_in_force(&self, caller: &Caller) -> Result<Version, Error> {
        let snapshot = self.follower.fresh().await?;
        let current = snapshot.current(caller.tenant.as_str(), clock::now_seconds());
        current.ok_or(Error::PolicyNotPublished)
    }

    /// The number of that version; 0 while none holds.
    pub(super) async fn number_in_force(&self, caller: &Caller) -> Result<u64, Error> {
        let snapshot = self.follower.fresh().await?;
        let current = snapshot.current(caller.tenant.as_str(), clock::now_seconds());
        Ok(current.map_or(0, |it| it.name.number))
    }

    /// A version that something is to rest on.
    pub(super) async fn policy_named(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<PolicyName, Error> {
        let snapshot = self.follower.fresh().await?;
        let version = version(snapshot, caller.tenant.as_str(), name);
        version.map(|it| it.name).ok_or(Error::PolicyVersionUnknown)
    }
}

fn version(snapshot: &Snapshot, tenant: &str, name: &str) -> Option<Version> {
    snapshot.numbered(tenant, parse::policy_number(name)?)
}

fn policy_version(version: &Version) -> PolicyVersion {
    PolicyVersion {
        policy_version: version.name.to_string(),
        digest: version.rulebook.digest().to_vec(),
        published_at: Some(timestamp(version.published_at)),
        revised_on: version.rulebook.revised().to_owned(),
        name: version.rulebook.name().to_owned(),
        effective_on: version.rulebook.effective().unwrap_or_default(),
    }
}

/// A policy file that came in a field of a request.
pub(super) fn compiled(field: &'static str, text: &str) -> Result<Rulebook, Error> {
    policy::compile(text).map_err(|it| Error::PolicyInvalid {
        field,
        findings: it.0,
    })
}

/// What differs, clause by clause; before the first version there was nothing.
pub(super) fn changes(before: Option<&Rulebook>, after: &Rulebook) -> Vec<ClauseChange> {
    let changed = match before {
        Some(before) => policy::diff(before, after),
        None => return added(after),
    };
    let changed = changed.into_iter().map(|it| ClauseChange {
        clause: it.clause,
        change: match it.change {
            Change::Added => "added",
            Change::Removed => "removed",
            Change::Changed => "changed",
        }
        .to_owned(),
        lines: it.lines,
    });
    changed.collect()
}

fn added(rulebook: &Rulebook) -> Vec<ClauseChange> {
    let clauses = rulebook.clauses().iter().map(|it| ClauseChange {
        clause: it.key.clone(),
        change: "added".to_owned(),
        lines: vec![it.says.clone()],
    });
    clauses.collect()
}
