//! Recording disclosures through the front door, one in a call or many.

use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use client::Clients;
use proto::disclosure_audit::{
    RecordBatchRequest, RecordRequest, RecordResponse, RegisterRecipientRequest,
    record_outcome::Outcome, record_request::Event,
};
use uuid::Uuid;

use super::{ground::Ground, statistics::Random};
use crate::words::{self, EMAIL, NAME, NEWSLETTER, PROVIDER};

/// HTTP/2 connections that all callers share.
const CONNECTIONS: usize = 8;
/// The service with a vault that may record one event and many.
const VAULT: &str = "payments-data";
/// Attempts before anything is measured.
const ATTEMPTS: u32 = 10;
const PROVIDER_ID: &str = "load-provider";
/// How uneven people's shares are: the nth of them comes up 1/n^1.1 times as often as the first.
const ZIPF: f64 = 1.1;

/// Whoever records. Cheap to clone.
#[derive(Clone)]
pub struct Recording {
    vaults: Arc<Vec<Clients>>,
    people: Arc<People>,
}

/// People of whom something is recorded, some much more often than others.
#[derive(Debug)]
struct People {
    ids: Vec<String>,
    /// The chance of each person and all before, from 0 to 1.
    chances: Vec<f64>,
}

impl Recording {
    /// Registers the recipient of all disclosures, and opens the connections.
    pub async fn open(ground: &Ground, people: usize) -> anyhow::Result<Self> {
        let operator = ground.clients("operator")?;
        let recipient = words::recipient(PROVIDER_ID, PROVIDER, NEWSLETTER, &[NAME, EMAIL]);
        let request_id = words::new_id();
        let registered = client::retry(ATTEMPTS, || {
            let mut operator = operator.clone();
            let request = operator.request(RegisterRecipientRequest {
                request_id: request_id.clone(),
                recipient: Some(recipient.clone()),
            });
            async move { operator.audit.register_recipient(request).await }
        });
        let registered = registered.await;
        registered.context("the recipient cannot be registered")?;
        let vaults = (0..CONNECTIONS).map(|_| ground.clients(VAULT));
        Ok(Self {
            vaults: Arc::new(vaults.collect::<anyhow::Result<_>>()?),
            people: Arc::new(People::new(people)),
        })
    }

    /// Records one disclosure.
    pub async fn one(&self, caller: usize) -> anyhow::Result<RecordResponse> {
        let mut vault = self.vault(caller);
        let request = vault.request(self.disclosure());
        Ok(vault.audit.record(request).await?.into_inner())
    }

    /// Records many at once, each of which must be recorded.
    pub async fn many(&self, caller: usize, count: usize) -> anyhow::Result<Vec<RecordResponse>> {
        let mut vault = self.vault(caller);
        let events = (0..count).map(|_| self.disclosure()).collect();
        let request = vault.request(RecordBatchRequest { events });
        let answer = vault.audit.record_batch(request).await?.into_inner();
        ensure!(
            answer.outcomes.len() == count,
            "every event has its outcome"
        );
        let recorded = answer.outcomes.into_iter().map(|it| match it.outcome {
            Some(Outcome::Recorded(recorded)) => Ok(recorded),
            Some(Outcome::Refused(refusal)) => bail!("an event was refused: {}", refusal.reason),
            None => bail!("an event has no outcome"),
        });
        recorded.collect()
    }

    fn vault(&self, caller: usize) -> Clients {
        self.vaults[caller % self.vaults.len()].clone()
    }

    fn disclosure(&self) -> RecordRequest {
        let random = Random::new(Uuid::new_v4().as_u64_pair().0);
        let person = self.people.pick(random);
        RecordRequest {
            request_id: words::new_id(),
            event: Some(Event::Release(words::release(person, PROVIDER_ID, 1))),
        }
    }
}

impl People {
    fn new(count: usize) -> Self {
        let weights = (1..=count).map(|it| (it as f64).powf(-ZIPF));
        let mut chances: Vec<_> = weights
            .scan(0.0, |sum, weight| {
                *sum += weight;
                Some(*sum)
            })
            .collect();
        let sum = chances.last().copied().unwrap_or(1.0);
        chances.iter_mut().for_each(|it| *it /= sum);
        Self {
            ids: (0..count).map(|_| Uuid::new_v4().to_string()).collect(),
            chances,
        }
    }

    fn pick(&self, mut random: Random) -> &str {
        let drawn = random.fraction();
        let place = self.chances.partition_point(|it| *it <= drawn);
        &self.ids[place.min(self.ids.len() - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_person_comes_up_most_and_the_last_at_all() {
        let people = People::new(100);
        let picks = 20_000;
        let mut counts = vec![0; 100];
        for seed in 0..picks {
            let id = people.pick(Random::new(seed));
            let place = people.ids.iter().position(|it| it == id);
            counts[place.expect("it is one of them")] += 1;
        }
        // 1 / (sum of n^-1.1 for n = 1..100) is 0.249.
        let share = f64::from(counts[0]) / picks as f64;
        assert!((share - 0.249).abs() < 0.02, "{share}");
        // The second comes up 2^1.1 times less often.
        let ratio = f64::from(counts[0]) / f64::from(counts[1]);
        assert!((ratio - 2.14).abs() < 0.25, "{ratio}");
        assert!(counts.iter().all(|it| *it > 0), "{counts:?}");
    }
}
