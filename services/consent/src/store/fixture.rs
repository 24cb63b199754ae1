//! What the tests of several rooms start from: a policy, wishes, and a store of their own.

use std::path::Path;

use chassis::{Caller, Callers, Database, DatabaseUrl, RequestKey, Tenant};
use uuid::Uuid;
use vault::{BlindIndex, Key};

use super::{MIGRATIONS, Store, Write};
use crate::{
    acceptance::Accepted,
    consent::{Choice, Scope},
    grants::text_digest,
    subject::{AgeBand, Facts, PolicyName},
    wish::Wish,
};

/// A whole policy that compiles.
pub(crate) const POLICY: &str = include_str!("../../../../policies/gupshup-bots.toml");

/// A purpose that the policy permits with consent to the recipient.
pub(crate) const NEWSLETTER: &str = "marketing.communications.email";

/// A yes without an end.
pub(crate) const GIVE: Choice = Choice::Give { expires_at: None };

pub(crate) fn first_version() -> PolicyName {
    PolicyName {
        tenant: "default".to_owned(),
        number: 1,
    }
}

pub(crate) fn publish(text: &str) -> Wish {
    Wish::Publish {
        text: text.to_owned(),
        digest: text_digest(text),
    }
}

pub(crate) fn enrol(subject: Uuid, region: &str) -> Wish {
    Wish::Enrol {
        subject,
        facts: Facts {
            region: region.to_owned(),
            age_band: AgeBand::Adult,
            accepted: None,
            ahead: None,
            notified: None,
        },
    }
}

/// The explicit acceptance of one of the versions of the tenant `default`, which holds.
pub(crate) fn accept(subject: Uuid, number: u64) -> Wish {
    Wish::Accept {
        subject,
        in_force: number,
        accepted: Accepted {
            policy: PolicyName {
                tenant: "default".to_owned(),
                number,
            },
            kind: policy::Acceptance::Explicit,
        },
    }
}

/// What a person says about the newsletter of `mailer`.
pub(crate) fn choose(subject: Uuid, choice: Choice) -> Wish {
    Wish::Choose {
        scope: Scope {
            subject,
            purpose: NEWSLETTER.to_owned(),
            recipient: Some("mailer".to_owned()),
        },
        choice,
        policy: first_version(),
    }
}

/// The last step of an erasure, when the newest evidence that waited was of a revision.
pub(crate) fn forget(subject: Uuid, evidence_up_to: u64) -> Wish {
    Wish::Forget {
        subject,
        evidence_up_to,
    }
}

/// An empty store in a directory.
pub(crate) async fn store(directory: &Path) -> Store {
    let url = format!("sqlite://{}/consent.db", directory.display());
    let opened = Database::open(&DatabaseUrl::from(url), MIGRATIONS, "migrations").await;
    Store::new(opened.unwrap())
}

/// Whose requests these are, and the key by which their content is known again.
pub(crate) struct Portal {
    caller: Caller,
    index: BlindIndex,
}

impl Portal {
    pub(crate) fn new(tenant: &str) -> Self {
        let id = "spiffe://vow.local/workload/portal";
        let table = format!(
            r#"[[caller]]
            id = "{id}"
            kind = "workload"
            tenants = ["*"]
            methods = ["vow.consent.v1.ConsentService/*"]"#
        );
        let callers = Callers::parse(&table).unwrap();
        let tenant = Tenant::parse(tenant).unwrap();
        let method = "vow.consent.v1.ConsentService/Check";
        Self {
            caller: callers.admit(id, tenant, method).unwrap(),
            index: BlindIndex::new(Key::generate()),
        }
    }

    /// A request with an id and a content.
    pub(crate) fn request(&self, id: &str, content: &str, wish: Wish) -> Write {
        let (caller, index) = (&self.caller, &self.index);
        let request = RequestKey::new(caller, "Method", id, index, content.as_bytes());
        Write {
            request: request.unwrap(),
            record: Uuid::new_v4(),
            wish,
        }
    }

    /// A request like no other.
    pub(crate) fn once(&self, wish: Wish) -> Write {
        self.request(&Uuid::new_v4().to_string(), "", wish)
    }
}
