//! The erasure certificate: what was destroyed of a person, and what stays and why.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    KeyBundle, SigningKey, TokenError,
    jwt::{self, Kind},
};

/// A person may have had thousands of orders, each with a key of its own.
const KIND: Kind = Kind {
    name: "erasure-certificate+jwt",
    bytes_max: 1024 * 1024,
};

/// The end of a person's data. It never expires, and prints nothing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureCertificate {
    /// The service that carried the erasure out.
    pub iss: String,
    /// The tenant that held the data.
    pub tenant: String,
    /// The person, by the random id that nothing leads to any more.
    pub subject: Uuid,
    /// When erasure was asked for, in Unix seconds.
    pub requested_at: u64,
    /// When the last key was destroyed, in Unix seconds.
    pub completed_at: u64,
    /// The ids of the destroyed keys, by the service that held them.
    pub destroyed_keys: BTreeMap<String, Vec<Uuid>>,
    /// The indices of the log entries that record it.
    pub log_entries: Vec<u64>,
    /// What was not destroyed.
    pub retained: Vec<Retained>,
}

/// Something that outlives the erasure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retained {
    /// What stays.
    pub what: String,
    /// On what ground it stays.
    pub why: String,
    /// When it goes too, in Unix seconds; absent when that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
}

impl ErasureCertificate {
    /// The service that carries erasures out, and the only one whose key signs certificates.
    pub const ISSUER: &'static str = "identity";

    /// The signed certificate.
    pub fn sign(&self, key: &SigningKey) -> String {
        jwt::sign(key, &KIND, self)
    }

    /// The certificate of a token, if a key of [`ErasureCertificate::ISSUER`] signed it.
    pub fn verify(token: &str, keys: &KeyBundle) -> Result<Self, TokenError> {
        jwt::verify(token, &KIND, keys, &[Self::ISSUER])
    }
}

impl fmt::Debug for ErasureCertificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ErasureCertificate")
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> ErasureCertificate {
        let key_ids = |count: u128| (0..count).map(Uuid::from_u128).collect();
        ErasureCertificate {
            iss: "identity".to_owned(),
            tenant: "acme".to_owned(),
            subject: Uuid::from_u128(0xca7a),
            requested_at: 1_800_000_000,
            completed_at: 1_800_000_009,
            destroyed_keys: BTreeMap::from([
                ("identity".to_owned(), key_ids(1)),
                ("payments-data".to_owned(), key_ids(10_000)),
            ]),
            log_entries: vec![17, 18],
            retained: vec![Retained {
                what: "the key of the disclosure records".to_owned(),
                why: "stated evidence retention".to_owned(),
                until: Some(1_900_000_000),
            }],
        }
    }

    #[test]
    fn a_certificate_of_ten_thousand_orders_is_signed_by_its_only_issuer() {
        let key = SigningKey::generate();
        for (signer, iss, verified) in [
            ("identity", "identity", Ok(certificate())),
            ("identity", "consent", Err(TokenError::Issuer)),
            ("consent", "identity", Err(TokenError::Issuer)),
            ("consent", "consent", Err(TokenError::Issuer)),
        ] {
            let iss = iss.to_owned();
            let certificate = ErasureCertificate {
                iss,
                ..certificate()
            };
            let token = certificate.sign(&key);
            let keys = KeyBundle::new(vec![key.jwk(signer)]).unwrap();
            assert_eq!(
                ErasureCertificate::verify(&token, &keys),
                verified,
                "{signer}"
            );
        }
    }

    #[test]
    fn a_certificate_prints_nothing() {
        assert_eq!(format!("{:?}", certificate()), "ErasureCertificate { .. }");
    }
}
