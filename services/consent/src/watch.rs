//! One stream of a tenant's changes: in order, without gaps, and never buffered without bound.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::timeout};

use crate::{book::Change, error::Error, follow::Follower, store::Store};

/// How many messages wait for a follower to take them.
const WAITING_MAX: usize = 1_024;

/// How many changes are read at once.
const PAGE: u64 = 1_000;

/// How long a follower may leave its messages lying.
const TAKEN_WITHIN: Duration = Duration::from_secs(10);

/// Where a stream begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// Behind the newest revision.
    Now,
    /// Behind a revision the follower has.
    After(u64),
    /// With the changes committed at a time in Unix milliseconds or later.
    Since(i64),
}

/// One message of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Message {
    /// The changes begin behind this revision.
    Start(u64),
    /// A committed change.
    Change(Change),
    /// The follower is cut off at this revision.
    Resync(u64),
}

/// Begins a stream; it ends with `stop`, with its receiver, or with a refusal as its last message.
pub(crate) async fn watch(
    follower: Arc<Follower>,
    store: Store,
    tenant: String,
    from: From,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<mpsc::Receiver<Result<Message, Error>>, Error> {
    let newest = follower.fresh().await?.revision(&tenant);
    let start = match from {
        From::Now => newest,
        From::After(revision) if revision > newest => return Err(Error::RevisionUnknown),
        From::After(revision) => revision,
        From::Since(at) => {
            let first = store.first_change_since(&tenant, at).await?;
            first.map_or(newest, |it| it - 1)
        }
    };
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    tokio::spawn(async move {
        tokio::select! {
            () = stop => {}
            () = sender.closed() => {}
            () = stream(&follower, &store, &tenant, start, &sender) => {}
        }
    });
    Ok(receiver)
}

/// Sends until the follower is too slow or the database fails.
async fn stream(
    follower: &Follower,
    store: &Store,
    tenant: &str,
    start: u64,
    sender: &mpsc::Sender<Result<Message, Error>>,
) {
    let mut sent = start;
    if sender.send(Ok(Message::Start(start))).await.is_err() {
        return;
    }
    loop {
        let newest = follower.behind(tenant, sent).await;
        let changes = match store.changes(tenant, sent, newest, PAGE).await {
            Ok(changes) => changes,
            Err(error) => return end(sender, Err(error)).await,
        };
        for change in changes {
            sent = change.revision;
            // Two places stay free for the end of the stream.
            let Ok(Ok(places)) = timeout(TAKEN_WITHIN, sender.reserve_many(3)).await else {
                end(sender, Ok(Message::Resync(newest))).await;
                return end(sender, Err(Error::SlowFollower)).await;
            };
            for place in places.take(1) {
                place.send(Ok(Message::Change(change.clone())));
            }
        }
    }
}

/// Sends one of the last messages, for which there is a place unless the receiver is gone.
async fn end(sender: &mpsc::Sender<Result<Message, Error>>, last: Result<Message, Error>) {
    // A receiver that is gone needs no end.
    let _ = sender.try_send(last);
}
