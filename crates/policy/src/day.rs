//! A day as a number.

use toml::value::Date;

/// Days of the Gregorian calendar from 1 January 1970, counted in years that begin in March, so that
/// a leap day comes last; 0 for any day before.
pub(crate) fn days_since_1970(date: Date) -> u64 {
    let [year, month, day] =
        [date.year.into(), date.month.into(), date.day.into()].map(|it: u64| it);
    let year = if month < 3 {
        year.saturating_sub(1)
    } else {
        year
    };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let since_year_0 = 365 * year + year / 4 - year / 100 + year / 400 + of_year;
    since_year_0.saturating_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_1970() {
        for (year, month, day, days) in [
            (1969, 12, 31, 0),
            (1970, 1, 1, 0),
            (1970, 1, 2, 1),
            (1972, 2, 29, 789),
            (1972, 3, 1, 790),
            (2000, 2, 29, 11_016),
            (2000, 3, 1, 11_017),
            (2026, 11, 24, 20_781),
            (2100, 3, 1, 47_541),
        ] {
            assert_eq!(
                days_since_1970(Date { year, month, day }),
                days,
                "{year}-{month}-{day}"
            );
        }
    }
}
