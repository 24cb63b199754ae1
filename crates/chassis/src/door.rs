//! The one door that every call comes through: admitted, limited, traced, counted, never a panic.

use std::{
    convert::Infallible,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use client::{
    clock::now_ms,
    context::{self, CallContext},
    timeout,
};
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use prometheus_client::metrics::gauge::Gauge;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout_at},
};
use tonic::{Code, Status, body::Body, service::Routes};
use tower::Service;

use crate::{
    Caller,
    admission::Admission,
    method::Method,
    metrics::Metrics,
    refuse,
    trace::{CallSpan, Tracing},
};

/// How long a call may take whose caller does not say.
const LIMIT_DEFAULT: Duration = Duration::from_secs(10);
/// How long any call may take that is no stream.
pub(crate) const LIMIT_MAX: Duration = Duration::from_secs(60);

/// What every call of a service passes.
#[derive(Clone)]
pub(crate) struct Door {
    routes: Routes,
    keeper: Arc<Keeper>,
}

/// What the door knows.
pub(crate) struct Keeper {
    pub(crate) service: &'static str,
    /// The full names of the gRPC services that answer behind it.
    pub(crate) served: Vec<&'static str>,
    pub(crate) admission: Admission,
    pub(crate) tracing: Arc<Tracing>,
    pub(crate) metrics: Metrics,
}

/// The caller of a request that came through the door.
///
/// # Errors
///
/// `INTERNAL` when it did not, which is a mistake in how the process was put together.
pub fn caller<T>(request: &tonic::Request<T>) -> Result<&Caller, Status> {
    request
        .extensions()
        .get()
        .ok_or_else(|| Status::internal("the call has no caller"))
}

impl Door {
    pub(crate) fn new(routes: Routes, keeper: Arc<Keeper>) -> Door {
        Door { routes, keeper }
    }
}

impl Service<Request<Body>> for Door {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request<Body>>::poll_ready(&mut self.routes, cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The clone that was polled ready goes with the call.
        let next = self.routes.clone();
        let routes = mem::replace(&mut self.routes, next);
        let keeper = self.keeper.clone();
        Box::pin(async move { Ok(keeper.pass(request, routes).await) })
    }
}

impl Keeper {
    async fn pass(&self, request: Request<Body>, routes: Routes) -> Response<Body> {
        let started = Instant::now();
        let method = Method::of(&self.served, request.uri().path());
        let span = self.tracing.call(method, request.headers());
        let deadline = deadline(method, request.headers(), started);
        let call = CallContext {
            deadline,
            span: span.context(),
            tracer: self.tracing.tracer.clone(),
        };
        let mut observation = Observation {
            metrics: &self.metrics,
            method,
            started,
            span,
            code: Code::Cancelled,
        };
        let response = context::scope(call, self.answer(request, routes, deadline)).await;
        observation.code = code(response.headers());
        response
    }

    async fn answer(
        &self,
        mut request: Request<Body>,
        mut routes: Routes,
        deadline: Option<Instant>,
    ) -> Response<Body> {
        let (caller, permit) = match self.admission.admit(&request, now_ms()) {
            Ok(admitted) => admitted,
            Err(refused) => return Status::from(refused.refusal(self.service)).into_http(),
        };
        let place = Place::take(permit, &self.metrics);
        request.extensions_mut().insert(caller);
        let handled = unpanicked(routes.call(request));
        let handled = match deadline {
            None => handled.await,
            Some(deadline) => match timeout_at(deadline, handled).await {
                Ok(handled) => handled,
                Err(_) => return self.too_late().into_http(),
            },
        };
        match handled {
            Some(Ok(response)) => response.map(|body| held(body, place)),
            Some(Err(never)) => match never {},
            None => self.broken().into_http(),
        }
    }

    fn too_late(&self) -> Status {
        let message = "the call took longer than its caller waits";
        refuse(
            Code::DeadlineExceeded,
            self.service,
            "DEADLINE_EXCEEDED",
            message,
        )
        .into()
    }

    fn broken(&self) -> Status {
        refuse(
            Code::Internal,
            self.service,
            "INTERNAL",
            "the service failed",
        )
        .into()
    }
}

/// Counts a call and ends its span once it is answered, or dropped because its caller has gone.
struct Observation<'a> {
    metrics: &'a Metrics,
    method: &'static Method,
    started: Instant,
    span: CallSpan,
    code: Code,
}

impl Drop for Observation<'_> {
    fn drop(&mut self) {
        let trace = self.span.context();
        self.metrics
            .answered
            .observe(self.method, self.code, self.started.elapsed(), &trace);
        self.span.end(self.code);
    }
}

/// A call's place among those in progress.
struct Place {
    _permit: OwnedSemaphorePermit,
    in_progress: Gauge,
}

