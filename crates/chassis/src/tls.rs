//! Mutual TLS at the port: only version 1.3, only certificates of our authority, never without one.

use std::{io, sync::Arc, time::Duration};

use client::{Material, MaterialError};
use rustls::{
    CertificateError::BadEncoding,
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{
        CertificateDer,
        pem::{Error::NoItemsFound, PemObject},
    },
    server::{NoServerSessionStorage, WebPkiClientVerifier},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc, watch},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::connection::Connection;

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// How many strangers may be shaking hands at once.
const HANDSHAKES_MAX: usize = 256;
/// How long to wait when the system has no more descriptors to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why the material does not make a server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error(transparent)]
    Material(#[from] MaterialError),
    #[error("the certificate, key or authority is not PEM")]
    Pem(#[source] rustls::pki_types::pem::Error),
    #[error("the authority is not usable")]
    Authority(#[from] rustls::server::VerifierBuilderError),
    #[error("the certificate and its key are not usable")]
    Certificate(#[from] rustls::Error),
}

/// How long a certificate is valid.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Validity {
    /// In Unix seconds.
    pub(crate) end: i64,
    /// From its beginning to its end.
    pub(crate) seconds: i64,
}

/// The server's side of every handshake.
pub(crate) fn server_config(material: &Material) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let authorities = Arc::new(material.authorities()?);
    let verifier = WebPkiClientVerifier::builder_with_provider(authorities, provider.clone());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier.build()?)
        .with_single_cert(material.chain()?, material.key()?)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    // A resumed session would not look at the certificate again, which may have expired since.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// The time of the one of these certificates that ends first.
pub(crate) fn validity(pem: &[u8]) -> Result<Validity, TlsError> {
    let mut validities = Vec::new();
    for certificate in certificates(pem)? {
        let parsed = X509Certificate::from_der(&certificate);
        let (_, parsed) = parsed.map_err(|_| TlsError::Certificate(BadEncoding.into()))?;
        let end = parsed.validity().not_after.timestamp();
        let seconds = end - parsed.validity().not_before.timestamp();
        validities.push(Validity { end, seconds });
    }
    let first = validities.into_iter().min_by_key(|it| it.end);
    first.ok_or(TlsError::Pem(NoItemsFound))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(TlsError::Pem)
}

/// Accepts connections until the receiver is dropped; then the port is closed. Nobody waits for
/// another's handshake: when too many are under way, a newcomer is turned away at once. It may come
/// again, and a stranger who holds a place loses it after [`HANDSHAKE_TIMEOUT`].
pub(crate) fn accept(
    listener: TcpListener,
    config: watch::Receiver<Arc<ServerConfig>>,
) -> mpsc::Receiver<io::Result<Connection>> {
    let (accepted, connections) = mpsc::channel(1);
    tokio::spawn(async move {
        let handshakes = Arc::new(Semaphore::new(HANDSHAKES_MAX));
        loop {
            let stream = tokio::select! {
                stream = next(&listener) => stream,
                () = accepted.closed() => return,
            };
            let Ok(permit) = handshakes.clone().try_acquire_owned() else {
                continue;
            };
            let (accepted, config) = (accepted.clone(), config.borrow().clone());
            tokio::spawn(async move {
                if let Some(connection) = handshake(stream, config).await {
                    // The receiver has gone when the process stops.
                    let _ = accepted.send(Ok(connection)).await;
                }
                drop(permit);
            });
        }
    });
    connections
}

async fn next(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// A failed handshake is the stranger's affair and not worth a line: anybody can cause thousands.
async fn handshake(stream: TcpStream, config: Arc<ServerConfig>) -> Option<Connection> {
    stream.set_nodelay(true).ok()?;
    let stream = timeout(HANDSHAKE_TIMEOUT, TlsAcceptor::from(config).accept(stream)).await;
    Some(Connection::new(stream.ok()?.ok()?))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn certificate_until(day: u8) -> String {
        let mut params = CertificateParams::default();
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2026, 1, day);
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("a certificate").pem()
    }

    #[test]
    fn of_several_certificates_the_one_that_ends_first_counts() {
        let (week, month) = (certificate_until(8), certificate_until(31));
        for pem in [
            week.clone(),
            format!("{month}{week}"),
            format!("{week}{month}"),
        ] {
            let validity = validity(pem.as_bytes()).expect("it is PEM");
            assert_eq!(validity.end, 1_767_830_400);
            assert_eq!(validity.seconds, 7 * 86_400);
        }
        assert!(validity(b"nothing").is_err());
    }
}
