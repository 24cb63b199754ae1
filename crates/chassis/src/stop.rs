//! Asking a process to stop.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A request to stop that everything in a process can wait for. Clones are the same request.
#[derive(Clone, Debug, Default)]
pub struct Stop(CancellationToken);

impl Stop {
    /// Nobody has asked yet.
    pub fn new() -> Stop {
        Stop::default()
    }

    /// Asked for by the signals that end a process. Needs a running tokio runtime.
    pub fn on_signals() -> io::Result<Stop> {
        let stop = Stop::new();
        // An orchestrator or a service manager ends the process.
        let mut terminate = signal(SignalKind::terminate())?;
        // Somebody at a terminal presses Ctrl-C.
        let mut interrupt = signal(SignalKind::interrupt())?;
        let asked = stop.clone();
        tokio::spawn(async move {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            tracing::info!(signal = name, "stopping");
            asked.request();
        });
        Ok(stop)
    }

    /// Asks everything to stop. Asking twice is asking once.
    pub fn request(&self) {
        self.0.cancel();
    }

    /// Waits until somebody asks.
    pub async fn requested(&self) {
        self.0.cancelled().await;
    }

    /// Whether somebody has asked.
    pub fn is_requested(&self) -> bool {
        self.0.is_cancelled()
    }
}