impl Place {
    fn take(permit: OwnedSemaphorePermit, metrics: &Metrics) -> Place {
        let in_progress = metrics.in_progress.clone();
        in_progress.inc();
        Place {
            _permit: permit,
            in_progress,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.in_progress.dec();
    }
}

/// The body of an answer, which has its call's place until it has been sent: a stream begins with
/// its headers and is far from done.
fn held(body: Body, place: Place) -> Body {
    Body::new(body.map_frame(move |frame| {
        let _until_the_body_is_dropped = &place;
        frame
    }))
}

/// A stream lives as long as its caller likes.
fn deadline(method: &Method, headers: &HeaderMap, now: Instant) -> Option<Instant> {
    let limit = timeout::of(headers).unwrap_or(LIMIT_DEFAULT).min(LIMIT_MAX);
    (!method.streaming).then(|| now + limit)
}

/// The code of an answer. A refusal comes in the headers; whatever has a body began well.
fn code(headers: &HeaderMap) -> Code {
    headers
        .get("grpc-status")
        .map_or(Code::Ok, |it| Code::from_bytes(it.as_bytes()))
}

/// What a future gives, or `None` when it panicked: one call's mistake ends that call, not the
/// connection that others share.
async fn unpanicked<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| {
        // The future is not polled again after a panic, so nobody sees it half changed.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Some),
            Err(_) => Poll::Ready(None),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use axum::Router;
    use tokio::{sync::watch, task::yield_now};

    use super::*;
    use crate::{Callers, admission::IN_FLIGHT_MAX, connection::Peer};

    const SHOP: &str = "spiffe://vow.local/workload/shop";

    fn keeper() -> Keeper {
        let table = format!(
            "[[caller]]\nid = \"{SHOP}\"\nkind = \"workload\"\ntenants = [\"*\"]\nmethods = []"
        );
        let metrics = Metrics::new();
        let callers = Callers::parse(&table).expect("the table is sound");
        Keeper {
            service: "it",
            served: vec!["grpc.health.v1.Health"],
            admission: Admission::new(watch::channel(callers).1),
            tracing: Arc::new(Tracing::start("it", &metrics).expect("no exporter is asked for")),
            metrics,
        }
    }

    fn watch() -> Request<Body> {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = "/grpc.health.v1.Health/Watch".parse().expect("a path");
        let peer = Peer(Some(Arc::from(SHOP)));
        request.extensions_mut().insert(peer);
        request
    }

    #[tokio::test]
    async fn a_call_has_its_place_until_its_body_ends() {
        let keeper = keeper();
        let admitted = || {
            let admit = |_| keeper.admission.admit(&watch(), now_ms()).ok();
            (0..IN_FLIGHT_MAX)
                .map_while(admit)
                .collect::<Vec<_>>()
                .len()
        };
        let routes = Router::new().fallback(async || "what is sent little by little");
        let response = keeper.pass(watch(), Routes::from(routes)).await;
        assert_eq!(admitted(), IN_FLIGHT_MAX - 1);
        assert_eq!(keeper.metrics.in_progress.get(), 1);
        drop(response);
        assert_eq!(admitted(), IN_FLIGHT_MAX);
        assert_eq!(keeper.metrics.in_progress.get(), 0);
    }

    #[tokio::test]
    async fn a_call_whose_caller_goes_is_counted_too() {
        let keeper = keeper();
        let endless = Router::new().fallback(pending::<()>);
        tokio::select! {
            biased;
            _ = keeper.pass(watch(), Routes::from(endless)) => panic!("it never answers"),
            () = yield_now() => {}
        }
        let metrics = keeper.metrics.text().expect("a string takes all");
        let counted = "rpc_method=\"grpc.health.v1.Health/Watch\",\
                       rpc_response_status_code=\"CANCELLED\",error_type=\"\"} 1";
        assert!(metrics.contains(counted), "{metrics}");
    }

    #[test]
    fn a_call_is_limited_by_its_caller_within_bounds_and_a_stream_is_not() {
        let now = Instant::now();
        let check = Method::at("/vow.consent.v1.ConsentService/Check");
        let watch = Method::at("/vow.consent.v1.ConsentService/Watch");
        for (method, header, limit_seconds) in [
            (check, None, Some(10)),
            (check, Some("3S"), Some(3)),
            (check, Some("60S"), Some(60)),
            (check, Some("61S"), Some(60)),
            (check, Some("soon"), Some(10)),
            (watch, None, None),
            (watch, Some("3S"), None),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(header) = header {
                headers.insert(timeout::HEADER, header.parse().expect("a value"));
            }
            let limit = deadline(method, &headers, now).map(|it| (it - now).as_secs());
            assert_eq!(limit, limit_seconds, "{} {header:?}", method.full_name);
        }
    }

    #[tokio::test]
    async fn a_panic_is_no_answer() {
        assert_eq!(unpanicked(async { 1 }).await, Some(1));
        let panics = async { panic!("on purpose") };
        assert_eq!(unpanicked::<_>(panics).await.map(|()| 1), None);
    }

    #[test]
    fn a_request_that_went_round_the_door_has_no_caller() {
        let status = caller(&tonic::Request::new(())).expect_err("nobody admitted it");
        assert_eq!(status.code(), Code::Internal);
    }
}
