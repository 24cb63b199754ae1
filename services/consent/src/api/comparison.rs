//! The call that compares two policies, and counts whom each change touches.

use std::sync::Arc;

use chassis::{Caller, clock};
use proto::consent::{ClauseEffect, ComparePoliciesRequest, ComparePoliciesResponse};
use tokio::task::yield_now;

use super::{
    Api,
    policies::{changes, compiled},
};
use crate::{error::Error, snapshot::Census};

/// How many persons are counted before others have their turn: decisions wait for the state meanwhile.
const PERSONS_PER_TURN: usize = 1_000;

impl Api {
    /// Others are let in all along, so a call that is given up ends at once.
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
        let touches = policy::touches(&old, &new);
        let mut touched = vec![0; touches.len()];
        for (alike, count) in census.alike() {
            for (touch, touched) in touches.iter().zip(&mut touched) {
                *touched += if touch.reaches(&alike.subject(), now) {
                    count
                } else {
                    0
                };
            }
            yield_now().await;
        }
        let clauses = changes(Some(&old), &new).into_iter().map(|change| {
            let place = touches.iter().position(|it| it.clause == change.clause);
            ClauseEffect {
                subjects_touched: place.map_or(0, |it| touched[it]),
                change: Some(change),
            }
        });
        Ok(ComparePoliciesResponse {
            clauses: clauses.collect(),
            subjects: persons.len() as u64,
            revision,
        })
    }
}
