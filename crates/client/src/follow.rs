//! What a vault knows of one tenant's consent changes, kept by following consent.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use proto::consent::{
    Change, WatchRequest, WatchResponse, consent_service_client::ConsentServiceClient,
    watch_request::From, watch_response::Event,
};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_stream::{Stream, StreamExt};
use tonic::{Status, Streaming};
use uuid::Uuid;

use crate::{Connection, parse_id, request};

/// No grant lives longer, and clocks may differ by 5 seconds on either side: a restriction older
/// than this is older than every grant that still opens anything.
const REMEMBERED_SECONDS: u32 = grant::LIFETIME_SECONDS_MAX as u32 + 10;
const REMEMBERED: Duration = Duration::from_secs(REMEMBERED_SECONDS as u64);

/// Between two attempts to follow: well under the time that a call waits for the follower.
const PAUSE: Duration = Duration::from_millis(250);

/// Follows one tenant until it is dropped.
pub(crate) struct Follow {
    view: watch::Receiver<View>,
    task: JoinHandle<()>,
}

impl Follow {
    /// Begins to follow. The connection is made when it can be, and made again when it is lost.
    pub(crate) fn start(consent: Connection, tenant: String) -> Follow {
        let (sender, view) = watch::channel(View::default());
        let task = tokio::spawn(follow(consent, tenant, sender));
        Follow { view, task }
    }

    /// Whether a grant for the subject still stands at revision `newest`, waiting until this view
    /// has reached it. `None` when the follower is no more.
    pub(crate) async fn admits(
        &self,
        newest: u64,
        subject: Option<Uuid>,
        granted_at: u64,
    ) -> Option<bool> {
        let mut view = self.view.clone();
        let view = view.wait_for(|it| it.reached >= Some(newest)).await.ok()?;
        // A grant from ahead of consent was issued in a past that a restored backup undid.
        Some(granted_at <= newest && view.admits(subject, granted_at))
    }

