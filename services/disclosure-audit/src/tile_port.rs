//! The tile port: the published log for anybody, over plain HTTP/1.1, read from the tile store alone.
//!
//! Only exact paths are answered, and nothing of a request is repeated, so that a cache before this
//! port keeps one answer for each object and none that somebody made up.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::response::Builder;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::Response;
use chassis::{PublicPort, Stop};
use ledger::{BundleId, ENTRY_BYTES, Hash, TILE_WIDTH, TileId, TilePath};
use tokio::time::{sleep, timeout};

use crate::error::Error;
use crate::tile_store::{
    CHECKPOINT_CACHING, CHECKPOINT_TYPE, PublishedCheckpoint, TILE_CACHING, TILE_TYPE, TileStore,
};

const CONNECTIONS_MAX: usize = 1_024;
const CONNECTION_TIME: Duration = Duration::from_secs(60);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// How long answers may take to leave when the process stops.
const GRACE: Duration = Duration::from_secs(2);

/// Where the tile port is, as an address or as a port that is bound already.
#[derive(Clone, Debug)]
pub struct TileListen(Listen);

#[derive(Clone, Debug)]
enum Listen {
    At(SocketAddr),
    Bound(Arc<TcpListener>),
}

impl TileListen {
    /// Binds the port now, so that it is known before the service runs.
    ///
    /// # Errors
    /// The address is taken or not of this machine.
    pub fn bind(address: SocketAddr) -> io::Result<(Self, SocketAddr)> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        Ok((Self(Listen::Bound(Arc::new(listener))), address))
    }

    /// The port, for a running tokio runtime.
    pub(crate) fn open(&self) -> io::Result<PublicPort> {
        let listener = match &self.0 {
            Listen::At(address) => TcpListener::bind(address)?,
            Listen::Bound(listener) => listener.try_clone()?,
        };
        PublicPort::on(listener, CONNECTIONS_MAX, CONNECTION_TIME)
    }
}

impl FromStr for TileListen {
    type Err = <SocketAddr as FromStr>::Err;

    fn from_str(address: &str) -> Result<Self, Self::Err> {
        Ok(Self(Listen::At(address.parse()?)))
    }
}

/// Serves until the process stops.
///
/// # Errors
/// None: what fails is a connection.
pub(crate) async fn run(port: PublicPort, tiles: Arc<TileStore>, stop: Stop) -> anyhow::Result<()> {
    let routes = Router::new().fallback(answer_in_time).with_state(tiles);
    let stopping = stop.clone();
    let serving =
        axum::serve(port, routes).with_graceful_shutdown(async move { stopping.requested().await });
    let over = async {
        stop.requested().await;
        sleep(GRACE).await;
    };
    tokio::select! {
        served = serving => served?,
        () = over => {}
    }
    Ok(())
}

async fn answer_in_time(State(tiles): State<Arc<TileStore>>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    let answer = timeout(ANSWER_TIMEOUT, answer(&tiles, &head)).await;
    let answer = answer.unwrap_or(Err(Error::TileStoreUnavailable));
    // The store has said why.
    answer.unwrap_or_else(|_| {
        let unavailable = refusal(StatusCode::SERVICE_UNAVAILABLE);
        whole(unavailable.header(RETRY_AFTER, "1"), Body::empty())
    })
}

async fn answer(tiles: &TileStore, asked: &Parts) -> Result<Response, Error> {
    // A body of the answer to HEAD is not sent, but its length is.
    if ![Method::GET, Method::HEAD].contains(&asked.method) {
        let refusal = refusal(StatusCode::METHOD_NOT_ALLOWED).header(ALLOW, "GET, HEAD");
        return Ok(whole(refusal, Body::empty()));
    }
    let not_found = || whole(refusal(StatusCode::NOT_FOUND), Body::empty());
    if asked.uri.query().is_some() {
        return Ok(not_found());
    }
    if asked.uri.path() == "/checkpoint" {
        let checkpoint = tiles.checkpoint().await?;
        let known = asked.headers.get(IF_NONE_MATCH);
        return Ok(checkpoint.map_or_else(not_found, |it| current(it, known)));
    }
    let path = asked.uri.path().strip_prefix('/');
    let Some(path) = path.and_then(|it| TilePath::parse(it).ok()) else {
        return Ok(not_found());
    };
    let found = object(tiles, path).await?;
    Ok(found.map_or_else(not_found, |bytes| {
        let head = success(TILE_TYPE, TILE_CACHING);
        whole(head, bytes.into())
    }))
}

/// The checkpoint, or that it still is the one that is known.
fn current(checkpoint: PublishedCheckpoint, known: Option<&HeaderValue>) -> Response {
    let mut head = success(CHECKPOINT_TYPE, CHECKPOINT_CACHING);
    if let Some(tag) = &checkpoint.tag {
        let tag = format!("\"{}\"", tag.trim_matches('"'));
        head = head.header(ETAG, &tag);
        if known.is_some_and(|it| it.as_bytes() == tag.as_bytes()) {
            return whole(head.status(StatusCode::NOT_MODIFIED), Body::empty());
        }
    }
    whole(head, checkpoint.note.into())
}

/// A tile or bundle. One that was partial, and is deleted since the full one is there, is its beginning.
async fn object(tiles: &TileStore, path: TilePath) -> Result<Option<Vec<u8>>, Error> {
    if let Some(bytes) = tiles.object(path).await? {
        return Ok(Some(bytes));
    }
    let (full, length) = match path {
        TilePath::Hashes(id) if id.width < TILE_WIDTH => {
            let width = TILE_WIDTH;
            let length = usize::from(id.width) * size_of::<Hash>();
            (TilePath::Hashes(TileId { width, ..id }), length)
        }
        TilePath::Entries(id) if id.width < TILE_WIDTH => {
            let width = TILE_WIDTH;
            let length = usize::from(id.width) * (size_of::<u16>() + ENTRY_BYTES);
            (TilePath::Entries(BundleId { width, ..id }), length)
        }
        _ => return Ok(None),
    };
    let mut bytes = tiles.object(full).await?;
    if let Some(bytes) = &mut bytes {
        bytes.truncate(length);
    }
    Ok(bytes)
}

fn success(content_type: &'static str, caching: &'static str) -> Builder {
    Response::builder()
        .header(CONTENT_TYPE, content_type)
        .header(CACHE_CONTROL, caching)
        .header(X_CONTENT_TYPE_OPTIONS, "nosniff")
}

/// What is not there now may be there in a moment.
fn refusal(status: StatusCode) -> Builder {
    let head = Response::builder().status(status);
    head.header(CACHE_CONTROL, "no-store")
}

fn whole(head: Builder, body: Body) -> Response {
    head.body(body)
        .expect("every header is a constant or a tag that a header held")
}
