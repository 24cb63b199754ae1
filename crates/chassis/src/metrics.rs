//! What is counted: calls by method and code, and what a service adds. Nothing personal.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use opentelemetry::trace::SpanContext;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, exemplar::HistogramWithExemplars, family::Family},
    registry::{Metric, Registry},
};
use tonic::Code;

use crate::method::Method;

/// In seconds, from a decision in memory to the longest call.
const BUCKETS: [f64; 14] = [
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0,
];

/// The metrics of one service. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    calls: Family<CallLabels, Counter>,
    durations: Family<MethodLabels, HistogramWithExemplars<TraceLabel>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    service: &'static str,
    method: &'static str,
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MethodLabels {
    service: &'static str,
    method: &'static str,
}

/// Links a slow call on a dashboard to its trace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TraceLabel {
    trace_id: String,
}

impl Metrics {
    pub(crate) fn new() -> Metrics {
        let metrics = Metrics {
            registry: Arc::default(),
            calls: Family::default(),
            durations: Family::new_with_constructor(|| {
                HistogramWithExemplars::new(BUCKETS.into_iter())
            }),
        };
        metrics.register("rpc_server_calls", "Calls answered", metrics.calls.clone());
        metrics.register(
            "rpc_server_duration_seconds",
            "Time until a call was answered; of a stream, until it began",
            metrics.durations.clone(),
        );
        metrics
    }

    /// Adds a metric of the service. `help` is a sentence without a full stop. Labels never hold
    /// what a caller sent.
    pub fn register(&self, name: &str, help: &str, metric: impl Metric) {
        self.registry().register(name, help, metric);
    }

    pub(crate) fn observe(
        &self,
        method: &'static Method,
        code: Code,
        duration: Duration,
        trace: &SpanContext,
    ) {
        let (service, method) = (method.service.as_str(), method.name.as_str());
        self.calls
            .get_or_create(&CallLabels {
                service,
                method,
                code: code_name(code),
            })
            .inc();
        let exemplar = trace.is_sampled().then(|| TraceLabel {
            trace_id: trace.trace_id().to_string(),
        });
        let histogram = self
            .durations
            .get_or_create(&MethodLabels { service, method });
        histogram.observe(duration.as_secs_f64(), exemplar, None);
    }

    /// All of it as OpenMetrics text.
    pub(crate) fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry())?;
        Ok(text)
    }

    fn registry(&self) -> std::sync::MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Metrics(..)")
    }
}

fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_method_and_code() {
        let metrics = Metrics::new();
        let check = Method::at("/vow.consent.v1.ConsentService/Check");
        let millisecond = Duration::from_millis(1);
        metrics.observe(check, Code::Ok, millisecond, &SpanContext::NONE);
        metrics.observe(check, Code::Ok, millisecond, &SpanContext::NONE);
        metrics.observe(
            Method::at("/canary/canary"),
            Code::Unimplemented,
            millisecond,
            &SpanContext::NONE,
        );
        let text = metrics.text().expect("a string takes all");
        let counted = "rpc_server_calls_total{service=\"vow.consent.v1.ConsentService\",\
                       method=\"Check\",code=\"OK\"} 2";
        assert!(text.contains(counted), "{text}");
        assert!(text.ends_with("# EOF\n"));
        assert!(!text.contains("canary"));
    }
}
