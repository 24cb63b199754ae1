//! How writes of many callers share transactions: one transaction for each tenant of a batch.

use std::collections::BTreeMap;

use chassis::{BatchError, Batcher, Tenant, clock};

use super::{Store, Write};
use crate::{error::Error, wish::Written};

/// How many wishes share a transaction at most.
const BATCH_MAX: usize = 256;

/// How many wishes wait at most while a transaction runs.
const WAITING_MAX: usize = 4_096;

/// The way of a wish into a shared transaction, and of its answer back.
pub(crate) struct Writer(Batcher<(Tenant, Write), Result<Written, Error>>);

impl Writer {
    /// Begins to write what it is given.
    pub(crate) fn start(store: Store) -> Self {
        Self(Batcher::start(WAITING_MAX, BATCH_MAX, move |batch| {
            let store = store.clone();
            async move { commit(&store, batch).await }
        }))
    }

    /// Writes a wish of a tenant, and answers when it is durable.
    pub(crate) async fn write(&self, tenant: &Tenant, write: Write) -> Result<Written, Error> {
        match self.0.submit((tenant.clone(), write)).await {
            Ok(answer) => answer,
            Err(BatchError::Full) => Err(Error::Overloaded),
            // Whether it was written, a repetition with the same request id tells.
            Err(BatchError::Stopped) => Err(Error::StoreUnavailable),
        }
    }
}

/// Commits a batch tenant by tenant, and answers in the order of the batch.
async fn commit(store: &Store, batch: Vec<(Tenant, Write)>) -> Vec<Result<Written, Error>> {
    let mut answers: Vec<Option<Result<Written, Error>>> = batch.iter().map(|_| None).collect();
    let mut by_tenant: BTreeMap<Tenant, (Vec<usize>, Vec<Write>)> = BTreeMap::new();
    for (place, (tenant, write)) in batch.into_iter().enumerate() {
        let (places, writes) = by_tenant.entry(tenant).or_default();
        places.push(place);
        writes.push(write);
    }
    for (tenant, (places, writes)) in by_tenant {
        match store.commit(tenant.as_str(), writes, clock::now_ms()).await {
            Ok(committed) => {
                for (place, answer) in places.into_iter().zip(committed) {
                    answers[place] = Some(answer);
                }
            }
            Err(error) => {
                for place in places {
                    answers[place] = Some(Err(error.clone()));
                }
            }
        }
    }
    answers
        .into_iter()
        .map(|it| it.unwrap_or(Err(Error::Internal)))
        .collect()
}
