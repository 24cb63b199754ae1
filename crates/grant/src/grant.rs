//! The grant: who may do what with whose data, for what, and until when.

use std::fmt;

use aws_lc_rs::digest::SHA256;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    KeyBundle, SigningKey, TokenError,
    jwt::{self, Kind},
};

/// A grant that would live longer is refused, whoever signed it.
pub const LIFETIME_SECONDS_MAX: u64 = 300;

/// How far an issuer's clock may be ahead of ours, in seconds.
const CLOCK_SKEW_SECONDS_MAX: u64 = 5;

const KIND: Kind = Kind {
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
            policy_version: claims.policy_version,
            revision: claims.revision,
            iat: claims.iat,
            exp: claims.exp,
            jti: claims.jti,
        })
    }
}

/// What the verifier knows of the call that brought the grant.
#[derive(Debug, Clone, Copy)]
pub struct Expect<'a> {
    /// The verifying service.
    pub audience: &'a str,
    /// The SPIFFE id of the peer.
    pub holder: &'a str,
    /// The tenant the call names.
    pub tenant: &'a str,
    /// The time, in Unix seconds.
    pub now: u64,
}

/// Why a grant is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// The token itself is not believed.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// It ends before it begins, or lives longer than [`LIFETIME_SECONDS_MAX`].
    #[error("the grant has a lifetime that is not allowed")]
    Lifetime,
    /// It was issued in the future, by more than clocks may differ.
    #[error("the grant is not valid yet")]
    NotYetValid,
    /// It has ended.
    #[error("the grant has expired")]
    Expired,
    /// It is for another service.
    #[error("the grant is for another audience")]
    Audience,
    /// It is another caller's.
    #[error("the grant is held by another caller")]
    Holder,
    /// It is for another tenant's data.
    #[error("the grant is for another tenant")]
    Tenant,
}

impl GrantError {
    /// The `ErrorInfo.reason` it is refused with.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Token(_) | Self::Lifetime | Self::NotYetValid => "GRANT_INVALID",
            Self::Expired => "GRANT_EXPIRED",
            Self::Audience => "GRANT_WRONG_AUDIENCE",
            Self::Holder => "GRANT_WRONG_HOLDER",
            Self::Tenant => "GRANT_WRONG_TENANT",
        }
    }
}

/// Signs a grant. Whether its `iss` is the key's own is for the verifier's bundle to say.
pub fn issue(key: &SigningKey, grant: &Grant) -> String {
    jwt::sign(key, &KIND, grant)
}

/// The grant of a token, if it is genuine, current, and meant for this service and this call.
pub fn verify(token: &str, keys: &KeyBundle, expect: &Expect<'_>) -> Result<Grant, GrantError> {
    let grant: Grant = jwt::verify(token, &KIND, keys)?;
    match grant.exp.checked_sub(grant.iat) {
        Some(1..=LIFETIME_SECONDS_MAX) => {}
        _ => return Err(GrantError::Lifetime),
    }
    if grant.iat > expect.now.saturating_add(CLOCK_SKEW_SECONDS_MAX) {
        return Err(GrantError::NotYetValid);
    }
    if expect.now >= grant.exp {
        return Err(GrantError::Expired);
    }
    if grant.aud != expect.audience {
        return Err(GrantError::Audience);
    }
    if grant.holder != expect.holder {
        return Err(GrantError::Holder);
    }
    if grant.tenant != expect.tenant {
        return Err(GrantError::Tenant);
    }
    Ok(grant)
}

