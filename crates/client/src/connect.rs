//! How a process reaches another: the material it proves itself with, over mutual TLS.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use tonic::transport::{self, Certificate, ClientTlsConfig, Endpoint, Identity};

use crate::Connection;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// What a process proves itself with, and whom it believes. PEM, as read from its files.
#[derive(Clone)]
pub struct Material {
    /// The certificate chain of this process, leaf first.
    pub certificate_pem: Vec<u8>,
    /// The private key of the leaf.
    pub key_pem: Vec<u8>,
    /// The one authority whose certificates are believed.
    pub authority_pem: Vec<u8>,
}

/// Why there is no connection to be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// A file of the material cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// The address is not `https://host:port`.
    #[error("the address of a peer must be https://host:port")]
    Address,
    /// The certificate, the key or the authority is not usable.
    #[error("the TLS material is not usable")]
    Material(#[source] transport::Error),
}

impl Material {
    /// Reads the three files.
    pub fn read(
        certificate: &Path,
        key: &Path,
        authority: &Path,
    ) -> Result<Material, ConnectError> {
        let read = |path: &Path| {
            fs::read(path).map_err(|source| ConnectError::Unreadable {
                path: path.to_owned(),
                source,
            })
        };
        Ok(Material {
            certificate_pem: read(certificate)?,
            key_pem: read(key)?,
            authority_pem: read(authority)?,
        })
    }
}

impl fmt::Debug for Material {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Material(..)")
    }
}

/// A connection to the service at `https://host:port`. Nothing is sent yet.
///
/// The service must show a certificate of our authority for that host; there is no plaintext.
pub fn connect(address: &str, material: &Material) -> Result<Connection, ConnectError> {
    if !address.starts_with("https://") {
        return Err(ConnectError::Address);
    }
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(&material.authority_pem))
        .identity(Identity::from_pem(
            &material.certificate_pem,
            &material.key_pem,
        ));
    let endpoint = Endpoint::from_shared(address.to_owned())
        .map_err(|_| ConnectError::Address)?
        .tls_config(tls)
        .map_err(ConnectError::Material)?
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .tcp_nodelay(true);
    Ok(Connection::new(endpoint.connect_lazy()))
}
