//! Logs as others serve them over HTTP.

use std::{
    collections::HashSet,
    fs,
    path::PathBuf,
    process::Command,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use tokio::{net::TcpListener, task::spawn_blocking};

use super::published::{Published, Said, numbered};

/// How a server gives what it has.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    Plain,
    /// Compressed, whatever was asked for.
    Gzip,
    /// The first call for anything fails.
    Unsteady,
    Broken,
}

struct Server {
    folder: PathBuf,
    manner: Manner,
    asked: Mutex<HashSet<String>>,
}

async fn give(State(server): State<Arc<Server>>, asked: Request) -> Response {
    let path = asked.uri().path().trim_start_matches('/');
    let is_first = server
        .asked
        .lock()
        .expect("nobody panics")
        .insert(path.to_owned());
    let file = server.folder.join(path);
    match server.manner {
        Manner::Broken => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Manner::Unsteady if is_first => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        _ if !file.is_file() => StatusCode::NOT_FOUND.into_response(),
        Manner::Gzip => {
            let output = Command::new("gzip").arg("-c").arg(&file).output();
            let encoding = [(header::CONTENT_ENCODING, "gzip")];
            (encoding, output.expect("gzip is installed").stdout).into_response()
        }
        _ => fs::read(&file).expect("it is a file").into_response(),
    }
}

/// Verifies a log through a server.
async fn verify(log: &Arc<Published>, manner: Manner) -> Said {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let server = Server {
        folder: log.path("log"),
        manner,
        asked: Mutex::default(),
    };
    let router = Router::new().fallback(give).with_state(Arc::new(server));
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let log = log.clone();
    let said = spawn_blocking(move || log.verify(&[&url]))
        .await
        .expect("it ends");
    serving.abort();
    said
}

#[tokio::test]
async fn a_log_that_is_served_holds_however_it_is_served() {
    let log = Arc::new(Published::of(1_000, "a"));
    for manner in [Manner::Plain, Manner::Gzip, Manner::Unsteady] {
        verify(&log, manner)
            .await
            .holds(&["its 1000 entries and 5 tiles"]);
    }
    let broken = verify(&log, Manner::Broken).await;
    assert_eq!(broken.code, Some(1), "{}", broken.text);
}

#[tokio::test]
async fn a_partial_tile_may_be_gone_once_the_full_one_is_there() {
    let mut log = Published::of(700, "a");
    let older = log.read("log/checkpoint");
    log.grow(numbered(700, 800, "a"));
    for gone in ["tile/0/002.p", "tile/entries/002.p", "tile/1/000.p/2"] {
        let gone = log.path(&format!("log/{gone}"));
        if gone.is_dir() {
            fs::remove_dir_all(gone).expect("it is there");
        }
    }
    log.write("log/checkpoint", &older);
    log.verify_log().holds(&["its 700 entries"]);
    let log = Arc::new(log);
    verify(&log, Manner::Plain)
        .await
        .holds(&["its 700 entries"]);
}

#[tokio::test]
async fn a_served_log_that_was_altered_is_refused() {
    let log = Arc::new(Published::of(1_000, "a"));
    for (file, says) in [
        ("log/tile/0/001", "tile 1 of level 0 is not"),
        ("log/tile/entries/003.p/232", "entry bundle 3 is not"),
    ] {
        let whole = log.read(file);
        log.write(file, &[whole.as_slice(), &[0; 32]].concat());
        verify(&log, Manner::Plain).await.is_refused(says);
        log.write(file, &whole);
    }
    fs::remove_file(log.path("log/tile/0/002")).expect("it is there");
    verify(&log, Manner::Plain)
        .await
        .is_refused("it has no tile/0/002");
}