    /// The last revision that this view, or the one before it, was told.
    pub(crate) fn told(&self) -> u64 {
        let view = self.view.borrow();
        view.reached.unwrap_or(view.told)
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn follow(consent: Connection, tenant: String, view: watch::Sender<View>) {
    let mut following = true;
    loop {
        let (followed, ended) = match open(&consent, &tenant).await {
            Ok(stream) => receive(stream, &view).await,
            Err(status) => (false, Err(status)),
        };
        // Once an outage, not once an attempt.
        if let Err(status) = ended
            && (following || followed)
        {
            tracing::warn!(code = ?status.code(), "consent is not followed; grants wait");
        }
        following = followed;
        sleep(PAUSE).await;
    }
}

async fn open(consent: &Connection, tenant: &str) -> Result<Streaming<WatchResponse>, Status> {
    let from = Some(From::NewerThanSeconds(REMEMBERED_SECONDS));
    let mut client = ConsentServiceClient::new(consent.clone());
    let answer = client.watch(request(tenant, WatchRequest { from })).await?;
    Ok(answer.into_inner())
}

/// Keeps the view while the stream lasts, and says whether it ever told anything.
///
/// The view ends with its stream. Revisions are numbers only: a consent that was restored in the
/// meantime may have given the same ones to other changes, and a view carried on would not notice.
/// The last minutes, told again, are all that a living grant depends on; until then grants wait.
async fn receive(
    mut stream: impl Stream<Item = Result<WatchResponse, Status>> + Unpin,
    view: &watch::Sender<View>,
) -> (bool, Result<(), Status>) {
    let ended = loop {
        match stream.next().await {
            Some(Ok(message)) => {
                if let Some(event) = message.event {
                    view.send_modify(|it| it.apply(event, Instant::now()));
                }
            }
            Some(Err(status)) => break Err(status),
            None => break Ok(()),
        }
    };
    let mut followed = false;
    view.send_modify(|it| {
        followed = it.reached.is_some();
        *it = View {
            told: it.reached.unwrap_or(it.told),
            ..View::default()
        };
    });
    (followed, ended)
}

/// What one stream told: the revision reached, and every restriction that a living grant may be older than.
#[derive(Debug, Default)]
struct View {
    /// `None` until the stream has said where it begins.
    reached: Option<u64>,
    /// What the stream before had reached. Only a figure: no grant is judged by it.
    told: u64,
    /// Changes up to here were skipped, so that nothing is known of them: older grants are refused.
    floor: u64,
    restricted: HashMap<Uuid, u64>,
    /// The same restrictions in the order they were learned, to forget them in.
    learned: VecDeque<(Instant, Uuid, u64)>,
}

impl View {
    /// A subject of `None` is everyone together: only what concerns everyone restricts that.
    fn admits(&self, subject: Option<Uuid>, granted_at: u64) -> bool {
        let restricted = subject.and_then(|it| self.restricted.get(&it)).copied();
        granted_at >= self.floor && granted_at >= restricted.unwrap_or(0)
    }

    fn apply(&mut self, event: Event, now: Instant) {
        match event {
            Event::Start(start) => match self.reached {
                None => self.reached = Some(start.revision),
                Some(_) => self.skip_to(start.revision),
            },
            Event::Resync(resync) => self.skip_to(resync.revision),
            Event::Change(change) => self.change(&change, now),
        }
        while let Some(&(at, subject, revision)) = self.learned.front()
            && now.duration_since(at) > REMEMBERED
        {
            self.learned.pop_front();
            if self.restricted.get(&subject) == Some(&revision) {
                self.restricted.remove(&subject);
            }
        }
    }

    fn change(&mut self, change: &Change, now: Instant) {
        // Revisions have no gaps, so a gap is a change that was not sent; without a start, all are.
        if self.reached.is_none_or(|it| change.revision > it + 1) {
            self.skip_to(change.revision);
        }
        if change.restricting {
            match parse_id(&change.subject_id) {
                Some(subject) => {
                    let latest = self.restricted.entry(subject).or_default();
                    *latest = change.revision.max(*latest);
                    self.learned.push_back((now, subject, change.revision));
                }
                // It restricts somebody, and there is no telling whom.
                None => self.floor = self.floor.max(change.revision),
            }
        }
        self.reached = self.reached.max(Some(change.revision));
    }

    fn skip_to(&mut self, revision: u64) {
        self.floor = self.floor.max(revision);
        self.reached = self.reached.max(Some(revision));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::{pending, ready},
        pin::pin,
    };

    use proto::consent::{Resync, Start};

    use super::*;

    const ONE: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);

    fn restricting(revision: u64, subject_id: &str) -> Event {
        Event::Change(Change {
            revision,
            subject_id: subject_id.to_owned(),
            restricting: true,
            changed_at: None,
        })
    }

    fn harmless(revision: u64) -> Event {
        Event::Change(Change {
            revision,
            ..Change::default()
        })
    }

    fn view(events: impl IntoIterator<Item = Event>) -> View {
        let mut view = View::default();
        let now = Instant::now();
        view.apply(Event::Start(Start { revision: 10 }), now);
        for event in events {
            view.apply(event, now);
        }
        view
    }

    #[test]
    fn a_grant_stands_from_the_last_restriction_of_its_own_subject_on() {
        let view = view([
            restricting(11, &ONE.to_string()),
            harmless(12),
            restricting(13, &ONE.to_string()),
        ]);
        assert_eq!(view.reached, Some(13));
        for (subject, granted_at, admitted) in [
            (Some(ONE), 12, false),
            (Some(ONE), 13, true),
            (Some(OTHER), 10, true),
            (None, 10, true),
        ] {
            let label = format!("{subject:?} granted at {granted_at}");
            assert_eq!(view.admits(subject, granted_at), admitted, "{label}");
        }
    }

    #[test]
    fn what_was_skipped_may_have_restricted_anyone() {
        for (label, event) in [
            ("resync", Event::Resync(Resync { revision: 20 })),
            ("a second start", Event::Start(Start { revision: 20 })),
            ("a gap", harmless(20)),
        ] {
            let view = view([event]);
            assert_eq!(view.reached, Some(20), "{label}");
            assert!(!view.admits(Some(OTHER), 19), "{label}");
            assert!(view.admits(Some(OTHER), 20), "{label}");
        }
    }

    #[test]
    fn changes_without_a_start_have_skipped_all_before() {
        let mut view = View::default();
        view.apply(harmless(20), Instant::now());
        assert!(!view.admits(Some(OTHER), 19));
        assert!(view.admits(Some(OTHER), 20));
    }

    fn stream(
        events: impl IntoIterator<Item = Event>,
    ) -> impl Stream<Item = Result<WatchResponse, Status>> {
        let message = |event| Ok(WatchResponse { event: Some(event) });
        tokio_stream::iter(events.into_iter().map(message).collect::<Vec<_>>())
    }

    fn follow_without_end(view: &watch::Sender<View>) -> Follow {
        Follow {
            view: view.subscribe(),
            task: tokio::spawn(pending()),
        }
    }

    #[tokio::test]
    async fn a_view_ends_with_its_stream_and_grants_wait_for_the_next() {
        let lost = tokio_stream::once(Err(Status::unavailable("gone")));
        let view = watch::Sender::new(View::default());
        let follow = follow_without_end(&view);
        let start = || Event::Start(Start { revision: 10 });
        let (followed, ended) = receive(stream([start(), harmless(11)]).chain(lost), &view).await;
        assert!(followed && ended.is_err());

        // Meanwhile consent was restored to revision 10, and its new revision 11 is another one.
        let mut waiting = pin!(follow.admits(11, Some(ONE), 10));
        tokio::select! {
            biased;
            _ = &mut waiting => panic!("judged by a past that may be undone"),
            () = ready(()) => {}
        }
        let told = stream([start(), restricting(11, &ONE.to_string())]);
        tokio::select! {
            biased;
            admitted = waiting => assert_eq!(admitted, Some(false)),
            _ = receive(told.chain(tokio_stream::pending()), &view) => panic!("it has no end"),
        }
    }

    #[tokio::test]
    async fn a_grant_from_ahead_of_consent_is_of_a_past_that_was_undone() {
        let view = watch::Sender::new(view([]));
        let follow = follow_without_end(&view);
        for (granted_at, admitted) in [(10, true), (11, false)] {
            let answer = follow.admits(10, Some(ONE), granted_at).await;
            assert_eq!(answer, Some(admitted), "granted at {granted_at}");
        }
    }

    #[test]
    fn a_restriction_of_nobody_known_restricts_everyone() {
        let view = view([restricting(11, "someone")]);
        assert!(!view.admits(Some(ONE), 10));
        assert!(view.admits(Some(ONE), 11));
    }

    #[test]
    fn what_comes_twice_changes_nothing() {
        let twice = view([
            restricting(11, &ONE.to_string()),
            harmless(12),
            harmless(11),
        ]);
        assert_eq!((twice.reached, twice.floor), (Some(12), 0));
    }

    #[test]
    fn restrictions_are_forgotten_after_every_older_grant_has_expired() {
        let mut view = view([restricting(11, &ONE.to_string())]);
        let learned = Instant::now();
        view.apply(harmless(12), learned + REMEMBERED - Duration::from_secs(1));
        assert!(!view.admits(Some(ONE), 10));
        view.apply(harmless(13), learned + REMEMBERED + Duration::from_secs(1));
        assert!(view.restricted.is_empty() && view.learned.is_empty());
    }

    #[test]
    fn a_later_restriction_outlives_the_forgetting_of_an_earlier_one() {
        let mut view = view([restricting(11, &ONE.to_string())]);
        let later = Instant::now() + REMEMBERED + Duration::from_secs(1);
        view.apply(restricting(12, &ONE.to_string()), later);
        assert!(!view.admits(Some(ONE), 11));
        assert_eq!(view.learned.len(), 1);
    }
}
