//! What many rounds say together: their median, how sure it is, and how much they vary.

/// Samples drawn again for an interval.
const RESAMPLES: usize = 10_000;
/// Always the same, so that the same rounds always have the same interval.
const SEED: u64 = 20_260_101;

/// A median with its 95 % bootstrap interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower bound.
    pub low: f64,
    /// The median of the rounds.
    pub median: f64,
    /// The upper bound.
    pub high: f64,
}

/// A small generator of random numbers (SplitMix64): the same seed gives the same numbers.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Begins at a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to, and without, `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        // The top half of a product: as even as 64 bits allow.
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// A number from 0 up to, and without, 1.
    pub fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The middle of the values; the mean of the two middle ones if their number is even. NaN of none.
pub fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}

/// How far each value lies from the one before, beside their mean; 0 for fewer than two.
///
/// The standard deviation as von Neumann estimates it, by successive differences: of values that scatter
/// it is the usual one, and values that move steadily, as those of a table that grows do, have none of it.
pub fn variation(values: &[f64]) -> f64 {
    let steps = values.windows(2).map(|it| (it[1] - it[0]).powi(2));
    let count = steps.len();
    if count == 0 {
        return 0.0;
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (steps.sum::<f64>() / (2.0 * count as f64)).sqrt() / mean
}

/// The median, and between which bounds it lies in 95 of 100 samples drawn again from the values.
pub fn interval(values: &[f64]) -> Interval {
    let mut random = Random::new(SEED);
    let resampled = |_| {
        let drawn: Vec<_> = values
            .iter()
            .map(|_| values[random.below(values.len())])
            .collect();
        median(&drawn)
    };
    let medians: Vec<_> = (0..RESAMPLES).map(resampled).collect();
    Interval {
        low: percentile(&medians, 0.025),
        median: median(values),
        high: percentile(&medians, 0.975),
    }
}

/// The value below which this part of the values lies, between neighbours in proportion.
fn percentile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = part * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle_whatever_the_order() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(median(&[7.0]), 7.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn values_vary_by_what_they_change_from_one_to_the_next() {
        assert_eq!(variation(&[5.0, 5.0, 5.0]), 0.0);
        // Mean 10, steps of 2 and -2: the root of 8 / 4 in 10.
        let close = |found: f64, expected: f64| (found - expected).abs() < 1e-12;
        assert!(close(
            variation(&[9.0, 11.0, 9.0, 11.0]),
            2.0_f64.sqrt() / 10.0
        ));
        assert_eq!(variation(&[5.0]), 0.0);

        let steady: Vec<_> = (0..9).map(|it| 20.0 - f64::from(it)).collect();
        let mut shuffled = steady.clone();
        shuffled.swap(0, 4);
        shuffled.swap(2, 7);
        assert!(variation(&steady) < 0.05 && variation(&shuffled) > 0.1);
    }

    #[test]
    fn an_interval_holds_the_median_and_no_more_than_the_values() {
        let values = [0.9, 1.0, 1.1, 1.2, 1.0, 0.95, 1.05, 1.15, 1.0];
        let it = interval(&values);
        assert_eq!(it.median, 1.0);
        assert!(0.9 <= it.low && it.low < it.median && it.median < it.high && it.high <= 1.2);
        assert_eq!(it, interval(&values), "the same rounds, the same interval");
        let one = interval(&[2.0; 9]);
        assert_eq!((one.low, one.median, one.high), (2.0, 2.0, 2.0));
    }

    /// Of many samples whose true median is known, about 95 in 100 must have it in their interval.
    #[test]
    fn an_interval_holds_the_truth_about_as_often_as_it_says() {
        let mut random = Random::new(7);
        let trials = 60;
        let holds = |_: &i32| {
            // Uniform from 0 to 1: the median is a half.
            let sample: Vec<_> = (0..15).map(|_| random.fraction()).collect();
            let it = interval(&sample);
            it.low <= 0.5 && 0.5 <= it.high
        };
        let held = (0..trials).filter(holds).count();
        assert!((51..60).contains(&held), "{held} of {trials}");
    }

    #[test]
    fn numbers_are_spread_evenly() {
        let mut random = Random::new(1);
        let mut counts = [0; 10];
        for _ in 0..10_000 {
            counts[random.below(10)] += 1;
        }
        assert!(
            counts.iter().all(|it| (850..1_150).contains(it)),
            "{counts:?}"
        );
    }
}
