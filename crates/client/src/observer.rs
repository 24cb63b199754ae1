//! Who is told of every call that a process makes, to count it.

use std::{sync::Arc, time::Duration};

use http::{Response, Uri};
use opentelemetry::trace::SpanContext;
use tokio::time::Instant;
use tonic::Code;

/// Is told of every call when it has ended.
pub trait Observer: Send + Sync {
    /// A call ended: of a stream, its beginning. `path` is `/package.Service/Method`; `trace` is the
    /// call's span, or one that is not valid.
    fn observe(&self, path: &str, code: Code, duration: Duration, trace: &SpanContext);
}

/// One call. However it ends, also when nobody waits for it any more, the observer is told.
pub(crate) struct Observation {
    observer: Option<Arc<dyn Observer>>,
    uri: Uri,
    started: Instant,
    trace: SpanContext,
    code: Code,
}

impl Observation {
    pub(crate) fn start(
        observer: Option<Arc<dyn Observer>>,
        uri: Uri,
        trace: Option<SpanContext>,
    ) -> Observation {
        Observation {
            observer,
            uri,
            started: Instant::now(),
            trace: trace.unwrap_or(SpanContext::NONE),
            code: Code::Cancelled,
        }
    }

    pub(crate) fn end<B>(mut self, response: &Response<B>) {
        self.code = code(response);
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        if let Some(observer) = &self.observer {
            let duration = self.started.elapsed();
            observer.observe(self.uri.path(), self.code, duration, &self.trace);
        }
    }
}

/// A refusal comes in the headers; an answer that has a body says so later and counts as good.
pub(crate) fn code<B>(response: &Response<B>) -> Code {
    let code = response.headers().get("grpc-status");
    code.map_or(Code::Ok, |it| Code::from_bytes(it.as_bytes()))
}
