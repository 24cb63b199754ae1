//! A witness that is broken on purpose: it has the key of a trusted one, and one fault at a time.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router, body::Bytes, extract::State, http::StatusCode, response::IntoResponse, routing::post,
};
use ledger::{AddCheckpoint, Checkpoint, Note, NoteKey, SignatureType, VerifierKey, cosign};
use tokio::{net::TcpListener, task::JoinHandle};

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Nothing: it cosigns whatever it is shown.
    None,
    /// Its cosignature is of other bytes.
    Garbage,
    /// It cosigns a checkpoint of the same size with another root.
    OtherRoot,
    /// It cosigns with the time of long ago.
    LongAgo,
    /// It cosigns by another key under its name.
    OtherKey,
    /// Its answer is not of the protocol.
    Nonsense,
    /// Its answer does not end.
    Huge,
    /// It always says that it cosigned another size.
    NeverContent,
    /// It sends the log somewhere else.
    Redirects,
    /// It answers later than anybody waits.
    Slow,
}

/// All of them, but for the honest one.
pub const LIES: [Lie; 9] = [
    Lie::Garbage,
    Lie::OtherRoot,
    Lie::LongAgo,
    Lie::OtherKey,
    Lie::Nonsense,
    Lie::Huge,
    Lie::NeverContent,
    Lie::Redirects,
    Lie::Slow,
];

/// A running liar; it ends when it is dropped.
pub struct Liar {
    port: u16,
    telling: Arc<Telling>,
    server: JoinHandle<()>,
}

struct Telling {
    lie: Mutex<Lie>,
    asked: Mutex<u64>,
}

impl Liar {
    /// Starts it, honest at first.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let telling = Arc::new(Telling {
            lie: Mutex::new(Lie::None),
            asked: Mutex::new(0),
        });
        let routes = Router::new()
            .route("/add-checkpoint", post(answer))
            .with_state(telling.clone());
        let server = async {
            axum::serve(listener, routes)
                .await
                .expect("it serves until dropped")
        };
        let server = tokio::spawn(server);
        Self {
            port,
            telling,
            server,
        }
    }

    /// What verifies its cosignatures.
    pub fn verifier(&self) -> VerifierKey {
        key(9).verifier(SignatureType::Cosignature)
    }

    /// Its submission prefix.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Tells this lie from now on.
    pub fn tell(&self, lie: Lie) {
        *self.telling.lie.lock().expect("no writer panics") = lie;
        *self.telling.asked.lock().expect("no writer panics") = 0;
    }

    /// How often it was asked since.
    pub fn asked(&self) -> u64 {
        *self.telling.asked.lock().expect("no writer panics")
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn key(seed: u8) -> NoteKey {
    NoteKey::from_seed("liar.example", &[seed; 32]).expect("it is a name")
}

async fn answer(State(telling): State<Arc<Telling>>, body: Bytes) -> axum::response::Response {
    let body = str::from_utf8(&body).expect("the log sends text");
    let request = AddCheckpoint::parse(body).expect("the log asks as the protocol says");
    let lie = *telling.lie.lock().expect("no writer panics");
    *telling.asked.lock().expect("no writer panics") += 1;
    let now = client::clock::now_seconds();
    let honest = cosign(&request.checkpoint, &key(9), now);
    let line = match lie {
        Lie::Garbage => {
            let mut line = honest;
            line.signature[30] ^= 1;
            line
        }
        Lie::OtherRoot => cosign(&with_another_root(&request.checkpoint), &key(9), now),
        Lie::LongAgo => cosign(&request.checkpoint, &key(9), now - 3_600),
        Lie::OtherKey => cosign(&request.checkpoint, &key(8), now),
        Lie::Nonsense => return "welcome".into_response(),
        Lie::Huge => return format!("{honest}\n").repeat(1 << 18).into_response(),
        Lie::NeverContent => {
            let size = format!("{}\n", telling.asked.lock().expect("no writer panics"));
            return (StatusCode::CONFLICT, size).into_response();
        }
        Lie::Redirects => {
            let elsewhere = [("location", "/add-checkpoint")];
            return (StatusCode::TEMPORARY_REDIRECT, elsewhere).into_response();
        }
        Lie::Slow => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            honest
        }
        Lie::None => honest,
    };
    format!("{line}\n").into_response()
}

fn with_another_root(note: &Note) -> Note {
    let checkpoint = Checkpoint::parse(note.text()).expect("it is a checkpoint");
    let other = Checkpoint {
        root: [7; 32],
        ..checkpoint
    };
    // Signed by nobody we know; only the text counts.
    let stranger = NoteKey::from_seed(&other.origin, &[7; 32]).expect("it is a name");
    other.sign(&stranger).expect("it is its name")
}
