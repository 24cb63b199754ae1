//! A development authority and the certificates it signs.

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use time::{Duration, OffsetDateTime};

const TRUST_DOMAIN: &str = "vow.local";
const VALID_FOR: Duration = Duration::days(365);
/// Clocks differ; a certificate made this second must not be from the future elsewhere.
const VALID_BEFORE_NOW: Duration = Duration::minutes(5);

/// A certificate with its key, both PEM.
pub struct Certificate {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

/// The authority of one folder of material.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
}

/// Whether an id is of a program or of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A program.
    Workload,
    /// A person.
    Person,
}

impl Kind {
    /// The word in ids and in the table of callers.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Workload => "workload",
            Kind::Person => "person",
        }
    }
}

/// The SPIFFE id of a development caller.
pub fn spiffe_id(kind: Kind, name: &str) -> String {
    format!("spiffe://{TRUST_DOMAIN}/{}/{name}", kind.word())
}

impl Authority {
    /// A new authority, valid from now.
    pub fn generate(now: OffsetDateTime) -> anyhow::Result<Self> {
        let mut params = CertificateParams::default();
        set_validity(&mut params, now);
        params
            .distinguished_name
            .push(DnType::CommonName, "Vow development authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let certificate = Certificate {
            certificate: params.self_signed(&key)?.pem(),
            key: key.serialize_pem(),
        };
        Ok(Self {
            issuer: Issuer::new(params, key),
            certificate,
        })
    }

    /// The authority's own certificate and key.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// A service's certificate: it serves under its name, on this machine and under the names in
    /// `hosts`, and it calls its peers.
    pub fn service(
        &self,
        service: &str,
        hosts: Vec<String>,
        now: OffsetDateTime,
    ) -> anyhow::Result<Certificate> {
        let mut names = hosts;
        names.extend([service, "localhost", "127.0.0.1"].map(str::to_owned));
        let usages = [
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        self.sign(names, &spiffe_id(Kind::Workload, service), &usages, now)
    }

    /// A client's certificate: it calls and cannot serve.
    pub fn client(
        &self,
        kind: Kind,
        name: &str,
        now: OffsetDateTime,
    ) -> anyhow::Result<Certificate> {
        let usages = [ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(Vec::new(), &spiffe_id(kind, name), &usages, now)
    }

    fn sign(
        &self,
        names: Vec<String>,
        spiffe_id: &str,
        usages: &[ExtendedKeyUsagePurpose],
        now: OffsetDateTime,
    ) -> anyhow::Result<Certificate> {
        let mut params = CertificateParams::new(names)?;
        set_validity(&mut params, now);
        let uri = spiffe_id.try_into().context("a SPIFFE id is ASCII")?;
        params.subject_alt_names.push(SanType::URI(uri));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = usages.to_vec();
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        Ok(Certificate {
            certificate: params.signed_by(&key, &self.issuer)?.pem(),
            key: key.serialize_pem(),
        })
    }
}

fn set_validity(params: &mut CertificateParams, now: OffsetDateTime) {
    params.not_before = now - VALID_BEFORE_NOW;
    params.not_after = now + VALID_FOR;
}
