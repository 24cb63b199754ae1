//! One connection to one address: TCP, TLS and HTTP/2, made anew each time.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{net::TcpStream, sync::watch, time::timeout};
use tokio_rustls::TlsConnector;
use tonic::body::Body;

use crate::{Material, MaterialError, address::Address, tls::client_config};

/// For all of it, from the first packet to the last of the handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A peer that vanished without a word is noticed after these two, also between calls.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(5);

type Io = TokioIo<tokio_rustls::client::TlsStream<TcpStream>>;
/// What keeps a connection going. It ends when the connection takes no more calls; those that are
/// in progress do not depend on it.
pub(crate) type Driver = http2::Connection<Io, Body, TokioExecutor>;

/// Makes connections to the addresses of one service.
pub(crate) struct Dialer {
    address: Address,
    material: watch::Receiver<Material>,
}

impl Dialer {
    pub(crate) fn new(
        address: Address,
        material: watch::Receiver<Material>,
    ) -> Result<Dialer, MaterialError> {
        client_config(&material.borrow(), address.spiffe_id.as_deref())?;
        Ok(Dialer { address, material })
    }

    /// The host, for a line in the log.
    pub(crate) fn host(&self) -> &str {
        &self.address.host
    }

    pub(crate) async fn dial(&self, at: SocketAddr) -> io::Result<(SendRequest<Body>, Driver)> {
        timeout(CONNECT_TIMEOUT, self.connect(at))
            .await
            .unwrap_or(Err(io::ErrorKind::TimedOut.into()))
    }

    async fn connect(&self, at: SocketAddr) -> io::Result<(SendRequest<Body>, Driver)> {
        let config = client_config(&self.material.borrow(), self.address.spiffe_id.as_deref());
        let connector = TlsConnector::from(Arc::new(config.map_err(io::Error::other)?));
        let stream = TcpStream::connect(at).await?;
        stream.set_nodelay(true)?;
        let stream = connector.connect(self.address.name.clone(), stream).await?;
        http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)
    }
}
