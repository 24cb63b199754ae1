//! The admin port: health and metrics in plaintext, nothing personal.

use std::io;

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::{net::TcpListener, sync::watch};

use crate::metrics::Metrics;

/// The media type of OpenMetrics 1.0 text.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves until it is dropped.
pub(crate) async fn serve(
    listener: TcpListener,
    metrics: Metrics,
    ready: watch::Receiver<bool>,
    waiting_for: watch::Receiver<String>,
) -> io::Result<()> {
    let routes = Router::new()
        .route("/metrics", get(metrics_text).with_state(metrics))
        // It answers, so it lives. A dead database is no reason to kill the process.
        .route("/livez", get(async || StatusCode::OK))
        .route("/readyz", get(readiness).with_state((ready, waiting_for)));
    axum::serve(listener, routes).await
}

async fn metrics_text(State(metrics): State<Metrics>) -> Response {
    match metrics.text() {
        Ok(text) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn readiness(
    State((ready, waiting_for)): State<(watch::Receiver<bool>, watch::Receiver<String>)>,
) -> Response {
    match *ready.borrow() {
        true => StatusCode::OK.into_response(),
        false => {
            let reason = format!("{}\n", *waiting_for.borrow());
            (StatusCode::SERVICE_UNAVAILABLE, reason).into_response()
        }
    }
}
