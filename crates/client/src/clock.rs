//! The one place that reads the time of day; everything else is told what time it is.

use std::time::{SystemTime, UNIX_EPOCH};

/// The time of day.
pub fn now() -> SystemTime {
    SystemTime::now()
}

/// Milliseconds since 1970.
pub fn now_ms() -> i64 {
    let since = now()
        .duration_since(UNIX_EPOCH)
        .expect("the clock is after 1970");
    i64::try_from(since.as_millis()).expect("milliseconds fit for 200 million years")
}

/// Seconds since 1970.
pub fn now_seconds() -> u64 {
    now_ms().unsigned_abs() / 1000
}
