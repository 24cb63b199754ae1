//! The client's side of every handshake: only TLS 1.3, and the service must prove what we ask for.

use std::sync::Arc;

use crate::{Material, MaterialError, spiffe_id};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor,
    },
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};

/// How to reach a service that proves to be `expected_id`, or the host that is dialled when there is
/// none.
pub(crate) fn client_config(
    material: &Material,
    expected_id: Option<&str>,
) -> Result<ClientConfig, MaterialError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let authorities = Arc::new(material.authorities()?);
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])?;
    let builder = match expected_id {
        None => builder.with_root_certificates(authorities),
        Some(id) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(SpiffeVerifier {
                id: id.to_owned(),
                authorities,
                provider,
            })),
    };
    let mut config = builder.with_client_auth_cert(material.chain()?, material.key()?)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    // A resumed session would not look at the certificate again, which may have expired since.
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Believes a certificate of our authorities whose only URI name is the one expected (SPIFFE
/// X509-SVID). The host's name does not matter: it is DNS that told it.
#[derive(Debug)]
struct SpiffeVerifier {
    id: String,
    authorities: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for SpiffeVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _host: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        verify_server_cert_signed_by_trust_anchor(
            &ParsedCertificate::try_from(leaf)?,
            &self.authorities,
            intermediates,
            now,
            self.provider.signature_verification_algorithms.all,
        )?;
        match spiffe_id(leaf) {
            Some(id) if id == self.id => Ok(ServerCertVerified::assertion()),
            _ => Err(CertificateError::NotValidForName.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let supported = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, leaf, signature, supported)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let supported = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, leaf, signature, supported)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let supported = &self.provider.signature_verification_algorithms;
        supported.supported_schemes()
    }
}
