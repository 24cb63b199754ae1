//! The closed loop, which finds saturation: callers who call again as soon as they are answered.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::rounds::{Round, histogram};

/// Lets so many callers call for a while. `call` makes one call of one caller, and says how much it
/// counts. What is answered after the time is over does not count.
pub async fn run<Call, Answer>(callers: usize, time: Duration, call: Call) -> anyhow::Result<Round>
where
    Call: Fn(usize) -> Answer + Clone + Send + 'static,
    Answer: Future<Output = anyhow::Result<u64>> + Send,
{
    let began = Instant::now();
    let mut calling = JoinSet::new();
    for caller in 0..callers {
        let call = call.clone();
        calling.spawn(async move {
            let (mut count, mut latency) = (0, histogram());
            loop {
                let due = Instant::now();
                let counted = call(caller).await?;
                if began.elapsed() > time {
                    return anyhow::Ok((count, latency));
                }
                count += counted;
                latency.saturating_record(due.elapsed().as_micros() as u64);
            }
        });
    }
    let (mut count, mut latency) = (0, histogram());
    while let Some(ended) = calling.join_next().await {
        let (more, times) = ended??;
        count += more;
        latency += times;
    }
    Ok(Round::new(count, time, latency))
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };

    use anyhow::bail;
    use tokio::time::sleep;

    use super::*;

    #[tokio::test]
    async fn every_caller_calls_and_what_ends_too_late_does_not_count() {
        let made: Arc<[AtomicU64; 3]> = Arc::default();
        let calls = made.clone();
        let call = move |caller: usize| {
            calls[caller].fetch_add(1, Ordering::Relaxed);
            async {
                sleep(Duration::from_millis(5)).await;
                Ok(100)
            }
        };
        let time = Duration::from_millis(60);
        let round = run(3, time, call).await.expect("no call fails");
        let made: Vec<_> = made.iter().map(|it| it.load(Ordering::Relaxed)).collect();
        assert!(made.iter().all(|it| *it > 1), "{made:?}");
        // The last call of each ends after the time.
        let counted = made.iter().sum::<u64>() - 3;
        assert_eq!(round.latency.len(), counted);
        assert_eq!(
            round.per_second,
            (counted * 100) as f64 / time.as_secs_f64()
        );
        assert!(round.milliseconds(0.0) >= 5.0);
    }

    #[tokio::test]
    async fn a_call_that_fails_fails_the_round() {
        let call = |_| async { bail!("planted") };
        assert!(run(2, Duration::from_secs(60), call).await.is_err());
    }
}
