//! When each act begins and which one it is, both decided before the first answer and by no answer.

use std::time::Duration;

/// Acts at a fixed rate, however slow the answers are.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    per_second: f64,
}

impl Schedule {
    /// A schedule of so many acts a second.
    pub fn new(per_second: f64) -> Self {
        Self { per_second }
    }

    /// How long after the start the act of this number is due; the first is number 0.
    pub fn due(&self, number: u64) -> Duration {
        Duration::from_secs_f64(number as f64 / self.per_second)
    }

    /// How many acts are due before this long after the start.
    pub fn count_before(&self, after: Duration) -> u64 {
        let mut count = (after.as_secs_f64() * self.per_second) as u64;
        // Both are rounded, so the last word is with the moment an act is due.
        while count > 0 && self.due(count - 1) >= after {
            count -= 1;
        }
        while self.due(count) < after {
            count += 1;
        }
        count
    }
}

/// Takes turns by weight, evenly spread and always in the same order: over a whole round each comes
/// as often as its weight says.
#[derive(Clone, Debug)]
pub struct Rotation<T> {
    entries: Vec<Entry<T>>,
}

#[derive(Clone, Debug)]
struct Entry<T> {
    value: T,
    weight: i64,
    credit: i64,
}

impl<T: Copy> Rotation<T> {
    /// A rotation of values by weight. `None` when no weight is above zero.
    pub fn new(weights: &[(T, u32)]) -> Option<Self> {
        let weights = weights.iter().filter(|(_, weight)| *weight > 0);
        let entries: Vec<_> = weights
            .map(|(value, weight)| Entry {
                value: *value,
                weight: i64::from(*weight),
                credit: 0,
            })
            .collect();
        (!entries.is_empty()).then_some(Self { entries })
    }

    /// The next value.
    pub fn turn(&mut self) -> T {
        let whole: i64 = self.entries.iter().map(|it| it.weight).sum();
        for entry in &mut self.entries {
            entry.credit += entry.weight;
        }
        let next = self.entries.iter_mut().max_by_key(|it| it.credit);
        let next = next.expect("a rotation is never empty");
        next.credit -= whole;
        next.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acts_are_due_at_the_rate_and_do_not_drift() {
        let schedule = Schedule::new(3.0);
        assert_eq!(schedule.due(0), Duration::ZERO);
        assert_eq!(
            schedule.due(3_000_000_000),
            Duration::from_secs(1_000_000_000)
        );
        for number in [0, 1, 2, 1_000_001] {
            assert_eq!(schedule.count_before(schedule.due(number)), number);
            let just_after = schedule.due(number) + Duration::from_millis(1);
            assert_eq!(schedule.count_before(just_after), number + 1);
        }
    }

    #[test]
    fn each_comes_as_often_as_its_weight_and_evenly_spread() {
        let mut rotation = Rotation::new(&[('a', 5), ('b', 2), ('c', 0), ('d', 1)]).expect("three");
        let turns: String = (0..8).map(|_| rotation.turn()).collect();
        let count = |it| turns.matches(it).count();
        assert_eq!((count('a'), count('b'), count('d')), (5, 2, 1), "{turns}");
        assert!(!turns.contains("aaaa"), "{turns}");
        let again: String = (0..8).map(|_| rotation.turn()).collect();
        assert_eq!(again, turns);
    }

    #[test]
    fn nothing_to_do_is_no_rotation() {
        assert!(Rotation::<char>::new(&[('a', 0)]).is_none());
    }
}
