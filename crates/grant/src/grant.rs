//! The grant: who may do what with whose data, for what, and until when.

use std::fmt;

use aws_lc_rs::digest::SHA256;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    SigningKey,
    jwt::{self, Kind},
};

pub(crate) const KIND: Kind = Kind {
    name: "grant+jwt",
    bytes_max: 8 * 1024,
};

/// One permission of one caller. It prints as its id only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Claims", try_from = "Claims")]
pub struct Grant {
    /// The service that decided.
    pub iss: String,
    /// The vault that may honour it: `identity` or `payments-data`.
    pub aud: String,
    /// The SPIFFE id of the only caller that may use it.
    pub holder: String,
    /// The tenant whose data it is.
    pub tenant: String,
    /// Whose data it is, within the tenant.
    pub scope: Scope,
    /// What may be done.
    pub action: Action,
    /// What it is done for.
    pub purpose: String,
    /// The data categories it covers, and no others.
    pub categories: Vec<String>,
    /// The policy clauses that permit it.
    pub clauses: Vec<String>,
    /// The legal basis of the permission, in the word of the policy file; `None` of an older issuer.
    pub basis: Option<String>,
    /// The policy version it was decided by.
    pub policy_version: String,
    /// The consent revision of the tenant it was decided at.
    pub revision: u64,
    /// When it was issued, in Unix seconds.
    pub iat: u64,
    /// When it ends, in Unix seconds: from that second on it is refused.
    pub exp: u64,
    /// Its own id.
    pub jti: Uuid,
}

impl fmt::Debug for Grant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Grant")
            .field("jti", &self.jti)
            .finish_non_exhaustive()
    }
}

/// Whose data a grant covers. It does not print ids.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One person.
    Subject(Uuid),
    /// One order of one person, and nothing else of theirs.
    Order {
        /// The person.
        subject: Uuid,
        /// The order.
        order: Uuid,
    },
    /// Everyone together, nobody in particular.
    Aggregate,
}

impl fmt::Debug for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Subject(_) => "Subject(..)",
            Self::Order { .. } => "Order { .. }",
            Self::Aggregate => "Aggregate",
        })
    }
}

/// What a grant lets its holder do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Take data in.
    Collect {
        /// The declared collection point.
        point: String,
        /// The person's act that gives the data, such as `typed`.
        act: String,
    },
    /// Use data inside.
    Use,
    /// Give data to a third party.
    Disclose {
        /// The id of the registered recipient.
        recipient: String,
        /// The kind of recipient, which decides the clause.
        recipient_kind: String,
    },
}

impl Grant {
    /// The service that decides, and so the issuer of grants.
    pub const ISSUER: &'static str = "consent";
}

/// Signs a grant. Whether its `iss` is the key's own is for the verifier's bundle to say.
pub fn issue(key: &SigningKey, grant: &Grant) -> String {
    jwt::sign(key, &KIND, grant)
}

/// SHA-256 of a token: what a record names a grant by, without being usable as one.
pub fn digest(token: &str) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&SHA256, token.as_bytes());
    digest.as_ref().try_into().expect("SHA-256 gives 32 bytes")
}

/// A grant as its token has it: `sub` alone is a subject, `sub` with `order` an order, and
/// `"scope": "aggregate"` neither. A claim not named here may restrict, so it is refused.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    iss: String,
    aud: String,
    holder: String,
    tenant: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    action: Action,
    purpose: String,
    categories: Vec<String>,
    clauses: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    basis: Option<String>,
    policy_version: String,
    revision: u64,
    iat: u64,
    exp: u64,
    jti: Uuid,
}

impl From<Grant> for Claims {
    fn from(grant: Grant) -> Self {
        let (sub, order, scope) = match grant.scope {
            Scope::Subject(subject) => (Some(subject), None, None),
            Scope::Order { subject, order } => (Some(subject), Some(order), None),
            Scope::Aggregate => (None, None, Some("aggregate".to_owned())),
        };
        Self {
            iss: grant.iss,
            aud: grant.aud,
            holder: grant.holder,
            tenant: grant.tenant,
            sub,
            order,
            scope,
            action: grant.action,
            purpose: grant.purpose,
            categories: grant.categories,
            clauses: grant.clauses,
            basis: grant.basis,
            policy_version: grant.policy_version,
            revision: grant.revision,
            iat: grant.iat,
            exp: grant.exp,
            jti: grant.jti,
        }
    }
}

impl TryFrom<Claims> for Grant {
    type Error = &'static str;

    fn try_from(claims: Claims) -> Result<Self, Self::Error> {
        let scope = match (claims.sub, claims.order, claims.scope.as_deref()) {
            (Some(subject), None, None) => Scope::Subject(subject),
            (Some(subject), Some(order), None) => Scope::Order { subject, order },
            (None, None, Some("aggregate")) => Scope::Aggregate,
            _ => return Err("sub, order and scope do not fit together"),
        };
        Ok(Self {
            iss: claims.iss,
            aud: claims.aud,
            holder: claims.holder,
            tenant: claims.tenant,
            scope,
            action: claims.action,
            purpose: claims.purpose,
            categories: claims.categories,
            clauses: claims.clauses,
            basis: claims.basis,
            policy_version: claims.policy_version,
            revision: claims.revision,
            iat: claims.iat,
            exp: claims.exp,
            jti: claims.jti,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const ISSUED_AT: u64 = 1_800_000_000;

    pub(crate) fn grant() -> Grant {
        Grant {
            iss: "consent".to_owned(),
            aud: "identity".to_owned(),
            holder: "spiffe://example.org/newsletter".to_owned(),
            tenant: "acme".to_owned(),
            scope: Scope::Subject(Uuid::from_u128(0xca7a)),
            action: Action::Use,
            purpose: "newsletter".to_owned(),
            categories: vec!["user.contact.email".to_owned()],
            clauses: vec!["disclose.providers-with-permission".to_owned()],
            basis: Some("CONSENT".to_owned()),
            policy_version: "2026-11-01".to_owned(),
            revision: 7,
            iat: ISSUED_AT,
            exp: ISSUED_AT + 60,
            jti: Uuid::from_u128(1),
        }
    }

    #[test]
    fn a_grant_prints_without_its_subject() {
        for scope in [
            grant().scope,
            Scope::Order {
                subject: Uuid::max(),
                order: Uuid::max(),
            },
        ] {
            let printed = format!("{:?} {scope:?}", Grant { scope, ..grant() });
            assert!(
                !printed.contains("ca7a") && !printed.contains("ffff"),
                "{printed}"
            );
        }
    }

    #[test]
    fn the_digest_is_sha256_of_the_token() {
        // FIPS 180-2, appendix B.1.
        let hex = digest("abc").map(|byte| format!("{byte:02x}")).concat();
        assert_eq!(
            hex,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
