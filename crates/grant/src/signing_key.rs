//! A private Ed25519 key that signs tokens, and its PKCS#8 forms.

use std::fmt;

use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};

use crate::Jwk;

const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";

/// A private key and its key id. It does not print.
pub struct SigningKey {
    kid: String,
    pair: Ed25519KeyPair,
}

/// The bytes are not an Ed25519 private key in the form asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an Ed25519 private key in PKCS#8")]
pub struct KeyRejected;

impl SigningKey {
    /// A fresh random key.
    pub fn generate() -> Self {
        Self::from_pair(Ed25519KeyPair::generate().expect("the system gives random bytes"))
    }

    /// The key with this seed (RFC 8032, section 5.1.5).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self::from_pair(Ed25519KeyPair::from_seed_unchecked(seed).expect("any 32 bytes are a seed"))
    }

    /// Reads a PKCS#8 key (RFC 5958), DER.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyRejected> {
        Ed25519KeyPair::from_pkcs8(der)
            .map(Self::from_pair)
            .map_err(|_| KeyRejected)
    }

    /// Reads a PKCS#8 key, PEM (RFC 7468), with nothing but white space around it.
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, KeyRejected> {
        let body = pem
            .trim()
            .strip_prefix(PEM_BEGIN)
            .and_then(|rest| rest.strip_suffix(PEM_END))
            .ok_or(KeyRejected)?;
        let base64: String = body.split_ascii_whitespace().collect();
        Self::from_pkcs8_der(&BASE64_STANDARD.decode(base64).map_err(|_| KeyRejected)?)
    }

    /// Writes the private key as PKCS#8 version 1, PEM: the form every tool reads.
    pub fn to_pkcs8_pem(&self) -> String {
        let der = self
            .pair
            .to_pkcs8v1()
            .expect("an Ed25519 key has a PKCS#8 form");
        // 48 bytes of DER, 64 characters: a single line, as RFC 7468 has them.
        format!("{PEM_BEGIN}\n{}\n{PEM_END}\n", BASE64_STANDARD.encode(der))
    }

    /// The key id: the thumbprint of the public key (RFC 7638), so that it needs no administration.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public key as the key of `issuer`, for a [`KeyBundle`](crate::KeyBundle).
    pub fn jwk(&self, issuer: &str) -> Jwk {
        Jwk::ed25519(&self.kid, issuer, public_x(&self.pair))
    }

    pub(crate) fn sign(&self, message: &[u8]) -> impl AsRef<[u8]> + use<> {
        self.pair.sign(message)
    }

    fn from_pair(pair: Ed25519KeyPair) -> Self {
        // RFC 8037, appendix A.3: the required members in this order, without white space.
        let jwk = format!(
            r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#,
            public_x(&pair)
        );
        let kid = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, jwk.as_bytes()));
        Self { kid, pair }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SigningKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

fn public_x(pair: &Ed25519KeyPair) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(pair.public_key())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of RFC 8037, appendix A.1.
    fn rfc_8037() -> SigningKey {
        let seed = BASE64_URL_SAFE_NO_PAD
            .decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
            .expect("the RFC's own text");
        SigningKey::from_seed(&seed.try_into().expect("32 bytes"))
    }

    #[test]
    fn the_public_key_of_rfc_8037_appendix_a2() {
        assert_eq!(
            rfc_8037().jwk("any").x,
            "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
        );
    }

    #[test]
    fn the_thumbprint_of_rfc_8037_appendix_a3() {
        assert_eq!(
            rfc_8037().kid(),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    #[test]
    fn the_signature_of_rfc_8037_appendix_a4() {
        let input = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        assert_eq!(
            BASE64_URL_SAFE_NO_PAD.encode(rfc_8037().sign(input)),
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        );
    }

    #[test]
    fn the_private_key_of_rfc_8410_section_10_3_is_read_and_written() {
        let base64 = "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC";
        let pem = format!("{PEM_BEGIN}\n{base64}\n{PEM_END}\n");
        let key = SigningKey::from_pkcs8_pem(&pem).expect("the RFC's own text");
        assert_eq!(key.to_pkcs8_pem(), pem);
    }

    #[test]
    fn a_written_key_is_the_same_key() {
        let key = SigningKey::generate();
        let read = SigningKey::from_pkcs8_pem(&key.to_pkcs8_pem()).expect("written just now");
        assert_eq!(read.kid(), key.kid());
        assert_ne!(SigningKey::generate().kid(), key.kid());
    }

    #[test]
    fn anything_but_one_private_key_is_refused() {
        let pem = rfc_8037().to_pkcs8_pem();
        for (fault, text) in [
            ("empty", String::new()),
            ("no end", pem.replace(PEM_END, "")),
            ("another label", pem.replace("PRIVATE KEY", "PUBLIC KEY")),
            ("twice", pem.repeat(2)),
            ("cut short", pem.replace("MC4CAQAw", "")),
            ("nothing inside", format!("{PEM_BEGIN}\n{PEM_END}\n")),
        ] {
            assert_eq!(
                SigningKey::from_pkcs8_pem(&text).err(),
                Some(KeyRejected),
                "{fault}"
            );
        }
    }

    #[test]
    fn a_signing_key_prints_its_id_only() {
        let key = rfc_8037();
        assert_eq!(
            format!("{key:?}"),
            format!("SigningKey {{ kid: {:?}, .. }}", key.kid())
        );
    }
}
