//! Where a running suite can be reached: the file `endpoints.json` beside its material.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Context;
use client::Addresses;
use serde::{Deserialize, Serialize};

use crate::init::Layout;

/// The addresses of a suite.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Endpoints {
    /// By the service's name.
    pub services: BTreeMap<String, Endpoint>,
    /// The published log, plain HTTP.
    #[serde(default)]
    pub log: String,
}

/// The addresses of one service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Endpoint {
    /// gRPC over mutual TLS.
    pub grpc: String,
    /// Metrics and health, plain HTTP.
    pub admin: String,
}

impl Endpoints {
    /// The gRPC address of a service.
    pub fn grpc(&self, service: &str) -> anyhow::Result<&str> {
        let endpoint = self.services.get(service);
        Ok(&endpoint
            .with_context(|| format!("{service} is not listed"))?
            .grpc)
    }

    /// The gRPC addresses of all four.
    pub fn addresses(&self) -> anyhow::Result<Addresses> {
        let address = |service| self.grpc(service).map(str::to_owned);
        Ok(Addresses {
            disclosure_audit: address(disclosure_audit::NAME)?,
            consent: address(consent::NAME)?,
            payments_data: address(payments_data::NAME)?,
            identity: address(identity::NAME)?,
        })
    }

    /// Writes the file whole: a reader sees all of it or nothing.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let partial = path.with_extension("partial");
        fs::write(&partial, serde_json::to_vec_pretty(self)?)?;
        Ok(fs::rename(partial, path)?)
    }

    /// The addresses of the suite that runs from this material, if one answers.
    pub async fn of_running_suite(layout: &Layout) -> Option<Self> {
        let text = fs::read_to_string(layout.endpoints()).ok()?;
        let endpoints: Self = serde_json::from_str(&text).ok()?;
        let address = endpoints
            .services
            .values()
            .next()?
            .grpc
            .strip_prefix("https://")?
            .to_owned();
        tokio::net::TcpStream::connect(address).await.ok()?;
        Some(endpoints)
    }
}
