//! The rounds of a measurement: ours beside the reference, again and again, the order swapped each time.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::statistics::median;

/// A tenth of a percent: the precision of the measured times.
const DIGITS: u8 = 3;
/// A call that takes longer counts as having taken this long.
const LATENCY_MAX_MICROSECONDS: u64 = 600_000_000;

/// How many rounds there are, and how long.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Rounds of each side.
    pub pairs: usize,
    /// How long each round lasts.
    pub round: Duration,
    /// How long each side runs before the first round, unmeasured.
    pub warm_up: Duration,
}

/// What one side did in one round.
#[derive(Clone, Debug)]
pub struct Round {
    /// What was counted, such as rows, in a second.
    pub per_second: f64,
    /// Microseconds that each call took.
    pub latency: Histogram<u64>,
}

/// Adjacent rounds of both sides.
#[derive(Clone, Debug)]
pub struct Pair {
    /// Ours.
    pub ours: Round,
    /// What it is held against.
    pub reference: Round,
}

/// Runs pairs of rounds: ours first, then the reference first, and so on, so that whatever drifts
/// harms both alike.
pub async fn pairs(
    plan: Plan,
    mut ours: impl AsyncFnMut(Duration) -> anyhow::Result<Round>,
    mut reference: impl AsyncFnMut(Duration) -> anyhow::Result<Round>,
) -> anyhow::Result<Vec<Pair>> {
    ours(plan.warm_up).await?;
    reference(plan.warm_up).await?;
    let mut pairs = Vec::with_capacity(plan.pairs);
    for number in 0..plan.pairs {
        let pair = match number % 2 {
            0 => {
                let ours = ours(plan.round).await?;
                let reference = reference(plan.round).await?;
                Pair { ours, reference }
            }
            _ => {
                let reference = reference(plan.round).await?;
                let ours = ours(plan.round).await?;
                Pair { ours, reference }
            }
        };
        pairs.push(pair);
    }
    Ok(pairs)
}

/// Runs rounds of one side alone, where the goal is a figure and not a ratio.
pub async fn alone(
    plan: Plan,
    mut ours: impl AsyncFnMut(Duration) -> anyhow::Result<Round>,
) -> anyhow::Result<Vec<Round>> {
    ours(plan.warm_up).await?;
    let mut rounds = Vec::with_capacity(plan.pairs);
    for _ in 0..plan.pairs {
        rounds.push(ours(plan.round).await?);
    }
    Ok(rounds)
}

/// An empty histogram of microseconds.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(LATENCY_MAX_MICROSECONDS, DIGITS).expect("the limits are allowed")
}

impl Round {
    /// What was counted in a time, and the times of the calls.
    pub fn new(count: u64, elapsed: Duration, latency: Histogram<u64>) -> Self {
        let per_second = count as f64 / elapsed.as_secs_f64();
        Self {
            per_second,
            latency,
        }
    }

    /// The time below which this percentage of the calls was, in milliseconds.
    pub fn milliseconds(&self, percentile: f64) -> f64 {
        self.latency.value_at_percentile(percentile) as f64 / 1_000.0
    }
}

/// One side's rounds for programs: how much in a second in each, and the times of all calls.
pub fn json<'a>(rounds: impl Iterator<Item = &'a Round> + Clone) -> Value {
    let mut all = histogram();
    for round in rounds.clone() {
        all += &round.latency;
    }
    let per_second: Vec<_> = rounds.map(|it| it.per_second).collect();
    let milliseconds = |part| all.value_at_percentile(part) as f64 / 1_000.0;
    json!({
        "per_second": { "median": median(&per_second), "rounds": per_second },
        "calls": all.len(),
        "milliseconds": {
            "p50": milliseconds(50.0),
            "p90": milliseconds(90.0),
            "p99": milliseconds(99.0),
            "p99.9": milliseconds(99.9),
            "max": milliseconds(100.0),
        },
    })
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    const PLAN: Plan = Plan {
        pairs: 3,
        round: Duration::from_secs(2),
        warm_up: Duration::from_secs(1),
    };

    fn round(per_second: u64, microseconds: u64) -> Round {
        let mut latency = histogram();
        latency.saturating_record(microseconds);
        Round::new(per_second, Duration::from_secs(1), latency)
    }

    #[tokio::test]
    async fn the_order_is_swapped_in_each_pair_after_both_were_warm() {
        let said = RefCell::new(Vec::new());
        let say =
            |name: &'static str, time: Duration| said.borrow_mut().push((name, time.as_secs()));
        let pairs = pairs(
            PLAN,
            async |time| {
                say("ours", time);
                Ok(round(3, 1))
            },
            async |time| {
                say("reference", time);
                Ok(round(2, 1))
            },
        );
        let pairs = pairs.await.expect("no round fails");
        assert_eq!(pairs.len(), 3);
        assert!(
            pairs
                .iter()
                .all(|it| it.ours.per_second == 3.0 && it.reference.per_second == 2.0)
        );
        let (ours, reference) = ("ours", "reference");
        let order = [
            ours, reference, ours, reference, reference, ours, ours, reference,
        ];
        let times = [1, 1, 2, 2, 2, 2, 2, 2];
        assert_eq!(
            *said.borrow(),
            order.into_iter().zip(times).collect::<Vec<_>>()
        );
    }

    #[tokio::test]
    async fn rounds_alone_are_as_many_as_planned_and_told_together() {
        let mut number = 0;
        let rounds = alone(PLAN, async |_| {
            number += 1;
            Ok(round(number, number * 1_000))
        });
        let rounds = rounds.await.expect("no round fails");
        let told = json(rounds.iter());
        assert_eq!(
            told["per_second"]["rounds"],
            serde_json::json!([2.0, 3.0, 4.0])
        );
        assert_eq!(told["per_second"]["median"], 3.0);
        assert_eq!(told["calls"], 3);
        assert_eq!(told["milliseconds"]["max"], 4.001);
        assert_eq!(rounds[0].milliseconds(99.0), 2.0);
    }
}
