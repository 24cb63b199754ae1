//! What an inbound call hands on to the calls made while it is served: its deadline and its trace.

use std::{sync::Arc, time::Duration};

use opentelemetry::{global::BoxedTracer, trace::SpanContext};
use tokio::time::Instant;

/// The inbound call that is being served.
#[derive(Clone, Debug)]
pub struct CallContext {
    /// When its caller stops waiting. `None` for a stream, which lives as long as its caller likes.
    pub deadline: Option<Instant>,
    /// Its span, or its caller's when the call is not sampled. Invalid when there is no trace.
    pub span: SpanContext,
    /// Makes the spans of the serving process.
    pub tracer: Arc<BoxedTracer>,
}

tokio::task_local! {
    static CURRENT: CallContext;
}

/// Runs `call` as what `context` describes.
pub async fn scope<T>(context: CallContext, call: impl Future<Output = T>) -> T {
    CURRENT.scope(context, call).await
}

/// The call that this task serves. `None` outside of one, and in a task spawned from one.
pub fn current() -> Option<CallContext> {
    CURRENT.try_with(CallContext::clone).ok()
}

/// The time left until the deadline of the call that this task serves, if it has one.
pub fn remaining() -> Option<Duration> {
    let deadline = CURRENT.try_with(|context| context.deadline).ok()??;
    Some(deadline.saturating_duration_since(Instant::now()))
}

/// The trace of the call that this task serves, for a log line.
pub fn trace_id() -> Option<String> {
    let span = CURRENT.try_with(|context| context.span.clone()).ok()?;
    span.is_valid().then(|| span.trace_id().to_string())
}
