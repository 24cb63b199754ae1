//! What is counted: what every process has, and what a service adds. Nothing personal.

mod calls;
mod keys;
mod process;
mod reading;
mod vault;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use opentelemetry::trace::SpanContext;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{MetricType, counter::Counter, family::Family, gauge::Gauge, info::Info},
    registry::{Metric, Registry},
};
use tonic::Code;

use crate::{database::Watched, method::Method, tls::Validity};

pub(crate) use calls::Calls;
pub(crate) use keys::{KeyCount, ages};
use reading::Reading;
pub use vault::VaultMetrics;

/// The metrics of one service. Cheap to clone; clones count together.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    pub(crate) answered: Calls,
    made: Calls,
    pub(crate) in_progress: Gauge,
    pub(crate) migrations_pending: Gauge,
    pub(crate) databases: Watched,
    certificate_ends: Family<Certificate, Gauge>,
    certificate_lifetimes: Family<Certificate, Gauge>,
    keys: keys::Keys,
    spans: Family<Outcome, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Certificate {
    certificate: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

impl Metrics {
    pub(crate) fn new() -> Metrics {
        let metrics = Metrics {
            registry: Arc::default(),
            answered: Calls::new(),
            made: Calls::new(),
            in_progress: Gauge::default(),
            migrations_pending: Gauge::default(),
            databases: Watched::new(),
            certificate_ends: Family::default(),
            certificate_lifetimes: Family::default(),
            keys: Family::default(),
            spans: Family::default(),
        };
        metrics.register(
            "rpc_server_call_duration_seconds",
            "Time until a call was answered; of a stream, until it began",
            metrics.answered.durations(),
        );
        metrics.register(
            "rpc_client_call_duration_seconds",
            "Time until a call to another service was answered; of a stream, until it began",
            metrics.made.durations(),
        );
        metrics.register(
            "vow_calls_in_progress",
            "Calls that are being answered, streams among them",
            metrics.in_progress.clone(),
        );
        metrics.register(
            "vow_build",
            "The version of the program",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        metrics.register(
            "vow_certificate_expiry_timestamp_seconds",
            "When the certificate ends, in Unix time: this process's own, or the authority's",
            metrics.certificate_ends.clone(),
        );
        metrics.register(
            "vow_certificate_lifetime_seconds",
            "How long the certificate is valid in all, from its beginning to its end",
            metrics.certificate_lifetimes.clone(),
        );
        metrics.register(
            "vow_schema_migrations_pending",
            "Migrations that the databases lack and this process waits for",
            metrics.migrations_pending.clone(),
        );
        let databases = Box::new(metrics.databases.clone());
        metrics.registry().register_collector(databases);
        metrics.register(
            "vow_keys",
            "Wrapped keys by age, and by the key-encryption key that they open with",
            metrics.keys.clone(),
        );
        metrics.register(
            "vow_spans_exported",
            "Spans of traces, by whether the collector took them",
            metrics.spans.clone(),
        );
        for outcome in ["sent", "failed"] {
            let _ = metrics.spans.get_or_create(&Outcome { outcome });
        }
        process::register(&metrics);
        metrics
    }

    /// Adds a metric of the service. `help` is a sentence without a full stop. Labels never hold
    /// what a caller sent.
    pub fn register(&self, name: &str, help: &str, metric: impl Metric) {
        self.registry().register(name, help, metric);
    }

    /// Adds a gauge that is looked up whenever somebody asks for it.
    pub fn read(
        &self,
        name: &'static str,
        help: &'static str,
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) {
        self.read_as(MetricType::Gauge, name, help, move || Some(read()));
    }

    fn read_as(
        &self,
        kind: MetricType,
        name: &'static str,
        help: &'static str,
        read: impl Fn() -> Option<f64> + Send + Sync + 'static,
    ) {
        let reading = Reading {
            name,
            help,
            kind,
            read,
        };
        self.registry().register_collector(Box::new(reading));
    }

    /// Shows how long the certificates of this process are valid.
    pub(crate) fn certificates_are_valid(&self, own: Validity, authority: Validity) {
        for (certificate, validity) in [("own", own), ("authority", authority)] {
            let labels = Certificate { certificate };
            let lifetime = self.certificate_lifetimes.get_or_create(&labels);
            lifetime.set(validity.seconds);
            self.certificate_ends
                .get_or_create(&labels)
                .set(validity.end);
        }
    }

    /// Counts spans that left, or did not.
    pub(crate) fn spans_exported(&self, count: usize, sent: bool) {
        let outcome = match sent {
            true => "sent",
            false => "failed",
        };
        let counter = self.spans.get_or_create(&Outcome { outcome });
        counter.inc_by(count as u64);
    }

    /// All of it as OpenMetrics text.
    pub(crate) fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry())?;
        Ok(text)
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl client::Observer for Metrics {
    fn observe(&self, path: &str, code: Code, duration: Duration, trace: &SpanContext) {
        self.made.observe(Method::at(path), code, duration, trace);
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Metrics(..)")
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanId, TraceFlags, TraceId, TraceState};

    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    fn text_after(path: &str, code: Code, span: &SpanContext) -> String {
        let metrics = Metrics::new();
        metrics
            .answered
            .observe(Method::at(path), code, MILLISECOND, span);
        metrics.text().expect("a string takes all")
    }

    #[test]
    fn calls_are_counted_by_method_and_status() {
        let check = "/vow.consent.v1.ConsentService/Check";
        for (path, code, labels) in [
            (
                check,
                Code::PermissionDenied,
                "rpc_method=\"vow.consent.v1.ConsentService/Check\",\
                 rpc_response_status_code=\"PERMISSION_DENIED\",error_type=\"\"",
            ),
            (
                check,
                Code::Unavailable,
                "rpc_method=\"vow.consent.v1.ConsentService/Check\",\
                 rpc_response_status_code=\"UNAVAILABLE\",error_type=\"UNAVAILABLE\"",
            ),
            (
                "/canary/canary",
                Code::Unimplemented,
                "rpc_method=\"_OTHER\",\
                 rpc_response_status_code=\"UNIMPLEMENTED\",error_type=\"UNIMPLEMENTED\"",
            ),
        ] {
            let text = text_after(path, code, &SpanContext::NONE);
            let counted = format!(
                "rpc_server_call_duration_seconds_count{{rpc_system_name=\"grpc\",{labels}}} 1\n"
            );
            assert!(text.contains(&counted), "{text}");
            assert!(text.ends_with("# EOF\n"));
            assert!(!text.contains("canary") && !text.contains("# {trace_id"));
        }
    }

    #[test]
    fn a_sampled_call_leads_to_its_trace() {
        let span = SpanContext::new(
            TraceId::from(1),
            SpanId::from(2),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        );
        let text = text_after("/vow.consent.v1.ConsentService/Check", Code::Ok, &span);
        let exemplar = "# {trace_id=\"00000000000000000000000000000001\",\
                        span_id=\"0000000000000002\"} 0.001";
        assert!(text.contains(exemplar), "{text}");
    }

    #[test]
    fn keys_that_are_no_more_are_no_longer_shown() {
        let metrics = Metrics::new();
        let count = |key: &str, count| KeyCount {
            age: "day",
            key_encryption_key: key.to_owned(),
            count,
        };
        metrics.keys_are(&[count("1", 7)]);
        metrics.keys_are(&[count("2", 3), count("2", 4)]);
        let text = metrics.text().expect("a string takes all");
        assert!(
            text.contains("vow_keys{age=\"day\",key_encryption_key=\"2\"} 7\n"),
            "{text}"
        );
        assert!(!text.contains("key_encryption_key=\"1\""));
    }
}
