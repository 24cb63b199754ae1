//! The consent receipt: what a person keeps of a choice they made.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    KeyBundle, SigningKey, TokenError,
    jwt::{self, Kind},
};

const KIND: Kind = Kind {
    name: "consent-receipt+jwt",
    bytes_max: 64 * 1024,
};

/// A choice and all it was made under, with the names of ISO/IEC TS 27560:2023 where it has one.
/// It never expires and prints as its id only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentReceipt {
    /// The service that recorded the choice.
    pub iss: String,
    /// The form of the receipt: [`ConsentReceipt::SCHEMA_VERSION`].
    pub schema_version: String,
    /// The id of the record it is a receipt of.
    pub record_id: Uuid,
    /// The person, by their random id.
    pub pii_principal_id: Uuid,
    /// The tenant the choice was made towards.
    pub tenant: String,
    /// The purpose chosen about.
    pub purpose: String,
    /// The recipient chosen about, where the choice is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// How the choice was expressed.
    pub event_type: ConsentType,
    /// What was chosen.
    pub event_state: ConsentState,
    /// When, in Unix seconds.
    pub event_time: u64,
    /// When the choice lapses, in Unix seconds; absent when it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    /// By which means the choice came, such as `WEB_FORM`.
    pub source: String,
    /// The policy version in force.
    pub policy_version: String,
    /// The digest of that version, so that its text can be checked.
    pub policy_digest: String,
    /// The tenant's consent revision that made the choice effective.
    pub revision: u64,
}

/// How a choice was expressed, by the names of the Data Privacy Vocabulary 2.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConsentType {
    /// Inferred from conduct after notice.
    ImpliedConsent,
    /// Expressed by an act of the person.
    ExpressedConsent,
    /// Expressed by an act that served nothing else.
    ExplicitlyExpressedConsent,
}

/// What became of a consent, by the names of the Data Privacy Vocabulary 2.3. Only
/// `ConsentGiven` and `RenewedConsentGiven` permit anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConsentState {
    /// Nothing is known.
    ConsentUnknown,
    /// Asked for, not answered.
    ConsentRequested,
    /// Asked for, and the answer put off.
    ConsentRequestDeferred,
    /// Asked for, and refused.
    ConsentRefused,
    /// Given.
    ConsentGiven,
    /// Given again.
    RenewedConsentGiven,
    /// Lapsed.
    ConsentExpired,
    /// Taken back by the person.
    ConsentWithdrawn,
    /// Ended by the controller.
    ConsentRevoked,
    /// Ended by an authority.
    ConsentInvalidated,
}

impl ConsentReceipt {
    /// The service that records choices, and the only one whose key signs receipts.
    pub const ISSUER: &'static str = "consent";

    /// The form written now.
    pub const SCHEMA_VERSION: &'static str = "consent-receipt/1";

    /// The signed receipt.
    pub fn sign(&self, key: &SigningKey) -> String {
        jwt::sign(key, &KIND, self)
    }

    /// The receipt of a token, if a key of [`ConsentReceipt::ISSUER`] signed it.
    pub fn verify(token: &str, keys: &KeyBundle) -> Result<Self, TokenError> {
        jwt::verify(token, &KIND, keys, &[Self::ISSUER])
    }
}

impl fmt::Debug for ConsentReceipt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut printed = formatter.debug_struct("ConsentReceipt");
        printed
            .field("record_id", &self.record_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErasureCertificate;

    fn receipt() -> ConsentReceipt {
        ConsentReceipt {
            iss: "consent".to_owned(),
            schema_version: ConsentReceipt::SCHEMA_VERSION.to_owned(),
            record_id: Uuid::from_u128(1),
            pii_principal_id: Uuid::from_u128(0xca7a),
            tenant: "acme".to_owned(),
            purpose: "newsletter".to_owned(),
            recipient: Some("mailer".to_owned()),
            event_type: ConsentType::ExplicitlyExpressedConsent,
            event_state: ConsentState::ConsentGiven,
            event_time: 1_800_000_000,
            expires_at: None,
            source: "WEB_FORM".to_owned(),
            policy_version: "2026-11-01".to_owned(),
            policy_digest: "00ff".to_owned(),
            revision: 7,
        }
    }

    #[test]
    fn a_receipt_is_signed_by_its_only_issuer_and_in_its_own_name() {
        let key = SigningKey::generate();
        for (signer, iss, verified) in [
            ("consent", "consent", Ok(receipt())),
            ("consent", "identity", Err(TokenError::Issuer)),
            ("identity", "consent", Err(TokenError::Issuer)),
            ("identity", "identity", Err(TokenError::Issuer)),
        ] {
            let iss = iss.to_owned();
            let token = ConsentReceipt { iss, ..receipt() }.sign(&key);
            let keys = KeyBundle::new(vec![key.jwk(signer)]).unwrap();
            assert_eq!(ConsentReceipt::verify(&token, &keys), verified, "{signer}");
        }
    }

    #[test]
    fn a_receipt_is_not_taken_for_a_certificate() {
        let key = SigningKey::generate();
        let keys = KeyBundle::new(vec![key.jwk("consent")]).unwrap();
        let taken = ErasureCertificate::verify(&receipt().sign(&key), &keys);
        assert_eq!(taken, Err(TokenError::Malformed));
    }

    #[test]
    fn states_are_written_with_their_vocabulary_names() {
        let json = serde_json::to_value(receipt()).unwrap();
        assert_eq!(json["event_state"], "ConsentGiven");
        assert_eq!(json["event_type"], "ExplicitlyExpressedConsent");
        assert_eq!(json.get("expires_at"), None);
    }

    #[test]
    fn a_receipt_prints_without_the_person() {
        assert!(!format!("{:?}", receipt()).contains("ca7a"));
    }
}
