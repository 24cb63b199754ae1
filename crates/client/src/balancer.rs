//! Spreads calls over all addresses of a service, as they come and go.
//!
//! One task follows the addresses of the host, and for each of them a task keeps a connection, ahead
//! of use. A call goes to the connection with the fewest calls in progress. When there is none it
//! wakes all those that rest, and waits until one is there or all have failed.

mod backends;

use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};

use http::{Request, Response};
use tokio::{
    sync::{Notify, watch},
    task::AbortHandle,
    time::{Instant, sleep, timeout, timeout_at},
};
use tonic::{Status, body::Body};

use crate::{again::Again, dial::Dialer, resolve::Resolve, retry::jittered};
use backends::{Backends, Link, Lost};

/// How often the addresses are looked up when all is well.
const LOOK_UP_INTERVAL: Duration = Duration::from_secs(5);
/// Between two look-ups, however many connections break.
const LOOK_UP_PAUSE: Duration = Duration::from_millis(200);
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an address rests after a failure, while others are well; it doubles from one to the
/// next.
const REST_FIRST: Duration = Duration::from_millis(100);
const REST_MAX: Duration = Duration::from_secs(5);
/// A connection that breaks sooner has failed: whoever is turned away learns it after the handshake.
const LASTING: Duration = Duration::from_secs(1);
/// How often one call is sent, when those who were about to stop have not looked at it.
const SENDS_MAX: u32 = 4;

/// The connections of one service. All ends with it, but for the calls in progress.
pub(crate) struct Balancer {
    shared: Arc<Shared>,
    _follow: AbortOnDrop,
}

struct Shared {
    backends: watch::Sender<Backends>,
    /// Wakes the look-up: something broke.
    broken: Notify,
    dialer: Dialer,
}

impl Balancer {
    /// Begins to connect.
    pub(crate) fn start(resolve: Resolve, dialer: Dialer) -> Balancer {
        let shared = Arc::new(Shared {
            backends: watch::Sender::new(Backends::default()),
            broken: Notify::new(),
            dialer,
        });
        let follow = tokio::spawn(follow(shared.clone(), resolve));
        Balancer {
            shared,
            _follow: AbortOnDrop(follow.abort_handle()),
        }
    }

    /// Makes a call. Whatever fails is an answer: `UNAVAILABLE` when nobody can be reached, and
    /// `DEADLINE_EXCEEDED` when it was sent and not answered in time.
    pub(crate) async fn send(&self, request: Request<Body>, deadline: Instant) -> Response<Body> {
        let (head, body) = request.into_parts();
        let body = Again::new(body);
        for _ in 0..SENDS_MAX {
            let Ok(Some(mut link)) = timeout_at(deadline, self.link()).await else {
                return unreachable_peer();
            };
            let request = Request::from_parts(head.clone(), body.body());
            match timeout_at(deadline, link.send(request)).await {
                Ok(Ok(response)) => return response,
                Ok(Err(Lost::Unseen)) => {}
                Ok(Err(Lost::Perhaps)) => return unreachable_peer(),
                Err(_) => return too_late(),
            }
        }
        unreachable_peer()
    }

    /// A connection, once there is one. `None` when every address has failed since.
    async fn link(&self) -> Option<Link> {
        if let Some(link) = self.shared.backends.borrow().pick() {
            return Some(link);
        }
        let mut backends = self.shared.backends.subscribe();
        let mut failures = 0;
        self.shared.backends.send_if_modified(|it| {
            failures = it.failures();
            it.wake()
        });
        loop {
            {
                let now = backends.borrow_and_update();
                match now.pick() {
                    Some(link) => return Some(link),
                    None if now.failures() > failures => return None,
                    None => {}
                }
            }
            backends.changed().await.ok()?;
        }
    }
}

/// Follows the addresses of the host, and keeps a connection to each.
async fn follow(shared: Arc<Shared>, resolve: Resolve) {
    let mut keepers: HashMap<SocketAddr, AbortOnDrop> = HashMap::new();
    loop {
        let mut changes = shared.backends.subscribe();
        let found = timeout(LOOK_UP_TIMEOUT, resolve()).await;
        let found = found.ok().and_then(Result::ok).unwrap_or_default();
        let mut failed = false;
        shared.backends.send_modify(|it| failed = it.found(&found));
        if failed {
            let service = shared.dialer.host();
            tracing::warn!(service, "a service's address is not known");
        }
        if !found.is_empty() {
            keepers.retain(|address, _| found.contains(address));
        }
        for address in found {
            keepers.entry(address).or_insert_with(|| {
                let keeper = tokio::spawn(keep(shared.clone(), address));
                AbortOnDrop(keeper.abort_handle())
            });
        }
        sleep(LOOK_UP_PAUSE).await;
        tokio::select! {
            () = sleep(jittered(LOOK_UP_INTERVAL)) => {}
            () = shared.broken.notified() => {}
            _ = changes.wait_for(Backends::is_looking_up) => {}
        }
    }
}

/// Keeps a connection to one address.
async fn keep(shared: Arc<Shared>, address: SocketAddr) {
    let mut changes = shared.backends.subscribe();
    let mut rest = REST_FIRST;
    loop {
        let failure = match shared.dialer.dial(address).await {
            Ok((sender, driver)) => {
                let link = Link::new(sender);
                shared.backends.send_modify(|it| it.up(address, link));
                let began = Instant::now();
                let ended = driver.await;
                shared.broken.notify_one();
                if began.elapsed() >= LASTING {
                    rest = REST_FIRST;
                    shared.backends.send_modify(|it| it.ended(address));
                    continue;
                }
                ended.err().map(|it| it.to_string())
            }
            Err(error) => {
                shared.broken.notify_one();
                Some(error.to_string())
            }
        };
        let mut failed = false;
        shared.backends.send_modify(|it| failed = it.down(address));
        if failed {
            let (service, error) = (shared.dialer.host(), failure.unwrap_or_default());
            tracing::warn!(service, error, "a service cannot be reached");
        }
        tokio::select! {
            () = sleep(jittered(rest)) => shared.backends.send_modify(|it| it.trying(address)),
            _ = changes.wait_for(|it| it.is_tried(address)) => {}
        }
        rest = (rest * 2).min(REST_MAX);
    }
}

fn too_late() -> Response<Body> {
    Status::deadline_exceeded("the peer did not answer in time").into_http()
}

/// However a connection fails, refused, reset or turned away at the handshake: for the caller the
/// peer is not there.
fn unreachable_peer() -> Response<Body> {
    Status::unavailable("the peer cannot be reached").into_http()
}

/// Ends a task when nobody has it any more.
struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests;
