//! Where the suite is, and the certificates it is called with.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use client::{Addresses, Clients, Material};
use serde_json::Value;

/// The suite to call. What is not given is taken from the development material in --dir.
#[derive(clap::Args, Debug)]
pub struct SuiteArgs {
    /// The folder of the development material of a suite that runs.
    #[arg(long, default_value = ".vow", env = "VOW_DIR")]
    dir: PathBuf,
    /// The tenant whose people call.
    #[arg(long, default_value = "default", env = "VOW_TENANT")]
    tenant: String,
    /// Where disclosure-audit is, as https://host:port.
    #[arg(long, env = "VOW_DISCLOSURE_AUDIT")]
    disclosure_audit: Option<String>,
    /// Where consent is.
    #[arg(long, env = "VOW_CONSENT")]
    consent: Option<String>,
    /// Where payments-data is.
    #[arg(long, env = "VOW_PAYMENTS_DATA")]
    payments_data: Option<String>,
    /// Where identity is.
    #[arg(long, env = "VOW_IDENTITY")]
    identity: Option<String>,
    /// The authority whose certificates are believed.
    #[arg(long, env = "VOW_TLS_AUTHORITY")]
    tls_authority: Option<PathBuf>,
    /// The certificate of the caller.
    #[arg(long, env = "VOW_TLS_CERTIFICATE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// Its key.
    #[arg(long, env = "VOW_TLS_KEY", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// The certificate of the operator, who registers recipients and publishes a first policy.
    #[arg(long, env = "VOW_OPERATOR_CERTIFICATE", requires = "operator_key")]
    operator_certificate: Option<PathBuf>,
    /// Its key.
    #[arg(long, env = "VOW_OPERATOR_KEY", requires = "operator_certificate")]
    operator_key: Option<PathBuf>,
    /// The certificate of a vault, for the act `record` alone: nobody else may call Record.
    #[arg(long, env = "VOW_VAULT_CERTIFICATE", requires = "vault_key")]
    vault_certificate: Option<PathBuf>,
    /// Its key.
    #[arg(long, env = "VOW_VAULT_KEY", requires = "vault_certificate")]
    vault_key: Option<PathBuf>,
}

impl SuiteArgs {
    /// The internal service that makes nearly all calls.
    pub fn caller(&self) -> anyhow::Result<Clients> {
        let given = self.tls_certificate.as_ref().zip(self.tls_key.as_ref());
        self.clients(given, "clients/shop.pem", "clients/shop.key")
    }

    /// The person who publishes policies and registers recipients.
    pub fn operator(&self) -> anyhow::Result<Clients> {
        let given = self
            .operator_certificate
            .as_ref()
            .zip(self.operator_key.as_ref());
        self.clients(given, "clients/operator.pem", "clients/operator.key")
    }

    /// A vault, which may record.
    pub fn vault(&self) -> anyhow::Result<Clients> {
        let given = self.vault_certificate.as_ref().zip(self.vault_key.as_ref());
        self.clients(
            given,
            "identity/certificate.pem",
            "identity/certificate.key",
        )
    }

    fn clients(
        &self,
        given: Option<(&PathBuf, &PathBuf)>,
        certificate: &str,
        key: &str,
    ) -> anyhow::Result<Clients> {
        let (certificate, key) = match given {
            Some((certificate, key)) => (certificate.clone(), key.clone()),
            None => (self.dir.join(certificate), self.dir.join(key)),
        };
        let authority = self.tls_authority.clone();
        let authority = authority.unwrap_or_else(|| self.dir.join("ca.pem"));
        let own = Material::read(&certificate, &key, &authority)?;
        Ok(Clients::connect(&self.addresses()?, &own, &self.tenant)?)
    }

    fn addresses(&self) -> anyhow::Result<Addresses> {
        let address = |given: &Option<String>, service| match given {
            Some(address) => Ok(address.clone()),
            None => listed(&self.dir, service),
        };
        Ok(Addresses {
            disclosure_audit: address(&self.disclosure_audit, "disclosure-audit")?,
            consent: address(&self.consent, "consent")?,
            payments_data: address(&self.payments_data, "payments-data")?,
            identity: address(&self.identity, "identity")?,
        })
    }
}

/// Where a running `vow up` says that a service is.
fn listed(dir: &Path, service: &str) -> anyhow::Result<String> {
    let path = dir.join("endpoints.json");
    let text = fs::read_to_string(&path)
        .with_context(|| format!("no suite runs from {}", dir.display()))?;
    let endpoints: Value = serde_json::from_str(&text)?;
    let address = endpoints["services"][service]["grpc"].as_str();
    let address = address.with_context(|| format!("{service} is not listed"))?;
    Ok(address.to_owned())
}
