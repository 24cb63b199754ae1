//! Asking again where asking again can help.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    time::Duration,
};

use tokio::time::sleep;
use tonic::{Code, Status};

use crate::context;

const BACKOFF_FIRST: Duration = Duration::from_millis(20);
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// Makes a call up to `attempts` times, while it fails with `UNAVAILABLE` or `ABORTED`.
///
/// The call must be idempotent: an attempt whose answer was lost may have been carried out. The
/// pauses double and are jittered, so that callers who failed together do not return together; no
/// pause reaches past the deadline of the call being served.
pub async fn retry<T, Answer>(attempts: u32, mut call: impl FnMut() -> Answer) -> Result<T, Status>
where
    Answer: Future<Output = Result<T, Status>>,
{
    let mut backoff = BACKOFF_FIRST;
    for _ in 1..attempts {
        match call().await {
            Err(status) if matches!(status.code(), Code::Unavailable | Code::Aborted) => {
                let pause = jittered(backoff);
                if context::remaining().is_some_and(|remaining| remaining <= pause) {
                    return Err(status);
                }
                sleep(pause).await;
                backoff = (backoff * 2).min(BACKOFF_MAX);
            }
            answer => return answer,
        }
    }
    call().await
}

/// From half of a pause up to all of it.
pub fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + random_fraction() / 2.0)
}

/// From 0 up to 1. A hasher's random seed is enough for jitter and needs no dependency.
fn random_fraction() -> f64 {
    let random = RandomState::new().build_hasher().finish();
    random as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    async fn attempts_made(attempts: u32, code: Code) -> u32 {
        let mut made = 0;
        let answer = retry(attempts, || {
            made += 1;
            ready(Err::<(), _>(Status::new(code, "no")))
        });
        assert_eq!(answer.await.expect_err("it always fails").code(), code);
        made
    }

    #[tokio::test]
    async fn only_what_may_pass_is_asked_again() {
        for (attempts, code, made) in [
            (3, Code::Unavailable, 3),
            (2, Code::Aborted, 2),
            (1, Code::Unavailable, 1),
            (3, Code::PermissionDenied, 1),
            (3, Code::DeadlineExceeded, 1),
            (3, Code::Internal, 1),
        ] {
            assert_eq!(attempts_made(attempts, code).await, made, "{code:?}");
        }
    }

    #[tokio::test]
    async fn the_first_success_is_the_answer() {
        let mut made = 0;
        let answer = retry(5, || {
            made += 1;
            ready(match made {
                3 => Ok(made),
                _ => Err(Status::unavailable("not yet")),
            })
        });
        assert_eq!(answer.await.expect("the third attempt"), 3);
    }
}
