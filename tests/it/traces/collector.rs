//! A real OTLP receiver that keeps what it is sent.

use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::any_value,
    trace::v1::span::SpanKind,
};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, transport::Server};

/// One span, as far as the tests look at it.
#[derive(Clone, Debug)]
pub struct Span {
    pub service: String,
    pub name: String,
    pub trace: Vec<u8>,
    pub id: Vec<u8>,
    pub parent: Vec<u8>,
    pub is_server: bool,
    /// Everything the exporter said of it, as text to search.
    pub all: String,
}

/// A running receiver; it lives as long as the test.
pub struct Collector {
    port: u16,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Collector {
    /// Starts it on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let spans = Arc::new(Mutex::new(Vec::new()));
        let receiver = Receiver(spans.clone());
        let server = Server::builder()
            .add_service(TraceServiceServer::new(receiver))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(server);
        Self { port, spans }
    }

    /// Where to send spans.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What was received so far.
    pub fn spans(&self) -> Vec<Span> {
        self.spans.lock().expect("nobody panics").clone()
    }
}

struct Receiver(Arc<Mutex<Vec<Span>>>);

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut kept = self.0.lock().expect("nobody panics");
        for resource in request.into_inner().resource_spans {
            let attributes = resource
                .resource
                .map(|it| it.attributes)
                .unwrap_or_default();
            let service = attributes
                .iter()
                .find(|it| it.key == "service.name")
                .and_then(|it| it.value.as_ref()?.value.as_ref())
                .and_then(|it| match it {
                    any_value::Value::StringValue(name) => Some(name.clone()),
                    _ => None,
                })
                .unwrap_or_default();
            for span in resource.scope_spans.into_iter().flat_map(|it| it.spans) {
                kept.push(Span {
                    service: service.clone(),
                    all: format!("{span:?} {attributes:?}"),
                    is_server: span.kind == i32::from(SpanKind::Server),
                    name: span.name,
                    trace: span.trace_id,
                    id: span.span_id,
                    parent: span.parent_span_id,
                });
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}
