//! The trace of every call: taken up from the caller or begun here, with a span only when sampled.

use std::{env, sync::Arc, time::Duration};

use client::traceparent;
use http::HeaderMap;
use opentelemetry::{
    Context, KeyValue,
    global::{BoxedSpan, BoxedTracer},
    trace::{Span, SpanContext, SpanKind, Status, TraceContextExt, Tracer, TracerProvider},
};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracerProvider},
};
use tonic::Code;

use crate::method::Method;

/// How long the last spans may take to leave when the process stops.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// The variables that say where spans go. Without one of them there are no spans, only trace ids.
const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
];

/// The traces of one service. Each has its own, also where several run in one process.
pub(crate) struct Tracing {
    provider: SdkTracerProvider,
    pub(crate) tracer: Arc<BoxedTracer>,
}

/// The part of a trace that is one call.
pub(crate) enum CallSpan {
    /// It is, or began, a trace of this process.
    Own(BoxedSpan),
    /// Its caller decided not to sample it, and only its id goes on.
    Callers(SpanContext),
}

impl Tracing {
    /// Reads the standard `OTEL_*` variables. Needs a running tokio runtime.
    pub(crate) fn start(service: &'static str) -> anyhow::Result<Tracing> {
        let resource = Resource::builder().with_service_name(service).build();
        let builder = SdkTracerProvider::builder().with_resource(resource);
        let provider = match ENDPOINTS.iter().any(|it| env::var_os(it).is_some()) {
            true => builder.with_batch_exporter(SpanExporter::builder().with_tonic().build()?),
            false => builder.with_sampler(Sampler::AlwaysOff),
        };
        let provider = provider.build();
        let tracer = Arc::new(BoxedTracer::new(Box::new(provider.tracer("vow"))));
        Ok(Tracing { provider, tracer })
    }

    /// The span of a call that comes with these headers.
    pub(crate) fn call(&self, method: &'static Method, headers: &HeaderMap) -> CallSpan {
        let header = headers
            .get(traceparent::HEADER)
            .and_then(|it| it.to_str().ok());
        let parent = match header.and_then(traceparent::parse) {
            Some(callers) if !callers.is_sampled() => return CallSpan::Callers(callers),
            Some(callers) => Context::new().with_remote_span_context(callers),
            None => Context::new(),
        };
        let (service, name) = (method.service.as_str(), method.name.as_str());
        let span = self
            .tracer
            .span_builder(format!("{service}/{name}"))
            .with_kind(SpanKind::Server)
            .with_attributes([
                KeyValue::new("rpc.system", "grpc"),
                KeyValue::new("rpc.service", service),
                KeyValue::new("rpc.method", name),
            ]);
        CallSpan::Own(self.tracer.build_with_context(span, &parent))
    }

    /// Sends what is left. The exporter waits for its own thread, so this must not hold up an
    /// asynchronous one.
    pub(crate) async fn stop(&self) {
        let provider = self.provider.clone();
        let stopped =
            tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(FLUSH_TIMEOUT));
        if !matches!(stopped.await, Ok(Ok(()))) {
            tracing::warn!("the last spans did not leave");
        }
    }
}

impl CallSpan {
    /// The context that calls made meanwhile belong to.
    pub(crate) fn context(&self) -> SpanContext {
        match self {
            CallSpan::Own(span) => span.span_context().clone(),
            CallSpan::Callers(context) => context.clone(),
        }
    }

    /// Ends the span with the answer's code.
    pub(crate) fn end(self, code: Code) {
        let CallSpan::Own(mut span) = self else {
            return;
        };
        span.set_attribute(KeyValue::new("rpc.grpc.status_code", code as i64));
        if is_our_fault(code) {
            span.set_status(Status::error(""));
        }
        span.end();
    }
}

/// What OpenTelemetry's conventions for RPC count as an error of the server.
fn is_our_fault(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}
