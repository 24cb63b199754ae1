//! Signed tokens of any kind: the compact form, its signature, and who may sign for whom.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{KeyBundle, SigningKey};

/// The only algorithm: Ed25519, under its name of RFC 8037.
const ALGORITHM: &str = "EdDSA";

/// What a token is, so that none can be taken for another (RFC 8725, section 3.11).
pub(crate) struct Kind {
    /// The `typ` of the header.
    pub(crate) name: &'static str,
    /// Longer tokens are refused unread.
    pub(crate) bytes_max: usize,
}

/// Why a token of any kind is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is too long, not three parts of Base64url, another kind of token, or has other claims.
    #[error("the token is not of the expected form")]
    Malformed,
    /// No known key has its key id.
    #[error("the token is signed with an unknown key")]
    UnknownKey,
    /// The signature is not that key's over these bytes.
    #[error("the signature of the token does not verify")]
    Signature,
    /// The key is known, and is not the named issuer's; or it is, and tokens of this kind are not
    /// that issuer's to sign.
    #[error("the token is not signed by an issuer of such tokens")]
    Issuer,
}

/// The whole header. A member not named here is refused, `crit` (RFC 7515, section 4.1.11), `jwk`
/// and `jku` among them. The strings borrow: a header that needs escapes is not one of ours.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    alg: &'a str,
    kid: &'a str,
    typ: &'a str,
}

/// The one claim that every kind of token has.
#[derive(Deserialize)]
struct Issued {
    iss: String,
}

/// The token with these claims, one of which must be `iss`.
pub(crate) fn sign(key: &SigningKey, kind: &Kind, claims: &impl Serialize) -> String {
    let header = Header {
        alg: ALGORITHM,
        kid: key.kid(),
        typ: kind.name,
    };
    let signing_input = format!("{}.{}", encode(&header), encode(claims));
    let signature = BASE64_URL_SAFE_NO_PAD.encode(key.sign(signing_input.as_bytes()));
    format!("{signing_input}.{signature}")
}

/// The claims of a token, after its form, kind, key, signature and issuer are found right.
///
/// A bundle holds the keys of several services: whose key it is says nothing about what the key may
/// sign, so whoever verifies names the `issuers` of this kind.
pub(crate) fn verify<C: DeserializeOwned>(
    token: &str,
    kind: &Kind,
    keys: &KeyBundle,
    issuers: &[&str],
) -> Result<C, TokenError> {
    if token.len() > kind.bytes_max {
        return Err(TokenError::Malformed);
    }
    let (signing_input, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
    let (header, claims) = signing_input.split_once('.').ok_or(TokenError::Malformed)?;
    let header = decode(header)?;
    let header: Header<'_> = parse(&header)?;
    if header.alg != ALGORITHM || header.typ != kind.name {
        return Err(TokenError::Malformed);
    }
    let key = keys.key(header.kid).ok_or(TokenError::UnknownKey)?;
    if !key.verifies(signing_input.as_bytes(), &decode(signature)?) {
        return Err(TokenError::Signature);
    }
    let claims = decode(claims)?;
    let Issued { iss } = parse(&claims)?;
    if iss != key.issuer() || !issuers.contains(&iss.as_str()) {
        return Err(TokenError::Issuer);
    }
    parse(&claims)
}

fn encode(part: &impl Serialize) -> String {
    let json = serde_json::to_vec(part).expect("headers and claims are plain values");
    BASE64_URL_SAFE_NO_PAD.encode(json)
}

fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    BASE64_URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| TokenError::Malformed)
}

