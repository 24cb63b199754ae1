//! Committing together what waits together: one durable write answers many callers.

use client::context::{self, CallContext};
use tokio::sync::{mpsc, oneshot};

use crate::trace;

/// A bounded queue with one worker. While the worker commits, whatever arrives waits and goes into
/// the next commit: batches grow with the load and nobody waits for a timer.
#[derive(Debug)]
pub struct Batcher<T, R> {
    queue: mpsc::Sender<Waiting<T, R>>,
}

/// Why an item was not committed, or may not have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// Too many items wait already; this one was not taken.
    #[error("too many writes are waiting")]
    Full,
    /// The worker ended before it answered; the item may have been committed.
    #[error("the writer has stopped")]
    Stopped,
}

#[derive(Debug)]
struct Waiting<T, R> {
    item: T,
    /// What the commit serves, so that its statements are in the trace of a call.
    call: Option<CallContext>,
    answer: oneshot::Sender<R>,
}

// By hand: a derived one would ask for items that can be cloned.
impl<T, R> Clone for Batcher<T, R> {
    fn clone(&self) -> Self {
        Batcher {
            queue: self.queue.clone(),
        }
    }
}

impl<T: Send + 'static, R: Send + 'static> Batcher<T, R> {
    /// Starts the worker. `commit` takes at most `batch_max` items and gives one answer for each,
    /// in their order; at most `queue_max` items wait. The worker ends with the last clone.
    pub fn start<C, F>(queue_max: usize, batch_max: usize, commit: C) -> Batcher<T, R>
    where
        C: FnMut(Vec<T>) -> F + Send + 'static,
        F: Future<Output = Vec<R>> + Send + 'static,
    {
        let (queue, waiting) = mpsc::channel(queue_max);
        tokio::spawn(work(waiting, batch_max, commit));
        Batcher { queue }
    }

    /// Puts an item into the next batch and waits for its answer. A caller that stops waiting
    /// does not take its item back.
    pub async fn submit(&self, item: T) -> Result<R, BatchError> {
        let (answer, answered) = oneshot::channel();
        self.queue
            .try_send(Waiting {
                item,
                call: context::current(),
                answer,
            })
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => BatchError::Full,
                mpsc::error::TrySendError::Closed(_) => BatchError::Stopped,
            })?;
        answered.await.map_err(|_| BatchError::Stopped)
    }
}

async fn work<T, R, C, F>(mut queue: mpsc::Receiver<Waiting<T, R>>, batch_max: usize, mut commit: C)
where
    C: FnMut(Vec<T>) -> F,
    F: Future<Output = Vec<R>> + Send + 'static,
    R: Send + 'static,
{
    let mut batch = Vec::new();
    while queue.recv_many(&mut batch, batch_max).await > 0 {
        let (mut items, mut calls, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
        for it in batch.drain(..) {
            items.push(it.item);
            calls.extend(it.call);
            waiting.push(it.answer);
        }
        let commit = commit(items);
        // A commit that panics takes its own batch with it, and no other one.
        let committed = match trace::shared(&calls) {
            None => tokio::spawn(commit),
            Some((context, span)) => tokio::spawn(async move {
                let _until_it_is_done = span;
                context::scope(context, commit).await
            }),
        };
        let Ok(answers) = committed.await else {
            continue;
        };
        for (waiting, answer) in waiting.into_iter().zip(answers) {
            // Whoever has gone does not need the answer.
            let _ = waiting.send(answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::{
        sync::{Mutex, Semaphore},
        task::{JoinSet, yield_now},
    };

    use super::*;

    /// A batcher that doubles numbers, one batch for each permit, and notes the batches.
    fn doubling(permits: Arc<Semaphore>, batches: Arc<Mutex<Vec<Vec<u32>>>>) -> Batcher<u32, u32> {
        Batcher::start(4, 3, move |items: Vec<u32>| {
            let (permits, batches) = (permits.clone(), batches.clone());
            async move {
                permits.acquire().await.expect("it is open").forget();
                let answers = items.iter().map(|it| it * 2).collect();
                batches.lock().await.push(items);
                answers
            }
        })
    }

    #[tokio::test]
    async fn a_commit_that_panics_answers_nobody_and_stops_nothing() {
        let batcher = Batcher::start(4, 1, |items: Vec<u32>| async move {
            assert_ne!(items, [13], "planted");
            items
        });
        assert_eq!(batcher.submit(13).await, Err(BatchError::Stopped));
        assert_eq!(batcher.submit(7).await, Ok(7));
    }

    #[tokio::test]
    async fn what_waits_together_is_committed_together_and_each_gets_its_own_answer() {
        let (permits, batches) = (Arc::new(Semaphore::new(0)), Arc::default());
        let batcher = doubling(permits.clone(), Arc::clone(&batches));
        let mut callers = JoinSet::new();
        for item in 1..=5 {
            let batcher = batcher.clone();
            callers.spawn(async move { (item, batcher.submit(item).await) });
            // The worker takes the first alone; the others come while it commits.
            yield_now().await;
        }
        permits.add_permits(3);
        while let Some(caller) = callers.join_next().await {
            let (item, answer) = caller.expect("no caller panics");
            assert_eq!(answer, Ok(item * 2));
        }
        assert_eq!(*batches.lock().await, [vec![1], vec![2, 3, 4], vec![5]]);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let permits = Arc::new(Semaphore::new(0));
        let batcher = doubling(permits.clone(), Arc::default());
        let mut callers = JoinSet::new();
        for item in 0..5 {
            let batcher = batcher.clone();
            callers.spawn(async move { batcher.submit(item).await });
            yield_now().await;
        }
        // One is being committed and four wait.
        assert_eq!(batcher.submit(9).await, Err(BatchError::Full));
        permits.add_permits(5);
        while let Some(caller) = callers.join_next().await {
            assert!(caller.expect("no caller panics").is_ok());
        }
    }

    #[tokio::test]
    async fn a_worker_that_ended_answers_nobody() {
        let batcher: Batcher<u32, u32> = Batcher::start(4, 3, |_| async { panic!("on purpose") });
        assert_eq!(batcher.submit(1).await, Err(BatchError::Stopped));
    }
}
