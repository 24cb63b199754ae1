//! Who is at the other end: the SPIFFE id in its certificate.

use x509_parser::{
    extensions::GeneralName,
    prelude::{FromDer, X509Certificate},
};

/// The longest SPIFFE id (SPIFFE ID standard, section 2.3).
const ID_LENGTH_MAX: usize = 2048;

/// The SPIFFE id of a certificate whose chain has been verified. `None` when it does not have
/// exactly one URI name (X.509-SVID standard, section 2) or that is not a SPIFFE id.
pub fn spiffe_id(certificate: &[u8]) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let names = certificate.subject_alternative_name().ok()??;
    let mut uris = names
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        });
    let (Some(id), None) = (uris.next(), uris.next()) else {
        return None;
    };
    is_spiffe_id(id).then(|| id.to_owned())
}

/// A trust domain and a path: an id without a path is a whole domain, and no peer.
pub(crate) fn is_spiffe_id(id: &str) -> bool {
    let parts = id
        .strip_prefix("spiffe://")
        .and_then(|it| it.split_once('/'));
    let complete = parts.is_some_and(|(domain, path)| !domain.is_empty() && !path.is_empty());
    complete && id.len() <= ID_LENGTH_MAX
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    fn certificate(uris: &[&str]) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        for uri in uris {
            params
                .subject_alt_names
                .push(SanType::URI((*uri).try_into().expect("ASCII")));
        }
        let key = KeyPair::generate().expect("a key");
        params
            .self_signed(&key)
            .expect("a certificate")
            .der()
            .to_vec()
    }

    #[test]
    fn exactly_one_spiffe_id_identifies_a_peer() {
        let shop = "spiffe://vow.local/workload/shop";
        for (uris, id) in [
            (&[shop][..], Some(shop)),
            (&[], None),
            (&[shop, "spiffe://vow.local/workload/other"], None),
            (&[shop, "https://example.org"], None),
            (&["https://vow.local/workload/shop"], None),
            (&["SPIFFE://vow.local/workload/shop"], None),
            (&["spiffe://vow.local"], None),
            (&["spiffe:///workload/shop"], None),
        ] {
            assert_eq!(spiffe_id(&certificate(uris)).as_deref(), id, "{uris:?}");
        }
        assert_eq!(spiffe_id(b"not a certificate"), None);
    }
}
