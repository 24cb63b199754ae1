//! The calls of those who follow: the newest revision, and the stream of changes.

use chassis::{Caller, clock};
use proto::consent::{
    Change, GetRevisionResponse, Resync, Start, WatchRequest, WatchResponse, watch_response::Event,
};
use tokio_stream::{Stream, StreamExt, wrappers::ReceiverStream};
use tonic::Status;

use super::{Api, parse, timestamp};
use crate::{
    error::Error,
    watch::{self, Message},
};

impl Api {
    pub(super) async fn revision(&self, caller: &Caller) -> Result<GetRevisionResponse, Error> {
        let snapshot = self.follower.fresh().await?;
        Ok(GetRevisionResponse {
            revision: snapshot.revision(caller.tenant.as_str()),
        })
    }

    pub(super) async fn watch(
        &self,
        caller: &Caller,
        request: WatchRequest,
    ) -> Result<impl Stream<Item = Result<WatchResponse, Status>> + Send + use<>, Error> {
        let from = parse::watch_from(request.from, clock::now_ms())?;
        let tenant = caller.tenant.as_str().to_owned();
        let stop = self.stop.clone();
        let messages = watch::watch(
            self.follower.clone(),
            self.store.clone(),
            tenant,
            from,
            async move { stop.requested().await },
        );
        let messages = ReceiverStream::new(messages.await?);
        Ok(messages.map(|it| it.map(wire).map_err(Status::from)))
    }
}

fn wire(message: Message) -> WatchResponse {
    let event = match message {
        Message::Start(revision) => Event::Start(Start { revision }),
        Message::Change(change) => Event::Change(Change {
            revision: change.revision,
            subject_id: change.subject.map(|it| it.to_string()).unwrap_or_default(),
            restricting: change.restricting,
            changed_at: Some(timestamp(change.at)),
        }),
        Message::Resync(revision) => Event::Resync(Resync { revision }),
    };
    WatchResponse { event: Some(event) }
}
