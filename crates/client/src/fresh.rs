//! One read shared by everyone who was waiting when it began.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

/// A read that many ask for at once and few perform.
///
/// Sharing the answer of a read already under way would be wrong: it may have looked before the
/// change that the new arrival must see. So an arrival shares only a read that began after it.
#[derive(Debug, Default)]
pub struct Fresh<T> {
    begun: AtomicU64,
    last: Mutex<Option<(u64, T)>>,
}

impl<T: Copy> Fresh<T> {
    /// A place where nothing has been read yet.
    pub fn new() -> Fresh<T> {
        Fresh {
            begun: AtomicU64::new(0),
            last: Mutex::new(None),
        }
    }

    /// The answer of a read that began after this call did: one's own, or that of whoever waited
    /// in front. A failure is the reader's own; the next in the queue reads again.
    pub async fn read<E>(&self, read: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let arrived = self.begun.load(Ordering::SeqCst);
        let mut last = self.last.lock().await;
        if let Some((number, value)) = *last
            && number > arrived
        {
            return Ok(value);
        }
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let value = read.await?;
        *last = Some((number, value));
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::{join, sync::Notify};

    use super::*;

    #[tokio::test]
    async fn those_who_arrive_during_a_read_share_the_next_one() {
        let fresh = Fresh::new();
        let (started, go_on) = (Notify::new(), Notify::new());
        let reads = Cell::new(0);
        let count = async || {
            reads.set(reads.get() + 1);
            Ok::<i32, ()>(reads.get())
        };
        let first = fresh.read(async {
            let value = count().await;
            started.notify_one();
            go_on.notified().await;
            value
        });
        let late = async {
            started.notified().await;
            let (second, third, ()) = join!(fresh.read(count()), fresh.read(count()), async {
                go_on.notify_one();
            });
            (second, third)
        };
        let (first, (second, third)) = join!(first, late);
        assert_eq!((first, second, third), (Ok(1), Ok(2), Ok(2)));
    }

    #[tokio::test]
    async fn a_failed_read_is_nobody_elses_answer() {
        let fresh = Fresh::new();
        assert_eq!(
            fresh.read(async { Err::<u64, _>("gone") }).await,
            Err("gone")
        );
        assert_eq!(fresh.read(async { Ok::<_, &str>(7) }).await, Ok(7));
    }

    #[tokio::test]
    async fn an_answer_that_was_there_before_is_not_shared() {
        let fresh = Fresh::new();
        assert_eq!(fresh.read(async { Ok::<_, ()>(1) }).await, Ok(1));
        assert_eq!(fresh.read(async { Ok::<_, ()>(2) }).await, Ok(2));
    }
}
