//! What a process proves itself with, and whom it believes.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use rustls::{
    RootCertStore,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};

/// What a process proves itself with, and whom it believes. PEM, as read from its files.
#[derive(Clone, PartialEq, Eq)]
pub struct Material {
    /// The certificate chain of this process, leaf first.
    pub certificate_pem: Vec<u8>,
    /// The private key of the leaf.
    pub key_pem: Vec<u8>,
    /// The authorities whose certificates are believed: one, or two while one replaces the other.
    pub authority_pem: Vec<u8>,
}

/// Why there is no material, or none that can be used.
#[derive(Debug, thiserror::Error)]
pub enum MaterialError {
    /// A file cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// The certificate, the key or the authority is not PEM.
    #[error("the certificate, key or authority is not PEM")]
    Pem(#[source] pem::Error),
    /// There is not one authority.
    #[error("there is no authority to believe")]
    NoAuthority,
    /// The certificate, its key or the authority is not usable, or they do not belong together.
    #[error("the certificate, its key or the authority is not usable")]
    Unusable(#[from] rustls::Error),
}

impl Material {
    /// Reads the three files.
    pub fn read(
        certificate: &Path,
        key: &Path,
        authority: &Path,
    ) -> Result<Material, MaterialError> {
        let read = |path: &Path| {
            fs::read(path).map_err(|source| MaterialError::Unreadable {
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

    /// The certificate chain, leaf first.
    pub fn chain(&self) -> Result<Vec<CertificateDer<'static>>, MaterialError> {
        certificates(&self.certificate_pem)
    }

    /// The leaf's private key.
    pub fn key(&self) -> Result<PrivateKeyDer<'static>, MaterialError> {
        PrivateKeyDer::from_pem_slice(&self.key_pem).map_err(MaterialError::Pem)
    }

    /// Whom to believe.
    pub fn authorities(&self) -> Result<RootCertStore, MaterialError> {
        let mut authorities = RootCertStore::empty();
        for certificate in certificates(&self.authority_pem)? {
            authorities.add(certificate)?;
        }
        match authorities.is_empty() {
            true => Err(MaterialError::NoAuthority),
            false => Ok(authorities),
        }
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, MaterialError> {
    CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(MaterialError::Pem)
}

impl fmt::Debug for Material {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Material(..)")
    }
}
