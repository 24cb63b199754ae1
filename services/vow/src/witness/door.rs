//! The two things that anybody may ask of a witness, and its counts.

use std::{io, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Path, State},
    http::{
        HeaderName, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chassis::{PublicPort, Stop, clock::now_seconds};
use ledger::{AddCheckpoint, NoteKey, NoteSignature, Refusal, Reply, TrustPolicy};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use tokio::task::spawn_blocking;

use super::state::{self, NotCosigned, log_id};

/// Room for 63 hashes and a checkpoint with dozens of signatures.
const REQUEST_BYTES_MAX: usize = 64 * 1024;
/// How long connections may take to end once the process is asked to stop.
const GRACE: Duration = Duration::from_secs(5);
const TEXT: (HeaderName, &str) = (CONTENT_TYPE, "text/plain; charset=utf-8");
const OPEN_METRICS: (HeaderName, &str) = (
    CONTENT_TYPE,
    "application/openmetrics-text; version=1.0.0; charset=utf-8",
);

/// All that a witness needs to answer.
pub struct Witness {
    /// Whose signature it adds.
    pub key: NoteKey,
    /// The logs that it serves.
    pub logs: TrustPolicy,
    /// What it cosigned.
    pub state: state::State,
}

struct Door {
    witness: Witness,
    registry: Registry,
    answered: Family<Answered, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    status: u16,
}

/// Serves until the process is asked to stop.
pub async fn serve(port: PublicPort, witness: Witness, stop: Stop) -> io::Result<()> {
    let (mut registry, answered) = (Registry::default(), Family::default());
    registry.register(
        "vow_witness_requests",
        "Requests to cosign a checkpoint, by the status of the answer",
        answered.clone(),
    );
    let door = Arc::new(Door {
        witness,
        registry,
        answered,
    });
    let routes = Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/{log}/checkpoint", get(checkpoint))
        .route("/metrics", get(metrics))
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .with_state(door);
    let stopped = stop.clone();
    let server =
        axum::serve(port, routes).with_graceful_shutdown(async move { stopped.requested().await });
    tokio::select! {
        served = server => served,
        () = async { stop.requested().await; tokio::time::sleep(GRACE).await } => Ok(()),
    }
}

async fn add_checkpoint(State(door): State<Arc<Door>>, body: String) -> Response {
    let response = match cosign(door.clone(), &body).await {
        Ok(cosignature) => ([TEXT], format!("{cosignature}\n")).into_response(),
        Err(NotCosigned::Refused(refusal)) => refused(refusal),
        Err(NotCosigned::NotKept(error)) => {
            tracing::error!(error = %error, "a checkpoint cannot be kept and is not cosigned");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    };
    let status = response.status().as_u16();
    door.answered.get_or_create(&Answered { status }).inc();
    response
}

async fn cosign(door: Arc<Door>, body: &str) -> Result<NoteSignature, NotCosigned> {
    let request = AddCheckpoint::parse(body).map_err(|_| Refusal::Malformed)?;
    let origin = request.checkpoint.text().lines().next().unwrap_or_default();
    let memory = door.witness.state.of(&log_id(origin)).await;
    let mut memory = memory.ok_or(Refusal::OriginUnknown)?;
    // The lock goes along, so that it is held to the end even if the caller hangs up.
    let judged = spawn_blocking(move || {
        let Witness { key, logs, .. } = &door.witness;
        let cosigned = memory.cosign(&request, logs, key, now_seconds());
        if let Err(NotCosigned::Refused(Refusal::Inconsistent)) = cosigned {
            let place = request
                .checkpoint
                .text()
                .lines()
                .take(2)
                .collect::<Vec<_>>();
            tracing::warn!(
                "a signed checkpoint does not continue the last: {}",
                place.join(" ")
            );
        }
        cosigned
    });
    judged.await.map_err(io::Error::other)?
}

fn refused(refusal: Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status()).expect("it is one of HTTP's");
    match refusal {
        Refusal::OldSizeMismatch { size } => {
            let media_type = (CONTENT_TYPE, Reply::SIZE_MEDIA_TYPE);
            (status, [media_type], format!("{size}\n")).into_response()
        }
        _ => (status, [TEXT], format!("{refusal}\n")).into_response(),
    }
}

async fn checkpoint(State(door): State<Arc<Door>>, Path(log): Path<String>) -> Response {
    let memory = door.witness.state.of(&log).await;
    match memory.as_ref().and_then(|it| it.note()) {
        Some(note) => ([TEXT, (CACHE_CONTROL, "no-cache")], note.to_owned()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn metrics(State(door): State<Arc<Door>>) -> Response {
    let mut text = String::new();
    match encode(&mut text, &door.registry) {
        Ok(()) => ([OPEN_METRICS], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
