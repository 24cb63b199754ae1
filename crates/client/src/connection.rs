//! A connection to another service, which sends deadline, clock and trace with each call.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderMap, HeaderValue, Request, Response};
use opentelemetry::trace::{SpanContext, TraceFlags};
use tokio::time::{Instant, timeout_at};
use tonic::{
    Status,
    body::Body,
    transport::{Channel, Error},
};
use tower::Service;

use crate::{
    clock::now_ms,
    context::{self, CallContext},
    request::TIME_METADATA,
    span::ClientSpan,
    timeout, traceparent,
};

/// How long a call may take when nothing else limits it.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);

/// A connection that is made at the first call and made again when it is lost. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Connection {
    channel: Channel,
}

impl Connection {
    pub(crate) fn new(channel: Channel) -> Connection {
        Connection { channel }
    }
}

impl Service<Request<Body>> for Connection {
    type Response = Response<Body>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.channel.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let context = context::current();
        let span = context
            .as_ref()
            .and_then(|it| ClientSpan::start(it, request.uri().path()));
        let trace = match &span {
            Some(span) => Some(span.context()),
            None => context.as_ref().and_then(unsampled),
        };
        let limit = limit(timeout::of(request.headers()), context::remaining());
        annotate(request.headers_mut(), limit, trace);
        let deadline = Instant::now() + limit;
        let answer = self.channel.call(request);
        Box::pin(async move {
            let response = match timeout_at(deadline, answer).await {
                Ok(Ok(response)) => response,
                // The channel keeps the same limit, and would call it a cancellation.
                Ok(Err(_)) if Instant::now() >= deadline => too_late(),
                Ok(Err(_)) => unreachable_peer(),
                Err(_) => too_late(),
            };
            if let Some(span) = span {
                span.end(&response);
            }
            Ok(response)
        })
    }
}

/// A call never outlives the call it is made for.
fn limit(asked: Option<Duration>, remaining: Option<Duration>) -> Duration {
    match (asked, remaining) {
        (Some(asked), Some(remaining)) => asked.min(remaining),
        (Some(limit), None) => limit,
        (None, remaining) => remaining.unwrap_or(TIMEOUT_DEFAULT).min(TIMEOUT_DEFAULT),
    }
}

/// The trace of a call that is not sampled goes on under its id, so that log lines meet.
fn unsampled(context: &CallContext) -> Option<SpanContext> {
    let span = &context.span;
    span.is_valid().then(|| {
        let state = span.trace_state().clone();
        SpanContext::new(
            span.trace_id(),
            span.span_id(),
            TraceFlags::NOT_SAMPLED,
            true,
            state,
        )
    })
}

fn annotate(headers: &mut HeaderMap, limit: Duration, trace: Option<SpanContext>) {
    headers.insert(timeout::HEADER, timeout::value(limit));
    headers.insert(TIME_METADATA, HeaderValue::from(now_ms()));
    if let Some(trace) = trace {
        headers.insert(traceparent::HEADER, traceparent::value(&trace));
    }
}

fn too_late() -> Response<Body> {
    Status::deadline_exceeded("the peer did not answer in time").into_http()
}

/// However a connection fails, refused, reset or turned away at the handshake: for the caller the
/// peer is not there. The transport would call some of these unknown.
fn unreachable_peer() -> Response<Body> {
    Status::unavailable("the peer cannot be reached").into_http()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_limit_holds() {
        let seconds = Duration::from_secs;
        for (asked, remaining, limit_seconds) in [
            (None, None, 5),
            (None, Some(3), 3),
            (None, Some(60), 5),
            (Some(8), None, 8),
            (Some(8), Some(9), 8),
            (Some(8), Some(7), 7),
            (Some(8), Some(0), 0),
        ] {
            let limit = limit(asked.map(seconds), remaining.map(seconds));
            assert_eq!(limit, seconds(limit_seconds), "{asked:?} {remaining:?}");
        }
    }
}
