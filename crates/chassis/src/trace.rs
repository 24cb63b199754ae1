//! The trace of every call: taken up from the caller or begun here, with a span only when sampled.

mod exporter;

use std::{sync::Arc, time::Duration};

use client::{code, context::CallContext, traceparent};
use http::HeaderMap;
use opentelemetry::{
    Context, KeyValue,
    global::{BoxedSpan, BoxedTracer},
    trace::{Link, Span, SpanContext, SpanKind, Status, TraceContextExt, Tracer, TracerProvider},
};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracerProvider},
};
use tonic::Code;

use crate::{method::Method, metrics::Metrics};
use exporter::Counted;

/// How long the last spans may take to leave when the process stops.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

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
    pub(crate) fn start(service: &'static str, metrics: &Metrics) -> anyhow::Result<Tracing> {
        Ok(Tracing::new(
            service,
            exporter::from_environment()?,
            metrics,
        ))
    }

    fn new(service: &'static str, exporter: Option<SpanExporter>, metrics: &Metrics) -> Tracing {
        let resource = Resource::builder()
            .with_service_name(service)
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let builder = SdkTracerProvider::builder().with_resource(resource);
        let provider = match exporter {
            Some(exporter) => {
                let metrics = metrics.clone();
                let exporter = Counted { exporter, metrics };
                builder.with_batch_exporter(exporter).build()
            }
            None => builder.with_sampler(Sampler::AlwaysOff).build(),
        };
        let tracer = Arc::new(BoxedTracer::new(Box::new(provider.tracer("vow"))));
        Tracing { provider, tracer }
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
        let name = method.full_name.as_str();
        let span = self
            .tracer
            .span_builder(name)
            .with_kind(SpanKind::Server)
            .with_attributes([
                KeyValue::new("rpc.system.name", "grpc"),
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
    pub(crate) fn end(&mut self, code: Code) {
        let CallSpan::Own(span) = self else {
            return;
        };
        let status = code::name(code);
        span.set_attribute(KeyValue::new("rpc.response.status_code", status));
        if code::is_servers_fault(code) {
            span.set_attribute(KeyValue::new("error.type", status));
            span.set_status(Status::error(""));
        }
        span.end();
    }
}

/// The span of work that is done for several calls at once, and the context to do it in: a part of
/// the first call that is sampled, with links to the others. It ends when it is dropped.
pub(crate) fn shared(calls: &[CallContext]) -> Option<(CallContext, BoxedSpan)> {
    let mut sampled = calls.iter().filter(|it| it.span.is_sampled());
    let first = sampled.next()?;
    let links = sampled.map(|it| Link::with_context(it.span.clone()));
    let builder = first
        .tracer
        .span_builder("commit")
        .with_links(links.collect());
    let parent = Context::new().with_remote_span_context(first.span.clone());
    let span = first.tracer.build_with_context(builder, &parent);
    let context = CallContext {
        // Others wait for it too.
        deadline: None,
        span: span.span_context().clone(),
        tracer: first.tracer.clone(),
    };
    Some((context, span))
}

#[cfg(test)]
mod tests {
    use std::{fs, net::SocketAddr};

    use client::context::{self, CallContext};
    use opentelemetry_proto::tonic::{
        collector::trace::v1::{
            ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
        trace::v1::Span as ExportedSpan,
    };
    use opentelemetry_sdk::trace::SpanExporter as Export;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    use tempfile::TempDir;
    use tokio::{net::TcpListener, sync::mpsc};
    use tokio_stream::wrappers::TcpListenerStream;
    use tonic::{
        Request, Response, Status,
        transport::{Identity, Server, ServerTlsConfig},
    };

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    /// A collector that passes on what it gets.
    struct Collector(mpsc::UnboundedSender<ExportTraceServiceRequest>);

    #[tonic::async_trait]
    impl TraceService for Collector {
        async fn export(
            &self,
            request: Request<ExportTraceServiceRequest>,
        ) -> Result<Response<ExportTraceServiceResponse>, Status> {
            self.0.send(request.into_inner()).expect("the test waits");
            Ok(Response::new(ExportTraceServiceResponse::default()))
        }
    }

    /// A collector of this machine, in TLS if it has a certificate, and what it gets.
    async fn collector(
        identity: Option<Identity>,
    ) -> (
        SocketAddr,
        mpsc::UnboundedReceiver<ExportTraceServiceRequest>,
    ) {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let (sender, exported) = mpsc::unbounded_channel();
        let mut server = Server::builder();
        if let Some(identity) = identity {
            let tls = ServerTlsConfig::new().identity(identity);
            server = server.tls_config(tls).expect("the certificate is good");
        }
        let server = server.add_service(TraceServiceServer::new(Collector(sender)));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        (address, exported)
    }

    /// An authority in PEM, and a certificate of this machine that it signed.
    fn signed() -> (String, Identity) {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let authority = params.self_signed(&key).expect("a certificate").pem();
        let issuer = Issuer::new(params, key);
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
        let key = KeyPair::generate().expect("a key");
        let own = params.signed_by(&key, &issuer).expect("a certificate");
        let identity = Identity::from_pem(own.pem(), key.serialize_pem());
        (authority, identity)
    }

    fn headers(flags: &str) -> HeaderMap {
        let header = format!("00-{TRACE}-00f067aa0ba902b7-{flags}");
        HeaderMap::from_iter([(
            traceparent::HEADER.parse().expect("a name"),
            header.parse().expect("a value"),
        )])
    }

    fn hexadecimal(bytes: &[u8]) -> String {
        bytes.iter().map(|it| format!("{it:02x}")).collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_sampled_call_arrives_at_the_collector_below_its_caller() {
        let (address, mut exported) = collector(None).await;
        let exporter = exporter::to(&format!("http://{address}"), None);
        let metrics = Metrics::new();
        let exporter = exporter.expect("an endpoint");
        let tracing = Tracing::new("consent", Some(exporter), &metrics);

        let check = Method::at("/vow.consent.v1.ConsentService/Check");
        tracing.call(check, &headers("00")).end(Code::Ok);
        tracing.call(check, &headers("01")).end(Code::Internal);
        tracing.stop().await;

        let request = exported.recv().await.expect("it was flushed");
        let resource = format!("{:?}", request.resource_spans[0].resource);
        assert!(resource.contains("\"consent\""), "{resource}");
        let spans: Vec<&ExportedSpan> = request.resource_spans[0]
            .scope_spans
            .iter()
            .flat_map(|it| &it.spans)
            .collect();
        let [span] = spans.as_slice() else {
            panic!("only the sampled call has a span")
        };
        assert_eq!(span.name, "vow.consent.v1.ConsentService/Check");
        assert_eq!(hexadecimal(&span.trace_id), TRACE);
        assert_eq!(hexadecimal(&span.parent_span_id), "00f067aa0ba902b7");
        let metrics = metrics.text().expect("a string takes all");
        let sent = "vow_spans_exported_total{outcome=\"sent\"} 1\n";
        assert!(metrics.contains(sent), "{metrics}");
    }

    #[tokio::test]
    async fn a_collector_is_believed_by_the_authority_that_is_named_and_by_no_other() {
        let folder = TempDir::new().expect("a folder");
        let written = |name: &str, text: &str| {
            let path = folder.path().join(name).display().to_string();
            fs::write(&path, text).expect("the folder can be written");
            path
        };
        let (authority, identity) = signed();
        let named = written("named.pem", &authority);
        let other = written("other.pem", &signed().0);
        let (address, mut exported) = collector(Some(identity)).await;
        let endpoint = format!("https://{address}");

        let exporter = exporter::to(&endpoint, Some(&named)).expect("it is an authority");
        let sent = exporter.export(Vec::new()).await;
        sent.expect("it is believed");
        exported.recv().await.expect("it arrived");

        let exporter = exporter::to(&endpoint, Some(&other)).expect("it is an authority");
        let refused = exporter.export(Vec::new()).await;
        let words = refused.expect_err("another signed it").to_string();
        assert!(words.contains("invalid peer certificate"), "{words}");

        for file in [written("none.pem", ""), "nowhere.pem".to_owned()] {
            let said = exporter::to(&endpoint, Some(&file)).expect_err("there is no authority");
            assert!(said.to_string().contains(&file), "{said:#}");
        }
    }

    #[tokio::test]
    async fn without_a_collector_calls_still_have_trace_ids() {
        let tracing = Tracing::new("consent", None, &Metrics::new());
        let check = Method::at("/vow.consent.v1.ConsentService/Check");
        for (headers, trace_id) in [
            (headers("00"), Some(TRACE.to_owned())),
            (headers("01"), Some(TRACE.to_owned())),
            (HeaderMap::new(), None),
        ] {
            let span = tracing.call(check, &headers).context();
            assert!(span.is_valid() && !span.is_sampled());
            let call = CallContext {
                deadline: None,
                span,
                tracer: tracing.tracer.clone(),
            };
            let logged = context::scope(call, async { context::trace_id() }).await;
            assert!(logged.is_some());
            assert!(trace_id.is_none() || logged == trace_id);
        }
    }
}
