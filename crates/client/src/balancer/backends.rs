//! What is known of a service's addresses: which are connected, being tried, or resting.

use std::{
    error::Error,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use h2::Reason;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::client::conn::http2::SendRequest;
use tonic::{Status, body::Body};

/// The addresses of one service.
pub(super) struct Backends {
    looking_up: bool,
    known: Vec<Backend>,
    /// How often all hope was gone: nobody is connected and nobody is being tried.
    failures: u64,
    /// Whether the log knows of the failure.
    reported: bool,
    turn: AtomicUsize,
}

struct Backend {
    address: SocketAddr,
    condition: Condition,
}

enum Condition {
    Trying,
    Up(Link),
    Down,
}

/// A connection that takes calls.
#[derive(Clone)]
pub(super) struct Link {
    sender: SendRequest<Body>,
    /// Held by every call in progress.
    load: Arc<()>,
}

/// What became of a call without an answer.
pub(super) enum Lost {
    /// Nobody has looked at it, so that it can be sent again.
    Unseen,
    /// It may have been carried out.
    Perhaps,
}

/// Whether the peer says that it has not looked at the call (RFC 9113, sections 6.8 and 8.7).
fn is_unseen(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|it| it.downcast_ref::<h2::Error>());
    cause.is_some_and(|it| {
        let turned_away = it.is_reset() && it.reason() == Some(Reason::REFUSED_STREAM);
        let stopping = it.is_go_away() && it.reason() == Some(Reason::NO_ERROR);
        it.is_remote() && (turned_away || stopping)
    })
}

impl Link {
    pub(super) fn new(sender: SendRequest<Body>) -> Link {
        Link {
            sender,
            load: Arc::default(),
        }
    }

    /// Sends a call, which has its share of the load until its answer has been read.
    pub(super) async fn send(&mut self, request: Request<Body>) -> Result<Response<Body>, Lost> {
        let answered = self.sender.try_send_request(request).await;
        let response =
            answered.map_err(|it| match it.message().is_some() || is_unseen(it.error()) {
                true => Lost::Unseen,
                false => Lost::Perhaps,
            })?;
        let load = self.load.clone();
        Ok(response.map(|body| {
            let body = body.map_frame(move |frame| {
                let _until_the_body_is_dropped = &load;
                frame
            });
            Body::new(body.map_err(|_| Status::unavailable("the answer broke off")))
        }))
    }
}

impl Default for Backends {
    fn default() -> Backends {
        Backends {
            looking_up: true,
            known: Vec::new(),
            failures: 0,
            reported: false,
            turn: AtomicUsize::new(0),
        }
    }
}

impl Backends {
    /// The connection with the fewest calls in progress, and among equals each in its turn.
    pub(super) fn pick(&self) -> Option<Link> {
        let open: Vec<&Link> = self.known.iter().filter_map(Backend::open).collect();
        let first = self.turn.fetch_add(1, Ordering::Relaxed) % open.len().max(1);
        let (before, after) = open.split_at(first);
        let in_turn = after.iter().chain(before);
        let link = in_turn.min_by_key(|it| Arc::strong_count(&it.load))?;
        Some((*link).clone())
    }

    pub(super) fn failures(&self) -> u64 {
        self.failures
    }

    pub(super) fn is_looking_up(&self) -> bool {
        self.looking_up
    }

    pub(super) fn is_tried(&self, address: SocketAddr) -> bool {
        let mut known = self.known.iter();
        known.any(|it| it.address == address && matches!(it.condition, Condition::Trying))
    }

    /// Tries all that rest, when nobody is connected. Whether that changed anything.
    pub(super) fn wake(&mut self) -> bool {
        if self.has_hope() {
            return false;
        }
        self.looking_up = self.known.is_empty();
        for backend in &mut self.known {
            backend.condition = Condition::Trying;
        }
        true
    }

    /// Takes up what a look-up found: new addresses are to be tried, and those that are gone are
    /// forgotten. No answer, or an empty one, is no reason to leave those that are well. Whether
    /// that was news of a failure.
    pub(super) fn found(&mut self, addresses: &[SocketAddr]) -> bool {
        self.change(|it| {
            it.looking_up = false;
            if addresses.is_empty() {
                return;
            }
            it.known.retain(|it| addresses.contains(&it.address));
            for address in addresses {
                if !it.known.iter().any(|it| it.address == *address) {
                    it.known.push(Backend {
                        address: *address,
                        condition: Condition::Trying,
                    });
                }
            }
        })
    }

    pub(super) fn trying(&mut self, address: SocketAddr) {
        self.set(address, Condition::Trying);
    }

    pub(super) fn up(&mut self, address: SocketAddr, link: Link) {
        self.set(address, Condition::Up(link));
    }

    /// A connection ended that was well: the next failure is news.
    pub(super) fn ended(&mut self, address: SocketAddr) {
        self.reported = false;
        self.trying(address);
    }

    /// Whether that was news of a failure: it was the last one, for the first time.
    pub(super) fn down(&mut self, address: SocketAddr) -> bool {
        self.set(address, Condition::Down)
    }

    fn set(&mut self, address: SocketAddr, condition: Condition) -> bool {
        self.change(|it| {
            let mut known = it.known.iter_mut();
            if let Some(backend) = known.find(|it| it.address == address) {
                backend.condition = condition;
            }
        })
    }

    fn change(&mut self, change: impl FnOnce(&mut Backends)) -> bool {
        let had_hope = self.has_hope();
        change(self);
        if !had_hope || self.has_hope() {
            return false;
        }
        self.failures += 1;
        !std::mem::replace(&mut self.reported, true)
    }

    /// A connection that has closed counts: whoever keeps it is about to notice.
    fn has_hope(&self) -> bool {
        let mut known = self.known.iter();
        self.looking_up || known.any(|it| !matches!(it.condition, Condition::Down))
    }
}

impl Backend {
    fn open(&self) -> Option<&Link> {
        match &self.condition {
            Condition::Up(link) if !link.sender.is_closed() => Some(link),
            _ => None,
        }
    }
}
