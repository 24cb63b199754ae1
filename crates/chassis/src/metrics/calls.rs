//! Calls by method and status, with their durations, in the names of OpenTelemetry's conventions for RPC.

use std::time::Duration;

use client::code;
use opentelemetry::trace::SpanContext;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{exemplar::HistogramWithExemplars, family::Family},
};
use tonic::Code;

use crate::method::Method;

/// In seconds, from a decision in memory to the longest call.
const BUCKETS: [f64; 14] = [
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0,
];

/// The calls of one direction. Clones count together.
#[derive(Clone)]
pub(crate) struct Calls(Durations);

pub(super) type Durations = Family<Labels, HistogramWithExemplars<Trace>>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Labels {
    rpc_system_name: &'static str,
    rpc_method: &'static str,
    rpc_response_status_code: &'static str,
    error_type: &'static str,
}

/// Links a call on a dashboard to its trace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Trace {
    trace_id: String,
    span_id: String,
}

impl Calls {
    pub(super) fn new() -> Calls {
        Calls(Family::new_with_constructor(histogram))
    }

    /// What to register.
    pub(super) fn durations(&self) -> Durations {
        self.0.clone()
    }

    /// Counts a call that has ended: of a stream, its beginning.
    pub(crate) fn observe(
        &self,
        method: &'static Method,
        code: Code,
        duration: Duration,
        span: &SpanContext,
    ) {
        let status = code::name(code);
        let labels = Labels {
            rpc_system_name: "grpc",
            rpc_method: &method.full_name,
            rpc_response_status_code: status,
            error_type: match code::is_servers_fault(code) {
                true => status,
                false => "",
            },
        };
        let trace = span.is_sampled().then(|| Trace {
            trace_id: span.trace_id().to_string(),
            span_id: span.span_id().to_string(),
        });
        let histogram = self.0.get_or_create(&labels);
        histogram.observe(duration.as_secs_f64(), trace, None);
    }
}

fn histogram() -> HistogramWithExemplars<Trace> {
    HistogramWithExemplars::new(BUCKETS.into_iter())
}
