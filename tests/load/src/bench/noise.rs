//! What else the machine did while something was measured, and when that makes the measurement void.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::time::sleep;

/// The most that a machine may have been busy before a measurement begins.
const LOAD_AVERAGE_MAX: f64 = 0.5;
/// The largest part of the processors' time that other machines may have taken.
const STOLEN_MAX: f64 = 0.01;
/// The most that the reference's rounds may vary.
const VARIATION_MAX: f64 = 0.10;
const PAUSE: Duration = Duration::from_secs(5);

/// What disturbed a measurement.
#[derive(Clone, Copy, Debug)]
pub struct Noise {
    /// The machine's load average over a minute when the measurement began.
    pub load_average: f64,
    /// The part of the processors' time that was stolen meanwhile.
    pub stolen: f64,
    /// How much the reference's rounds varied; `None` where there is none.
    pub variation: Option<f64>,
}

/// The state of the machine when a measurement begins.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    load_average: f64,
    ticks: Ticks,
}

/// The processors' time since the machine started, in ticks.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ticks {
    all: u64,
    stolen: u64,
}

impl Before {
    /// Waits until the machine is quiet, at most so long, and remembers how it is.
    pub async fn quiet(patience: Duration) -> anyhow::Result<Self> {
        let began = Instant::now();
        while load_average()? > LOAD_AVERAGE_MAX && began.elapsed() < patience {
            sleep(PAUSE).await;
        }
        Ok(Self {
            load_average: load_average()?,
            ticks: Ticks::now()?,
        })
    }

    /// What disturbed the measurement since.
    pub fn noise(self, variation: Option<f64>) -> anyhow::Result<Noise> {
        Ok(Noise {
            load_average: self.load_average,
            stolen: Ticks::now()?.stolen_since(self.ticks),
            variation,
        })
    }
}

impl Noise {
    /// Why the measurement says nothing; empty when it counts.
    pub fn voids(&self) -> Vec<String> {
        let mut voids = Vec::new();
        let mut more = |found: f64, most: f64, what: &str| {
            if found > most {
                voids.push(what.to_owned());
            }
        };
        more(
            self.load_average,
            LOAD_AVERAGE_MAX,
            "the machine was busy when it began",
        );
        more(self.stolen, STOLEN_MAX, "processor time was stolen");
        more(
            self.variation.unwrap_or_default(),
            VARIATION_MAX,
            "the reference varied",
        );
        voids
    }

    /// For programs.
    pub fn json(&self) -> Value {
        json!({
            "load_average": self.load_average,
            "stolen": self.stolen,
            "reference_variation": self.variation,
        })
    }
}

impl Ticks {
    fn now() -> anyhow::Result<Self> {
        let text = fs::read_to_string("/proc/stat")?;
        Self::parse(&text).ok_or_else(|| anyhow::anyhow!("/proc/stat cannot be read"))
    }

    /// The first line: user, nice, system, idle, iowait, irq, softirq, steal, and guests, who are
    /// counted as users too.
    fn parse(text: &str) -> Option<Self> {
        let line = text.lines().next()?.strip_prefix("cpu ")?;
        let ticks = line.split_whitespace().map(str::parse);
        let ticks: Vec<u64> = ticks.take(8).collect::<Result<_, _>>().ok()?;
        Some(Self {
            all: ticks.iter().sum(),
            stolen: *ticks.get(7)?,
        })
    }

    fn stolen_since(self, before: Self) -> f64 {
        let all = self.all.saturating_sub(before.all).max(1);
        self.stolen.saturating_sub(before.stolen) as f64 / all as f64
    }
}

fn load_average() -> anyhow::Result<f64> {
    let text = fs::read_to_string("/proc/loadavg")?;
    let first = text.split(' ').next().unwrap_or_default();
    Ok(first.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Noise = Noise {
        load_average: 0.5,
        stolen: 0.01,
        variation: Some(0.10),
    };

    #[test]
    fn a_quiet_measurement_counts_and_each_disturbance_voids_it() {
        assert!(QUIET.voids().is_empty());
        let alone = Noise {
            variation: None,
            ..QUIET
        };
        assert!(alone.voids().is_empty());
        let busy = Noise {
            load_average: 0.51,
            ..QUIET
        };
        let stolen = Noise {
            stolen: 0.011,
            ..QUIET
        };
        let varied = Noise {
            variation: Some(0.101),
            ..QUIET
        };
        for (noise, why) in [(busy, "busy"), (stolen, "stolen"), (varied, "varied")] {
            let voids = noise.voids();
            assert_eq!(voids.len(), 1, "{voids:?}");
            assert!(voids[0].contains(why), "{voids:?}");
        }
    }

    #[test]
    fn stolen_time_is_a_part_of_all_time_that_passed() {
        let before = Ticks::parse("cpu  10 0 10 70 5 0 0 5 3 0\ncpu0 1\n").expect("it is one");
        assert_eq!(
            before,
            Ticks {
                all: 100,
                stolen: 5
            }
        );
        let after = Ticks::parse("cpu  60 0 20 100 5 0 0 15 3 0\n").expect("it is one");
        assert_eq!(after.stolen_since(before), 0.1);
        assert_eq!(after.stolen_since(after), 0.0);
        for broken in ["", "cpu 1 2 3", "cpu a b c d e f g h"] {
            assert_eq!(Ticks::parse(broken), None, "{broken}");
        }
    }

    #[tokio::test]
    async fn this_machine_tells_how_it_is() {
        let before = Before::quiet(Duration::ZERO).await.expect("it has /proc");
        let noise = before.noise(None).expect("it has /proc");
        assert!(noise.load_average >= 0.0 && (0.0..=1.0).contains(&noise.stolen));
    }
}
