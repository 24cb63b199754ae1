//! The span of a call to another service, made in a sampled trace only: it costs microseconds.

use http::Response;
use opentelemetry::{
    Context, KeyValue,
    global::BoxedSpan,
    trace::{Span, SpanContext, SpanKind, Status, TraceContextExt, Tracer},
};
use tonic::Code;

use crate::{code, context::CallContext, observer};

pub(crate) struct ClientSpan(BoxedSpan);

impl ClientSpan {
    /// Begins the span of a call to the gRPC path `path`, below the call being served.
    pub(crate) fn start(context: &CallContext, path: &str) -> Option<ClientSpan> {
        if !context.span.is_sampled() {
            return None;
        }
        let method = path.trim_start_matches('/').to_owned();
        let parent = Context::new().with_remote_span_context(context.span.clone());
        let tracer = context.tracer.as_ref();
        let span = tracer
            .span_builder(method.clone())
            .with_kind(SpanKind::Client)
            .with_attributes([
                KeyValue::new("rpc.system.name", "grpc"),
                KeyValue::new("rpc.method", method),
            ]);
        Some(ClientSpan(tracer.build_with_context(span, &parent)))
    }

    pub(crate) fn context(&self) -> SpanContext {
        self.0.span_context().clone()
    }

    /// Ends the span with what the peer answered: its code, and never its words.
    pub(crate) fn end<B>(mut self, response: &Response<B>) {
        let code = observer::code(response);
        let status = code::name(code);
        self.0
            .set_attribute(KeyValue::new("rpc.response.status_code", status));
        if code != Code::Ok {
            self.0.set_attribute(KeyValue::new("error.type", status));
            self.0.set_status(Status::error(""));
        }
        self.0.end();
    }
}
