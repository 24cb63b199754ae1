//! A server for the balancer's tests: it answers health checks over mutual TLS, and counts them.

use std::{
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use tokio::{runtime, sync::oneshot};
use tonic::{
    Request,
    service::InterceptorLayer,
    transport::{Certificate, Identity, Server as Tonic, ServerTlsConfig, server::TcpIncoming},
};
use tonic_health::{ServingStatus, server::HealthReporter};

use crate::Material;

/// What a server proves to be.
pub const ID: &str = "spiffe://vow.local/workload/consent";

/// An authority that signs certificates.
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A server on a runtime of its own, so that it can die at once.
pub struct Server {
    pub address: SocketAddr,
    calls: Arc<AtomicUsize>,
    health: HealthReporter,
    changes: AtomicUsize,
    stop: Option<oneshot::Sender<()>>,
    runtime: Option<runtime::Runtime>,
}

impl Authority {
    pub fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        let issuer = Issuer::new(params, key);
        Authority { pem, issuer }
    }

    /// Material for a peer with these URI names.
    pub fn material(&self, ids: &[&str]) -> Material {
        let mut params = CertificateParams::new(vec!["vow.test".to_owned()]).expect("a name");
        for id in ids {
            let id = SanType::URI((*id).try_into().expect("ASCII"));
            params.subject_alt_names.push(id);
        }
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Material {
            certificate_pem: certificate.pem().into_bytes(),
            key_pem: key.serialize_pem().into_bytes(),
            authority_pem: self.pem.clone().into_bytes(),
        }
    }

    pub fn server(&self) -> Server {
        self.server_named(&[ID])
    }

    pub fn server_named(&self, ids: &[&str]) -> Server {
        Server::start(SocketAddr::from(([127, 0, 0, 1], 0)), &self.material(ids))
    }

    pub fn server_at(&self, address: SocketAddr) -> Server {
        Server::start(address, &self.material(&[ID]))
    }
}

impl Server {
    fn start(address: SocketAddr, own: &Material) -> Server {
        let mut builder = runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a thread can be had");
        let listener = TcpListener::bind(address).expect("the port is free");
        let address = listener.local_addr().expect("it is bound");
        listener.set_nonblocking(true).expect("it is a socket");
        let calls = Arc::new(AtomicUsize::new(0));
        let counting = calls.clone();
        let count = move |request: Request<()>| {
            counting.fetch_add(1, Ordering::Relaxed);
            Ok(request)
        };
        let (health, service) = tonic_health::server::health_reporter();
        let (stop, stopped) = oneshot::channel();
        let tls = ServerTlsConfig::new()
            .identity(Identity::from_pem(&own.certificate_pem, &own.key_pem))
            .client_ca_root(Certificate::from_pem(&own.authority_pem));
        let server = Tonic::builder().tls_config(tls).expect("good material");
        let server = server
            .layer(InterceptorLayer::new(count))
            .add_service(service);
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("it is a socket");
            let stopped = async { drop(stopped.await) };
            server
                .serve_with_incoming_shutdown(TcpIncoming::from(listener), stopped)
                .await
        });
        Server {
            address,
            calls,
            health,
            changes: AtomicUsize::new(0),
            stop: Some(stop),
            runtime: Some(runtime),
        }
    }

    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// Tells those who watch something new.
    pub async fn change(&self) {
        let status = match self.changes.fetch_add(1, Ordering::Relaxed) % 2 {
            0 => ServingStatus::NotServing,
            _ => ServingStatus::Serving,
        };
        self.health.set_service_status("", status).await;
    }

    /// Takes no more calls, and ends those it has.
    pub fn drain(&mut self) {
        let stop = self.stop.take().expect("it drains once");
        stop.send(()).expect("it runs");
    }

    /// Ends in the middle of whatever it does.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}
