//! What a vault knows of one tenant's consent changes, kept by following consent.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use proto::consent::{
    Change, WatchRequest, consent_service_client::ConsentServiceClient, watch_request::From,
    watch_response::Event,
};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep},
};
use tonic::Status;
use uuid::Uuid;

use crate::{Connection, reason, request};

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
        Some(view.admits(subject, granted_at))
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
        let mut received_any = false;
        if let Err(status) = follow_once(&consent, &tenant, &view, &mut received_any).await {
            // Once an outage, not once an attempt.
            if following || received_any {
                tracing::warn!(code = ?status.code(), "consent is not followed; grants wait");
            }
            if reason(&status).as_deref() == Some("REVISION_UNKNOWN") {
                // Consent was restored and knows less than this view. Its last minutes tell all
                // that a living grant depends on, so the view begins anew, and admits nothing yet.
                view.send_replace(View::default());
            }
        }
        following = received_any;
        sleep(PAUSE).await;
    }
}

async fn follow_once(
    consent: &Connection,
    tenant: &str,
    view: &watch::Sender<View>,
    received_any: &mut bool,
) -> Result<(), Status> {
    let from = match view.borrow().reached {
        Some(revision) => From::AfterRevision(revision),
        None => From::NewerThanSeconds(REMEMBERED_SECONDS),
    };
    let ask = request(tenant, WatchRequest { from: Some(from) });
    let mut client = ConsentServiceClient::new(consent.clone());
    let mut stream = client.watch(ask).await?.into_inner();
    while let Some(message) = stream.message().await? {
        *received_any = true;
        if let Some(event) = message.event {
            view.send_modify(|it| it.apply(event, Instant::now()));
        }
    }
    Ok(())
}

/// The revision reached, and every restriction that a living grant may be older than.
#[derive(Debug, Default)]
struct View {
    /// `None` until the stream has said where it begins.
    reached: Option<u64>,
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
                Some(reached) if start.revision > reached => self.skip_to(start.revision),
                Some(_) => {}
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
        // Revisions have no gaps, so a gap is a change that was not sent.
        if self.reached.is_some_and(|it| change.revision > it + 1) {
            self.skip_to(change.revision);
        }
        if change.restricting {
            match Uuid::parse_str(&change.subject_id) {
                Ok(subject) => {
                    let latest = self.restricted.entry(subject).or_default();
                    *latest = change.revision.max(*latest);
                    self.learned.push_back((now, subject, change.revision));
                }
                // It restricts somebody, and there is no telling whom.
                Err(_) => self.floor = self.floor.max(change.revision),
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
            ("a later start", Event::Start(Start { revision: 20 })),
            ("a gap", harmless(20)),
        ] {
            let view = view([event]);
            assert_eq!(view.reached, Some(20), "{label}");
            assert!(!view.admits(Some(OTHER), 19), "{label}");
            assert!(view.admits(Some(OTHER), 20), "{label}");
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
