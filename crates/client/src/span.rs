//! The span of a call to another service, made in a sampled trace only: it costs microseconds.

use http::Response;
use opentelemetry::{
    Context, KeyValue,
    global::BoxedSpan,
    trace::{Span, SpanContext, SpanKind, Status, TraceContextExt, Tracer},
};

use crate::context::CallContext;

pub(crate) struct ClientSpan(BoxedSpan);

impl ClientSpan {
    /// Begins the span of a call to the gRPC path `path`, below the call being served.
    pub(crate) fn start(context: &CallContext, path: &str) -> Option<ClientSpan> {
        if !context.span.is_sampled() {
            return None;
        }
        let (service, method) = path.trim_start_matches('/').split_once('/')?;
        let parent = Context::new().with_remote_span_context(context.span.clone());
        let tracer = context.tracer.as_ref();
        let span = tracer
            .span_builder(format!("{service}/{method}"))
            .with_kind(SpanKind::Client)
            .with_attributes([
                KeyValue::new("rpc.system", "grpc"),
                KeyValue::new("rpc.service", service.to_owned()),
                KeyValue::new("rpc.method", method.to_owned()),
            ]);
        Some(ClientSpan(tracer.build_with_context(span, &parent)))
    }

    pub(crate) fn context(&self) -> SpanContext {
        self.0.span_context().clone()
    }

    /// Ends the span with what the peer answered: its code, and never its words.
    pub(crate) fn end<B>(mut self, response: &Response<B>) {
        let code = grpc_code(response);
        self.0
            .set_attribute(KeyValue::new("rpc.grpc.status_code", code));
        if code != 0 {
            self.0.set_status(Status::error(""));
        }
        self.0.end();
    }
}

/// A refusal comes in the headers; an answer that has a body says so later and counts as good.
fn grpc_code<B>(response: &Response<B>) -> i64 {
    let code = response
        .headers()
        .get("grpc-status")
        .map(|it| it.as_bytes());
    code.map_or(0, |it| tonic::Code::from_bytes(it) as i64)
}