/// SHA-256 of a token: what a record names a grant by, without being usable as one.
pub fn digest(token: &str) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&SHA256, token.as_bytes());
    digest.as_ref().try_into().expect("SHA-256 gives 32 bytes")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ISSUED_AT: u64 = 1_800_000_000;
    const EXPECT: Expect<'_> = Expect {
        audience: "identity",
        holder: "spiffe://example.org/newsletter",
        tenant: "acme",
        now: ISSUED_AT,
    };

    fn grant() -> Grant {
        Grant {
            iss: "consent".to_owned(),
            aud: EXPECT.audience.to_owned(),
            holder: EXPECT.holder.to_owned(),
            tenant: EXPECT.tenant.to_owned(),
            scope: Scope::Subject(Uuid::from_u128(0xca7a)),
            action: Action::Use,
            purpose: "newsletter".to_owned(),
            categories: vec!["user.contact.email".to_owned()],
            clauses: vec!["disclose.providers-with-permission".to_owned()],
            policy_version: "2026-11-01".to_owned(),
            revision: 7,
            iat: ISSUED_AT,
            exp: ISSUED_AT + 60,
            jti: Uuid::from_u128(1),
        }
    }

    fn key_and_bundle() -> (SigningKey, KeyBundle) {
        let key = SigningKey::generate();
        let bundle = KeyBundle::new(vec![key.jwk("consent")]).unwrap();
        (key, bundle)
    }

    #[test]
    fn a_grant_of_every_scope_and_action_comes_back() {
        let (key, keys) = key_and_bundle();
        let [subject, order] = [1, 2].map(Uuid::from_u128);
        let [point, act, recipient, recipient_kind] =
            ["site", "typed", "mailer", "provider"].map(str::to_owned);
        for scope in [
            Scope::Subject(subject),
            Scope::Order { subject, order },
            Scope::Aggregate,
        ] {
            for action in [
                Action::Collect {
                    point: point.clone(),
                    act: act.clone(),
                },
                Action::Use,
                Action::Disclose {
                    recipient: recipient.clone(),
                    recipient_kind: recipient_kind.clone(),
                },
            ] {
                let grant = Grant {
                    scope,
                    action,
                    ..grant()
                };
                assert_eq!(verify(&issue(&key, &grant), &keys, &EXPECT), Ok(grant));
            }
        }
    }

    #[test]
    fn time_is_held_to_both_sides_of_every_boundary() {
        let (key, keys) = key_and_bundle();
        for (iat, exp, now, error) in [
            (100, 160, 159, None),
            (100, 160, 160, Some(GrantError::Expired)),
            (100, 160, 95, None),
            (100, 160, 94, Some(GrantError::NotYetValid)),
            (100, 101, 100, None),
            (100, 100, 99, Some(GrantError::Lifetime)),
            (100, 99, 99, Some(GrantError::Lifetime)),
            (100, 400, 399, None),
            (100, 401, 100, Some(GrantError::Lifetime)),
            (0, u64::MAX, 1, Some(GrantError::Lifetime)),
            (u64::MAX - 1, u64::MAX, u64::MAX, Some(GrantError::Expired)),
        ] {
            let token = issue(
                &key,
                &Grant {
                    iat,
                    exp,
                    ..grant()
                },
            );
            let refused = verify(&token, &keys, &Expect { now, ..EXPECT }).err();
            assert_eq!(refused, error, "from {iat} to {exp}, at {now}");
        }
    }

    #[test]
    fn a_grant_is_refused_elsewhere_by_reason() {
        let (key, keys) = key_and_bundle();
        let (_, other_keys) = key_and_bundle();
        let foreign_keys = KeyBundle::new(vec![key.jwk("identity")]).unwrap();
        let token = issue(&key, &grant());
        for (keys, expect, reason) in [
            (
                &keys,
                Expect {
                    audience: "payments-data",
                    ..EXPECT
                },
                "GRANT_WRONG_AUDIENCE",
            ),
            (
                &keys,
                Expect {
                    holder: "spiffe://example.org/other",
                    ..EXPECT
                },
                "GRANT_WRONG_HOLDER",
            ),
            (
                &keys,
                Expect {
                    tenant: "acm",
                    ..EXPECT
                },
                "GRANT_WRONG_TENANT",
            ),
            (
                &keys,
                Expect {
                    now: ISSUED_AT + 60,
                    ..EXPECT
                },
                "GRANT_EXPIRED",
            ),
            (
                &keys,
                Expect {
                    now: ISSUED_AT - 6,
                    ..EXPECT
                },
                "GRANT_INVALID",
            ),
            (&other_keys, EXPECT, "GRANT_INVALID"),
            (&foreign_keys, EXPECT, "GRANT_INVALID"),
        ] {
            let refused = verify(&token, keys, &expect).map_err(|error| error.reason());
            assert_eq!(refused, Err(reason));
        }
    }

    #[test]
    fn no_character_of_a_grant_can_be_changed() {
        let (key, keys) = key_and_bundle();
        let token = issue(&key, &grant());
        for index in 0..token.len() {
            let replacement = if &token[index..=index] == "A" {
                "B"
            } else {
                "A"
            };
            let mut altered = token.clone();
            altered.replace_range(index..=index, replacement);
            let refused = verify(&altered, &keys, &EXPECT).map_err(|error| error.reason());
            assert_eq!(refused, Err("GRANT_INVALID"), "character {index}");
        }
    }

    #[test]
    fn claims_that_do_not_make_one_grant_are_refused_even_when_signed() {
        let (key, keys) = key_and_bundle();
        let with = |changes: &[(&str, Value)]| {
            let mut claims = serde_json::to_value(grant()).unwrap();
            for (name, value) in changes {
                claims[name] = value.clone();
            }
            verify(&jwt::sign(&key, &KIND, &claims), &keys, &EXPECT).err()
        };
        let id = json!(Uuid::from_u128(2));
        let malformed = Some(GrantError::Token(TokenError::Malformed));
        for (changes, error) in [
            (&[][..], None),
            (&[("order", id.clone())], None),
            (&[("sub", json!(null)), ("order", id)], malformed),
            (&[("sub", json!(null))], malformed),
            (&[("scope", json!("aggregate"))], malformed),
            (&[("sub", json!(null)), ("scope", json!("aggregate"))], None),
            (&[("sub", json!(null)), ("scope", json!("all"))], malformed),
            (&[("sub", json!("everyone"))], malformed),
            (&[("only_on", json!("tuesday"))], malformed),
            (&[("action", json!("sell"))], malformed),
            (
                &[("action", json!({"disclose": {"recipient": "mailer"}}))],
                malformed,
            ),
            (&[("exp", json!(-1))], malformed),
        ] {
            assert_eq!(with(changes), error, "{changes:?}");
        }
    }

    #[test]
    fn a_receipt_is_not_a_grant() {
        let (key, keys) = key_and_bundle();
        let kind = Kind {
            name: "consent-receipt+jwt",
            bytes_max: KIND.bytes_max,
        };
        let refused = verify(&jwt::sign(&key, &kind, &grant()), &keys, &EXPECT);
        assert_eq!(refused, Err(GrantError::Token(TokenError::Malformed)));
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
