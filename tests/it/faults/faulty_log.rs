//! A log that is broken on purpose: a peer with disclosure-audit's own certificate and one fault.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use proto::disclosure_audit::{
    disclosure_audit_service_server::{DisclosureAuditService, DisclosureAuditServiceServer},
    *,
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Request, Response, Status,
    transport::{Certificate, Identity, Server, ServerTlsConfig},
};

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: it answers as an honest log would, and keeps nothing.
    None,
    /// It says that its queue is full.
    Refuses,
    /// It answers later than anybody waits.
    Slow,
    /// It breaks the connection in the middle of the call.
    CutsOff,
    /// It answers success without saying where the entry stands.
    Empty,
    /// It answers success with an entry that is none.
    NotAnEntry,
}

/// A running faulty log; it ends when it is dropped.
pub struct FaultyLog {
    port: u16,
    asked: Arc<AtomicUsize>,
    server: JoinHandle<()>,
}

impl FaultyLog {
    /// Starts it with the material of the real one.
    pub async fn start(material: &Path, fault: Fault) -> Self {
        let read = |name: &str| fs::read(material.join(name)).expect("init made it");
        let identity = Identity::from_pem(
            read("disclosure-audit/certificate.pem"),
            read("disclosure-audit/certificate.key"),
        );
        let tls = ServerTlsConfig::new()
            .identity(identity)
            .client_ca_root(Certificate::from_pem(read("ca.pem")));
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let asked = Arc::new(AtomicUsize::new(0));
        let service = Service {
            fault,
            asked: asked.clone(),
        };
        let server = Server::builder()
            .tls_config(tls)
            .expect("the material is sound")
            .add_service(DisclosureAuditServiceServer::new(service))
            .serve_with_incoming(TcpListenerStream::new(listener));
        let server = tokio::spawn(async move { server.await.expect("it serves until dropped") });
        Self {
            port,
            asked,
            server,
        }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How often a record was asked for.
    pub fn records_asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Drop for FaultyLog {
    fn drop(&mut self) {
        self.server.abort();
    }
}

struct Service {
    fault: Fault,
    asked: Arc<AtomicUsize>,
}

#[tonic::async_trait]
impl DisclosureAuditService for Service {
    type ExportDisclosuresStream = tokio_stream::Empty<Result<ExportDisclosuresResponse, Status>>;

    async fn record(&self, _: Request<RecordRequest>) -> Result<Response<RecordResponse>, Status> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let honest = RecordResponse {
            entry_id: uuid::Uuid::new_v4().into(),
            index: 7,
            recorded_at: Some(crate::suite::acts::seconds_from_now(0)),
        };
        match self.fault {
            Fault::None => Ok(Response::new(honest)),
            Fault::Refuses => Err(Status::resource_exhausted("the queue is full")),
            Fault::Slow => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                Ok(Response::new(honest))
            }
            // A panic in the handler resets the stream without an answer.
            Fault::CutsOff => panic!("cut off on purpose"),
            Fault::Empty => Ok(Response::new(RecordResponse::default())),
            Fault::NotAnEntry => Ok(Response::new(RecordResponse {
                entry_id: "an entry".into(),
                ..honest
            })),
        }
    }

    async fn list_destroyed_keys(
        &self,
        _: Request<ListDestroyedKeysRequest>,
    ) -> Result<Response<ListDestroyedKeysResponse>, Status> {
        Ok(Response::new(ListDestroyedKeysResponse::default()))
    }

    async fn register_recipient(
        &self,
        _: Request<RegisterRecipientRequest>,
    ) -> Result<Response<RegisterRecipientResponse>, Status> {
        absent()
    }

    async fn get_recipient(
        &self,
        _: Request<GetRecipientRequest>,
    ) -> Result<Response<GetRecipientResponse>, Status> {
        absent()
    }

    async fn list_recipients(
        &self,
        _: Request<ListRecipientsRequest>,
    ) -> Result<Response<ListRecipientsResponse>, Status> {
        absent()
    }

    async fn end_recipient(
        &self,
        _: Request<EndRecipientRequest>,
    ) -> Result<Response<EndRecipientResponse>, Status> {
        absent()
    }

    async fn record_batch(
        &self,
        _: Request<RecordBatchRequest>,
    ) -> Result<Response<RecordBatchResponse>, Status> {
        absent()
    }

    async fn get_receipt(
        &self,
        _: Request<GetReceiptRequest>,
    ) -> Result<Response<GetReceiptResponse>, Status> {
        absent()
    }

    async fn get_checkpoint(
        &self,
        _: Request<GetCheckpointRequest>,
    ) -> Result<Response<GetCheckpointResponse>, Status> {
        absent()
    }

    async fn account_disclosures(
        &self,
        _: Request<AccountDisclosuresRequest>,
    ) -> Result<Response<AccountDisclosuresResponse>, Status> {
        absent()
    }

    async fn shred_subject(
        &self,
        _: Request<ShredSubjectRequest>,
    ) -> Result<Response<ShredSubjectResponse>, Status> {
        absent()
    }

    async fn export_disclosures(
        &self,
        _: Request<ExportDisclosuresRequest>,
    ) -> Result<Response<Self::ExportDisclosuresStream>, Status> {
        absent()
    }

    async fn place_hold(
        &self,
        _: Request<PlaceHoldRequest>,
    ) -> Result<Response<PlaceHoldResponse>, Status> {
        absent()
    }

    async fn lift_hold(
        &self,
        _: Request<LiftHoldRequest>,
    ) -> Result<Response<LiftHoldResponse>, Status> {
        absent()
    }

    async fn list_holds(
        &self,
        _: Request<ListHoldsRequest>,
    ) -> Result<Response<ListHoldsResponse>, Status> {
        absent()
    }

    async fn set_evidence_retention(
        &self,
        _: Request<SetEvidenceRetentionRequest>,
    ) -> Result<Response<SetEvidenceRetentionResponse>, Status> {
        absent()
    }

    async fn get_evidence_retention(
        &self,
        _: Request<GetEvidenceRetentionRequest>,
    ) -> Result<Response<GetEvidenceRetentionResponse>, Status> {
        absent()
    }
}

fn absent<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("no test needs it"))
}
