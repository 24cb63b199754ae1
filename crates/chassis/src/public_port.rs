//! A port that anybody may call in plain HTTP: so many connections, and none for longer than its time.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::serve::Listener;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep},
};

/// How long to wait when the system has no more descriptors to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Listens for [`axum::serve`]. Who comes when all places are taken waits in the system's queue,
/// and the slowest caller loses its place after the time that every connection has.
#[derive(Debug)]
pub struct PublicPort {
    listener: TcpListener,
    places: Arc<Semaphore>,
    time: Duration,
}

/// An accepted connection: it fails once its time is over, in the middle of a request or between two.
#[derive(Debug)]
pub struct PublicConnection {
    stream: TcpStream,
    over: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl PublicPort {
    /// Binds the port for at most so many connections at once, each for this time.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub async fn bind(
        address: SocketAddr,
        connections_max: usize,
        time: Duration,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?.into_std()?;
        Self::on(listener, connections_max, time)
    }

    /// The same on a port that is bound. Needs a running tokio runtime.
    ///
    /// # Errors
    /// The listener is none of this system's any more.
    pub fn on(
        listener: std::net::TcpListener,
        connections_max: usize,
        time: Duration,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener: TcpListener::from_std(listener)?,
            places: Arc::new(Semaphore::new(connections_max)),
            time,
        })
    }
}

impl Listener for PublicPort {
    type Io = PublicConnection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (PublicConnection, SocketAddr) {
        let place = self.places.clone().acquire_owned().await;
        let place = place.expect("nobody closes the semaphore");
        let (stream, address) = loop {
            match self.listener.accept().await {
                Ok(accepted) => break accepted,
                Err(_) => sleep(ACCEPT_PAUSE).await,
            }
        };
        // Small answers leave at once; where that cannot be had, they leave later.
        let _ = stream.set_nodelay(true);
        let connection = PublicConnection {
            stream,
            over: Box::pin(sleep(self.time)),
            _place: place,
        };
        (connection, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl PublicConnection {
    fn check_time(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.over.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for PublicConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check_time(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for PublicConnection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check_time(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check_time(context)?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::get};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::timeout;

    use super::*;

    const TIME: Duration = Duration::from_millis(400);
    const SOON: Duration = Duration::from_millis(100);

    async fn serve() -> SocketAddr {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let port = PublicPort::bind(any, 2, TIME).await.unwrap();
        let address = port.local_addr().unwrap();
        let routes = Router::new().route("/", get(async || "here"));
        tokio::spawn(async move { axum::serve(port, routes).await });
        address
    }

    /// Asks once and keeps the connection.
    async fn ask(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            .await?;
        let mut answer = vec![0; 4096];
        let length = stream.read(&mut answer).await?;
        answer.truncate(length);
        Ok(answer)
    }

    #[tokio::test]
    async fn who_dawdles_loses_the_place_to_who_waits() {
        let address = serve().await;
        let mut silent = TcpStream::connect(address).await.unwrap();
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET / HT").await.unwrap();
        let mut third = TcpStream::connect(address).await.unwrap();
        assert!(
            timeout(SOON, ask(&mut third)).await.is_err(),
            "both places are taken"
        );
        let mut rest = Vec::new();
        for dawdler in [&mut silent, &mut slow] {
            let end = timeout(2 * TIME, dawdler.read_to_end(&mut rest)).await;
            assert!(end.is_ok(), "it was sent away");
        }
        let mut fourth = TcpStream::connect(address).await.unwrap();
        let answer = timeout(2 * TIME, ask(&mut fourth)).await.unwrap().unwrap();
        assert!(answer.ends_with(b"here"));
    }

    #[tokio::test]
    async fn a_connection_serves_several_requests_until_its_time_is_over() {
        let mut stream = TcpStream::connect(serve().await).await.unwrap();
        for _ in 0..2 {
            assert!(ask(&mut stream).await.unwrap().ends_with(b"here"));
        }
        let mut rest = Vec::new();
        let end = timeout(2 * TIME, stream.read_to_end(&mut rest)).await;
        assert!(end.is_ok(), "it was closed");
    }
}
