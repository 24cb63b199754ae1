//! Whether a grant that came with a call is honoured.

use crate::{Grant, KeyBundle, TokenError, grant::KIND, jwt};

/// A grant that would live longer is refused, whoever signed it.
pub const LIFETIME_SECONDS_MAX: u64 = 300;

/// How far an issuer's clock may be ahead of ours, in seconds.
const CLOCK_SKEW_SECONDS_MAX: u64 = 5;

/// What the verifier knows of the call that brought the grant.
#[derive(Debug, Clone, Copy)]
pub struct Expect<'a> {
    /// The services whose grants are honoured, such as [`Grant::ISSUER`] alone.
    pub issuers: &'a [&'a str],
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

/// The grant of a token, if it is genuine, current, and meant for this service and this call.
pub fn verify(token: &str, keys: &KeyBundle, expect: &Expect<'_>) -> Result<Grant, GrantError> {
    let grant: Grant = jwt::verify(token, &KIND, keys, expect.issuers)?;
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::{
        Action, Scope, SigningKey,
        grant::tests::{ISSUED_AT, grant},
        issue,
        jwt::Kind,
    };

    const EXPECT: Expect<'_> = Expect {
        issuers: &[Grant::ISSUER],
        audience: "identity",
        holder: "spiffe://example.org/newsletter",
        tenant: "acme",
        now: ISSUED_AT,
    };

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
    fn a_key_of_another_service_signs_no_grant_even_in_its_own_name() {
        let (key, certificate_key) = (SigningKey::generate(), SigningKey::generate());
        let jwks = vec![key.jwk("consent"), certificate_key.jwk("identity")];
        let keys = KeyBundle::new(jwks).unwrap();
        let both = Expect {
            issuers: &["consent", "identity"],
            ..EXPECT
        };
        for (signer, iss, expect, honoured) in [
            (&key, "consent", EXPECT, true),
            (&certificate_key, "identity", EXPECT, false),
            (&certificate_key, "consent", EXPECT, false),
            (&certificate_key, "identity", both, true),
            (&certificate_key, "consent", both, false),
        ] {
            let grant = Grant {
                iss: iss.to_owned(),
                ..grant()
            };
            let refused = verify(&issue(signer, &grant), &keys, &expect).err();
            let issuer = GrantError::Token(TokenError::Issuer);
            assert_eq!(refused, (!honoured).then_some(issuer), "{iss} {expect:?}");
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
}
