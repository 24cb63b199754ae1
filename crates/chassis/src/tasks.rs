//! The background work of a process: when some of it fails, the process stops.

use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use tokio::task::JoinSet;

use crate::Stop;

/// Background work with its names.
#[derive(Debug, Default)]
pub(crate) struct Tasks(Mutex<JoinSet<anyhow::Result<()>>>);

impl Tasks {
    /// Starts some work.
    pub(crate) fn spawn<F>(&self, name: &'static str, work: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.spawn(async move { work.await.with_context(|| format!("{name} failed")) });
    }

    /// Waits for all work to end, and asks the process to stop when some fails or panics. The
    /// answer is the first failure.
    pub(crate) async fn supervise(self, stop: Stop) -> anyhow::Result<()> {
        let mut tasks = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut outcome = Ok(());
        while let Some(ended) = tasks.join_next().await {
            if let Err(failure) = ended.context("background work panicked").flatten() {
                stop.request();
                outcome = outcome.and(Err(failure));
            }
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[tokio::test]
    async fn work_that_ends_well_stops_nothing() {
        let (tasks, stop) = (Tasks::default(), Stop::new());
        tasks.spawn("sweep", async { Ok(()) });
        assert!(tasks.supervise(stop.clone()).await.is_ok());
        assert!(!stop.is_requested());
    }

    #[tokio::test]
    async fn work_that_fails_or_panics_stops_the_process() {
        let (tasks, stop) = (Tasks::default(), Stop::new());
        tasks.spawn("follow", async { bail!("lost") });
        let obedient = stop.clone();
        tasks.spawn("sweep", async move {
            obedient.requested().await;
            Ok(())
        });
        let failure = tasks.supervise(stop.clone()).await.expect_err("one failed");
        assert_eq!(failure.to_string(), "follow failed");
        assert!(stop.is_requested());

        let (tasks, stop) = (Tasks::default(), Stop::new());
        tasks.spawn("sweep", async { panic!("on purpose") });
        assert!(tasks.supervise(stop.clone()).await.is_err());
        assert!(stop.is_requested());
    }
}
