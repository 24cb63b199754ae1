//! What the service does by the clock: it forgets requests that are too old to be repeated.

use std::time::Duration;

use chassis::{Stop, now_ms};
use tokio::time::sleep;

use crate::store::Store;

/// How long a request is known when it comes again.
const REQUESTS_KEPT_MS: i64 = 24 * 60 * 60 * 1000;

const INTERVAL: Duration = Duration::from_secs(10 * 60);

/// Forgets old requests until the process stops. A failure is tried again.
pub(crate) async fn run(store: Store, stop: Stop) -> anyhow::Result<()> {
    while !stop.is_requested() {
        if let Err(error) = store.forget_requests(now_ms() - REQUESTS_KEPT_MS).await {
            tracing::warn!(%error, "old requests are not forgotten yet");
        }
        tokio::select! {
            () = stop.requested() => {}
            () = sleep(INTERVAL) => {}
        }
    }
    Ok(())
}
