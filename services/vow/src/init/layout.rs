//! Where each piece of development material lies in its folder.

use std::path::{Path, PathBuf};

/// The four services, in the order of their dependencies.
pub const SERVICES: [&str; 4] = [
    disclosure_audit::NAME,
    consent::NAME,
    payments_data::NAME,
    identity::NAME,
];

/// A folder of development material.
#[derive(Clone, Debug)]
pub struct Layout {
    folder: PathBuf,
}

impl Layout {
    /// The layout of `folder`, which need not exist.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The certificate of the authority that every service and client trusts.
    pub fn authority(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// The authority's own key, which signs further certificates.
    pub fn authority_key(&self) -> PathBuf {
        self.folder.join("ca.key")
    }

    /// Who may call what.
    pub fn callers(&self) -> PathBuf {
        self.folder.join("callers.toml")
    }

    /// The public keys that verify grants, consent receipts and erasure certificates (RFC 7517).
    pub fn grant_keys(&self) -> PathBuf {
        self.folder.join("grant-keys.jwks")
    }

    /// The public key that verifies the log's checkpoints (C2SP signed-note).
    pub fn log_verifier_key(&self) -> PathBuf {
        self.folder.join("log.vkey")
    }

    /// Where a running suite says how to reach it.
    pub fn endpoints(&self) -> PathBuf {
        self.folder.join("endpoints.json")
    }

    /// The folder of the SQLite files.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The folder of the published log.
    pub fn published_log(&self) -> PathBuf {
        self.data().join("log")
    }

    /// One service's certificate.
    pub fn service_certificate(&self, service: &str) -> PathBuf {
        self.folder.join(service).join("certificate.pem")
    }

    /// One service's certificate key.
    pub fn service_key(&self, service: &str) -> PathBuf {
        self.folder.join(service).join("certificate.key")
    }

    /// One service's key-encryption keys.
    pub fn key_encryption_keys(&self, service: &str) -> PathBuf {
        self.folder.join(service).join("key-encryption.keys")
    }

    /// The key one service signs with: grants, certificates or checkpoints.
    pub fn signing_key(&self, service: &str) -> PathBuf {
        self.folder.join(service).join("signing.key")
    }

    /// A client's certificate.
    pub fn client_certificate(&self, client: &str) -> PathBuf {
        self.folder.join("clients").join(format!("{client}.pem"))
    }

    /// A client's certificate key.
    pub fn client_key(&self, client: &str) -> PathBuf {
        self.folder.join("clients").join(format!("{client}.key"))
    }

    /// The SQLite database of a service, as a URL.
    pub fn database_url(&self, service: &str) -> String {
        let file = self.data().join(format!("{service}.db"));
        format!("sqlite://{}", file.display())
    }
}
