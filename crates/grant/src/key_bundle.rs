//! The public keys that tokens are verified with, and the issuer each may sign for.

use std::collections::HashMap;

use aws_lc_rs::signature::{ED25519, ParsedPublicKey};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

/// A public Ed25519 key as JSON Web Key (RFC 7517, RFC 8037), with one member more: the `iss` it
/// may sign for. No other member is allowed, above all not `d`, the private key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jwk {
    kty: String,
    crv: String,
    /// The key id, unique in its bundle.
    pub kid: String,
    /// The one issuer whose tokens it signs.
    pub iss: String,
    /// The public key: 32 bytes in Base64url.
    pub x: String,
}

impl Jwk {
    pub(crate) fn ed25519(kid: &str, issuer: &str, x: String) -> Self {
        let [kty, crv, kid, iss] = ["OKP", "Ed25519", kid, issuer].map(str::to_owned);
        Self {
            kty,
            crv,
            kid,
            iss,
            x,
        }
    }
}

/// A JSON Web Key Set, as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeySet {
    keys: Vec<Jwk>,
}

/// The known public keys by key id. To rotate, a bundle holds the old key and the new one.
#[derive(Debug)]
pub struct KeyBundle {
    keys: HashMap<String, PublicKey>,
}

/// A known public key.
#[derive(Debug)]
pub(crate) struct PublicKey {
    issuer: String,
    key: ParsedPublicKey,
}

impl PublicKey {
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }
}

/// Why a bundle was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyBundleError {
    /// It is not a JSON Web Key Set with exactly the members of [`Jwk`].
    #[error("the key bundle is not a set of public keys with kty, crv, kid, iss and x")]
    Malformed,
    /// A key is not an Ed25519 public key.
    #[error("key {index} of the bundle is not an Ed25519 public key")]
    KeyRejected {
        /// Counted from 0.
        index: usize,
    },
    /// Two keys have the same id, and a token could not say which signed it.
    #[error("key {index} of the bundle repeats a key id")]
    RepeatedId {
        /// Counted from 0.
        index: usize,
    },
}

impl KeyBundle {
    /// The bundle of these keys. An empty one verifies nothing.
    pub fn new(jwks: Vec<Jwk>) -> Result<Self, KeyBundleError> {
        let mut keys = HashMap::new();
        for (index, jwk) in jwks.into_iter().enumerate() {
            let key = public_key(&jwk).ok_or(KeyBundleError::KeyRejected { index })?;
            if keys
                .insert(
                    jwk.kid,
                    PublicKey {
                        issuer: jwk.iss,
                        key,
                    },
                )
                .is_some()
            {
                return Err(KeyBundleError::RepeatedId { index });
            }
        }
        Ok(Self { keys })
    }

    /// Reads a JSON Web Key Set.
    pub fn parse(json: &str) -> Result<Self, KeyBundleError> {
        let set: KeySet = serde_json::from_str(json).map_err(|_| KeyBundleError::Malformed)?;
        Self::new(set.keys)
    }

    /// Writes keys as the JSON Web Key Set that [`KeyBundle::parse`] reads.
    pub fn to_json(jwks: &[Jwk]) -> String {
        let set = KeySet {
            keys: jwks.to_vec(),
        };
        serde_json::to_string_pretty(&set).expect("keys are plain strings")
    }

    pub(crate) fn key(&self, kid: &str) -> Option<&PublicKey> {
        self.keys.get(kid)
    }
}

fn public_key(jwk: &Jwk) -> Option<ParsedPublicKey> {
    if jwk.kty != "OKP" || jwk.crv != "Ed25519" {
        return None;
    }
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(&jwk.x).ok()?;
    // The parser would also take an SPKI document; RFC 8037 has the 32 bytes themselves.
    let bytes: [u8; 32] = bytes.try_into().ok()?;
    ParsedPublicKey::new(&ED25519, bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SigningKey;

    #[test]
    fn a_written_bundle_is_read_with_each_key_for_its_issuer() {
        let [old, new] = [(); 2].map(|()| SigningKey::generate());
        let json = KeyBundle::to_json(&[old.jwk("consent"), new.jwk("disclosure-audit")]);
        let bundle = KeyBundle::parse(&json).expect("written just now");
        for (key, issuer) in [(&old, "consent"), (&new, "disclosure-audit")] {
            let public = bundle.key(key.kid()).expect("both are in the bundle");
            assert_eq!(public.issuer(), issuer);
            assert!(public.verifies(b"message", key.sign(b"message").as_ref()));
            assert!(!public.verifies(b"massage", key.sign(b"message").as_ref()));
        }
        assert!(bundle.key("other").is_none());
    }

    #[test]
    fn a_faulty_bundle_is_refused() {
        let jwk = SigningKey::generate().jwk("consent");
        let good = KeyBundle::to_json(std::slice::from_ref(&jwk));
        let rejected = KeyBundleError::KeyRejected { index: 0 };
        for (fault, json, error) in [
            ("not JSON", String::new(), KeyBundleError::Malformed),
            (
                "a private key",
                good.replace(r#""x""#, r#""d": "AA", "x""#),
                KeyBundleError::Malformed,
            ),
            (
                "no issuer",
                good.replace(r#""iss": "consent","#, ""),
                KeyBundleError::Malformed,
            ),
            ("another key type", good.replace("OKP", "RSA"), rejected),
            ("another curve", good.replace("Ed25519", "Ed448"), rejected),
            ("a short key", good.replace(&jwk.x, &jwk.x[..42]), rejected),
            (
                "a long key",
                good.replace(&jwk.x, &format!("{}AAAA", jwk.x)),
                rejected,
            ),
        ] {
            assert_eq!(KeyBundle::parse(&json).err(), Some(error), "{fault}");
        }
        let repeated = KeyBundle::new(vec![jwk.clone(), jwk]);
        assert_eq!(
            repeated.err(),
            Some(KeyBundleError::RepeatedId { index: 1 })
        );
    }
}
