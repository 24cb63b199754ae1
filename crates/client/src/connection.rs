//! A connection to another service, which sends deadline, clock and trace with each call.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{
    HeaderMap, HeaderValue, Request, Response, Uri,
    uri::{Authority, Parts, Scheme},
};
use opentelemetry::trace::{SpanContext, TraceFlags};
use tokio::time::Instant;
use tonic::body::Body;
use tower::Service;

use crate::{
    balancer::Balancer,
    clock::now_ms,
    context::{self, CallContext},
    observer::{Observation, Observer},
    request::TIME_METADATA,
    span::ClientSpan,
    timeout, traceparent,
};

/// How long a call may take when nothing else limits it.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);

/// A way to all the replicas of a service, whose connections are made and made again as they come
/// and go. Cheap to clone; the last clone ends them.
#[derive(Clone)]
pub struct Connection {
    authority: Authority,
    balancer: Arc<Balancer>,
    observer: Option<Arc<dyn Observer>>,
}

impl Connection {
    pub(crate) fn new(authority: Authority, balancer: Balancer) -> Connection {
        Connection {
            authority,
            balancer: Arc::new(balancer),
            observer: None,
        }
    }

    #[cfg(test)]
    pub(crate) fn balancer(&self) -> &Arc<Balancer> {
        &self.balancer
    }

    /// The same connection, whose every call `observer` is told of.
    pub fn observed(self, observer: Arc<dyn Observer>) -> Connection {
        Connection {
            observer: Some(observer),
            ..self
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Connection(..)")
    }
}

impl Service<Request<Body>> for Connection {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
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
        let observation =
            Observation::start(self.observer.clone(), request.uri().clone(), trace.clone());
        let limit = limit(timeout::of(request.headers()), context::remaining());
        annotate(request.headers_mut(), limit, trace);
        let deadline = Instant::now() + limit;
        *request.uri_mut() = at(&self.authority, request.uri());
        let balancer = self.balancer.clone();
        Box::pin(async move {
            let response = balancer.send(request, deadline).await;
            if let Some(span) = span {
                span.end(&response);
            }
            observation.end(&response);
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

/// A client knows only the path.
fn at(authority: &Authority, uri: &Uri) -> Uri {
    let mut parts = Parts::default();
    parts.scheme = Some(Scheme::HTTPS);
    parts.authority = Some(authority.clone());
    parts.path_and_query = uri.path_and_query().cloned();
    Uri::from_parts(parts).expect("a call has a path")
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
