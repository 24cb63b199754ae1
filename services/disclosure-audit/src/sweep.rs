//! The task that forgets requests a day after they were carried out, as the contract says.

use std::sync::Arc;
use std::time::Duration;

use chassis::{Stop, now_ms};
use tokio::time::interval;

use crate::store::Store;

const INTERVAL: Duration = Duration::from_secs(600);
const KEPT_MILLISECONDS: i64 = 24 * 3_600 * 1_000;

/// Sweeps until the process stops; several replicas may do it at once.
///
/// # Errors
/// None: what a sweep cannot reach stays for the next one.
pub(crate) async fn run(store: Arc<Store>, stop: Stop) -> anyhow::Result<()> {
    let mut ticks = interval(INTERVAL);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.requested() => return Ok(()),
        }
        // The store has said why it failed, if it did.
        let _ = store.forget_requests(now_ms() - KEPT_MILLISECONDS).await;
    }
}
