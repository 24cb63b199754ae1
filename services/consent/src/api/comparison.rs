//! The call that compares two policies, and counts whom each change touches.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use chassis::{Caller, clock};
use policy::Rulebook;
use proto::consent::{ClauseEffect, ComparePoliciesRequest, ComparePoliciesResponse};
use tokio::task::{spawn_blocking, yield_now};

use super::{
    Api,
    policies::{changes, compiled},
};
use crate::{error::Error, snapshot::Census};

/// How many persons are read before others have their turn: decisions wait for the state meanwhile.
const PERSONS_PER_TURN: usize = 1_000;

/// Tells the counting, which may take long, that nobody waits for it any more.
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl Api {
    pub(super) async fn compare(
        &self,
        caller: &Caller,
        request: ComparePoliciesRequest,
    ) -> Result<ComparePoliciesResponse, Error> {
        let old = match request.old_text.as_str() {
            "" => self.policy_in_force(caller).await?.rulebook,
            text => Arc::new(compiled("old_text", text)?),
        };
        let new = compiled("new_text", &request.new_text)?;
        let snapshot = self.follower.fresh().await?;
        let tenant = caller.tenant.as_str();
        let revision = snapshot.revision(tenant);
        let now = clock::now_seconds();
        let persons = snapshot.persons(tenant);
        let mut census = Census::default();
        for some in persons.chunks(PERSONS_PER_TURN) {
            snapshot.count(tenant, some, now, &mut census);
            yield_now().await;
        }
        let waiting = Waiting(Arc::new(AtomicBool::new(true)));
        let is_waited_for = waiting.0.clone();
        let counted = spawn_blocking(move || effects(&old, &new, &census, now, &is_waited_for));
        Ok(ComparePoliciesResponse {
            clauses: counted.await.map_err(|_| Error::Internal)?,
            subjects: persons.len() as u64,
            revision,
        })
    }
}

/// What differs, and how many of those who were counted each change touches.
fn effects(
    old: &Rulebook,
    new: &Rulebook,
    census: &Census,
    now: u64,
    is_waited_for: &AtomicBool,
) -> Vec<ClauseEffect> {
    let touches = policy::touches(old, new);
    let mut touched = vec![0; touches.len()];
    let alike = census.alike();
    for (alike, count) in alike.take_while(|_| is_waited_for.load(Ordering::Relaxed)) {
        for (touch, touched) in touches.iter().zip(&mut touched) {
            if touch.reaches(&alike.subject(), now) {
                *touched += count;
            }
        }
    }
    let effects = changes(Some(old), new).into_iter().map(|change| {
        let place = touches.iter().position(|it| it.clause == change.clause);
        ClauseEffect {
            subjects_touched: place.map_or(0, |it| touched[it]),
            change: Some(change),
        }
    });
    effects.collect()
}
