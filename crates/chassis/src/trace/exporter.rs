//! The way of spans to the collector, as the standard `OTEL_EXPORTER_OTLP_*` variables tell it.

use std::{env, fs, time::Duration};

use anyhow::Context;
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter as Export},
};
use tonic::transport::{Certificate, ClientTlsConfig};

use crate::{metrics::Metrics, tls};

/// The variables that say where spans go; the first that is set counts. Without one of them there
/// are no spans, only trace ids.
const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];

/// The variables that name a file of the authorities by which the collector is believed. Without
/// one of them they are those of the system.
const AUTHORITIES: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_CERTIFICATE",
];

/// The exporter that the variables ask for.
pub(super) fn from_environment() -> anyhow::Result<Option<SpanExporter>> {
    let Some(endpoint) = first(ENDPOINTS) else {
        return Ok(None);
    };
    Ok(Some(to(&endpoint, first(AUTHORITIES).as_deref())?))
}

fn first(variables: [&str; 2]) -> Option<String> {
    let mut set = variables.into_iter().filter_map(|it| env::var(it).ok());
    set.find(|it| !it.is_empty())
}

/// An exporter to this endpoint. In plaintext nobody has to be believed, and no authority is read.
pub(super) fn to(endpoint: &str, authorities: Option<&str>) -> anyhow::Result<SpanExporter> {
    let mut builder = SpanExporter::builder().with_tonic();
    if !endpoint.starts_with("http://") {
        builder = builder.with_tls_config(believing(authorities)?);
    }
    Ok(builder.with_endpoint(endpoint).build()?)
}

fn believing(authorities: Option<&str>) -> anyhow::Result<ClientTlsConfig> {
    let Some(path) = authorities else {
        return Ok(ClientTlsConfig::new().with_native_roots());
    };
    let pem = fs::read(path).with_context(|| format!("reading {path}"))?;
    // A file without an authority would only show when the first spans are lost.
    tls::validity(&pem).with_context(|| format!("reading {path}"))?;
    Ok(ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)))
}

/// An exporter whose success is counted.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) exporter: SpanExporter,
    pub(super) metrics: Metrics,
}

impl Export for Counted {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        let exported = self.exporter.export(batch).await;
        self.metrics.spans_exported(count, exported.is_ok());
        if let Err(error) = &exported {
            // A code and why the connection failed: not a word of a span, or of the collector.
            tracing::warn!(count, "spans did not reach the collector: {error}");
        }
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