fn parse<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, TokenError> {
    serde_json::from_slice(json).map_err(|_| TokenError::Malformed)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac::{self, HMAC_SHA256};
    use serde_json::{Value, json};

    use super::*;

    const KIND: Kind = Kind {
        name: "example+jwt",
        bytes_max: 300,
    };

    fn key_and_bundle() -> (SigningKey, KeyBundle) {
        let key = SigningKey::generate();
        let bundle = KeyBundle::new(vec![key.jwk("consent")]).expect("one good key");
        (key, bundle)
    }

    /// A token with any header and claims, signed as it should be.
    fn signed(key: &SigningKey, header: &str, claims: &str) -> String {
        let [header, claims] = [header, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
        let signing_input = format!("{header}.{claims}");
        let signature = BASE64_URL_SAFE_NO_PAD.encode(key.sign(signing_input.as_bytes()));
        format!("{signing_input}.{signature}")
    }

    fn refusal(token: &str, keys: &KeyBundle) -> Option<TokenError> {
        verify::<Value>(token, &KIND, keys, &["consent"]).err()
    }

    #[test]
    fn what_was_signed_is_what_is_read() {
        let (key, keys) = key_and_bundle();
        let claims = json!({"iss": "consent", "n": 1});
        let token = sign(&key, &KIND, &claims);
        assert_eq!(verify(&token, &KIND, &keys, &["consent"]), Ok(claims));
    }

    #[test]
    fn no_character_can_be_changed_or_cut_off() {
        let (key, keys) = key_and_bundle();
        let token = sign(&key, &KIND, &json!({"iss": "consent", "n": 1}));
        for index in 0..token.len() {
            assert!(
                refusal(&token[..index], &keys).is_some(),
                "cut to {index} characters"
            );
            for replacement in ["A", "B", "_", ".", "="] {
                let mut altered = token.clone();
                altered.replace_range(index..=index, replacement);
                if altered != token {
                    assert!(
                        refusal(&altered, &keys).is_some(),
                        "{index} became {replacement}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_header_other_than_ours_is_refused_even_when_signed() {
        let (key, keys) = key_and_bundle();
        let kid = key.kid();
        let claims = r#"{"iss":"consent"}"#;
        let ours = format!(r#""kid":"{kid}","typ":"example+jwt""#);
        assert_eq!(
            refusal(
                &signed(&key, &format!(r#"{{"alg":"EdDSA",{ours}}}"#), claims),
                &keys
            ),
            None
        );
        for (fault, header) in [
            ("no algorithm", format!("{{{ours}}}")),
            ("alg none", format!(r#"{{"alg":"none",{ours}}}"#)),
            ("alg HS256", format!(r#"{{"alg":"HS256",{ours}}}"#)),
            (
                "alg in another case",
                format!(r#"{{"alg":"eddsa",{ours}}}"#),
            ),
            (
                "alg twice",
                format!(r#"{{"alg":"none","alg":"EdDSA",{ours}}}"#),
            ),
            (
                "critical extension",
                format!(r#"{{"alg":"EdDSA","crit":["b64"],"b64":false,{ours}}}"#),
            ),
            (
                "unknown member",
                format!(r#"{{"alg":"EdDSA","jku":"https://example.org",{ours}}}"#),
            ),
            ("no typ", format!(r#"{{"alg":"EdDSA","kid":"{kid}"}}"#)),
            (
                "another typ",
                format!(r#"{{"alg":"EdDSA","kid":"{kid}","typ":"grant+jwt"}}"#),
            ),
            (
                "no kid",
                r#"{"alg":"EdDSA","typ":"example+jwt"}"#.to_owned(),
            ),
            ("not JSON", "EdDSA".to_owned()),
        ] {
            let token = signed(&key, &header, claims);
            assert_eq!(
                refusal(&token, &keys),
                Some(TokenError::Malformed),
                "{fault}"
            );
        }
        let unknown = r#"{"alg":"EdDSA","kid":"other","typ":"example+jwt"}"#;
        assert_eq!(
            refusal(&signed(&key, unknown, claims), &keys),
            Some(TokenError::UnknownKey)
        );
    }

    #[test]
    fn an_unsigned_or_hmac_signed_token_is_refused() {
        let (key, keys) = key_and_bundle();
        let token = sign(&key, &KIND, &json!({"iss": "consent"}));
        let (signing_input, _) = token.rsplit_once('.').expect("three parts");
        // The known confusion: the public key, which everyone has, used as the secret of an HMAC.
        let public = BASE64_URL_SAFE_NO_PAD
            .decode(key.jwk("consent").x)
            .expect("a public key");
        let tag = hmac::sign(
            &hmac::Key::new(HMAC_SHA256, &public),
            signing_input.as_bytes(),
        );
        for signature in [String::new(), BASE64_URL_SAFE_NO_PAD.encode(tag)] {
            let forged = format!("{signing_input}.{signature}");
            assert_eq!(refusal(&forged, &keys), Some(TokenError::Signature));
        }
    }

    #[test]
    fn a_key_signs_for_its_own_issuer_only() {
        let (key, keys) = key_and_bundle();
        for (claims, refused) in [
            (json!({"iss": "consent"}), None),
            (json!({"iss": "disclosure-audit"}), Some(TokenError::Issuer)),
            (json!({"iss": ""}), Some(TokenError::Issuer)),
            (json!({}), Some(TokenError::Malformed)),
        ] {
            assert_eq!(
                refusal(&sign(&key, &KIND, &claims), &keys),
                refused,
                "{claims}"
            );
        }
    }

    #[test]
    fn only_the_issuers_of_a_kind_sign_it() {
        let (key, keys) = key_and_bundle();
        let token = sign(&key, &KIND, &json!({"iss": "consent"}));
        for (issuers, refused) in [
            (&["consent"][..], None),
            (&["identity", "consent"], None),
            (&["identity"], Some(TokenError::Issuer)),
            (&[], Some(TokenError::Issuer)),
        ] {
            let verified = verify::<Value>(&token, &KIND, &keys, issuers);
            assert_eq!(verified.err(), refused, "{issuers:?}");
        }
    }

    #[test]
    fn a_token_over_its_length_is_refused() {
        let (key, keys) = key_and_bundle();
        let header = format!(
            r#"{{"alg":"EdDSA","kid":"{}","typ":"example+jwt"}}"#,
            key.kid()
        );
        let claims = |padding: usize| format!(r#"{{"iss":"consent"}}{}"#, " ".repeat(padding));
        let lengths = (0..=120).map(|padding| {
            let token = signed(&key, &header, &claims(padding));
            (token.len(), refusal(&token, &keys).is_none())
        });
        let mut reached = false;
        for (length, accepted) in lengths {
            assert_eq!(accepted, length <= KIND.bytes_max, "{length} characters");
            reached |= length == KIND.bytes_max;
        }
        assert!(reached, "the boundary itself was tried");
    }
}
