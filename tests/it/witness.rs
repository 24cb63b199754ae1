//! `vow witness` from outside: what it cosigns, what it refuses, and that no kill makes it forget.

mod log;
pub mod process;

use std::{env, fs, os::unix::fs::symlink, time::Duration};

use ledger::{AddCheckpoint, Checkpoint, Note, NoteSignature, VerifierKey};

use log::Log;
use process::Witness;

/// How often the witness is killed: `VOW_TEST_KILLS`, or enough for every run of the tests.
fn kills() -> u64 {
    let kills = env::var("VOW_TEST_KILLS").ok();
    kills.and_then(|it| it.parse().ok()).unwrap_or(15)
}

/// The checkpoint of a note that the witness cosigned.
fn cosigned(note: &str, witness: &VerifierKey) -> Checkpoint {
    let note = Note::parse(note).expect("it is a note");
    let known = std::slice::from_ref(witness);
    assert_eq!(
        note.verify(known).map(|it| it.len()),
        Ok(1),
        "it is cosigned"
    );
    Checkpoint::parse(note.text()).expect("it is a checkpoint")
}

#[tokio::test]
async fn a_witness_cosigns_a_log_as_it_grows_and_shows_the_newest() {
    let mut log = Log::new(1);
    let mut witness = Witness::start("witness.example/w1", &[&log.verifier()]);
    assert_eq!(witness.newest(&log.verifier()).await, None);
    let mut size = 0;
    for leaves in [1, 4, 300, 0, 70_000] {
        log = log.grown(leaves, 0);
        let request = log.request(size);
        size = log.checkpoint().size;
        let (status, line) = witness.add(&request).await.expect("it answers");
        assert_eq!(status, 200, "{line}");
        let mut note = request.checkpoint.clone();
        let line = line.strip_suffix('\n').expect("a line ends");
        note.add(NoteSignature::parse(line).expect("it is a signature line"));
        assert_eq!(cosigned(&note.to_string(), &witness.key), log.checkpoint());
        let newest = witness.newest(&log.verifier()).await.expect("it has one");
        assert_eq!(cosigned(&newest, &witness.key), log.checkpoint());
        assert!(
            Checkpoint::open(
                &Note::parse(&newest).expect("it is a note"),
                &log.verifier()
            )
            .is_ok()
        );
        witness.kill();
        witness.restart();
        assert_eq!(witness.newest(&log.verifier()).await, Some(newest));
    }
}

#[tokio::test]
async fn a_witness_refuses_with_the_status_of_the_protocol() {
    let (log, stranger) = (Log::new(1).grown(5, 0), Log::new(2).grown(5, 0));
    let witness = Witness::start("witness.example/w1", &[&log.verifier()]);
    let first = witness.add(&log.request(0)).await.expect("it answers");
    assert_eq!(first.0, 200);

    let grown = log.grown(3, 0);
    let (other_root, other_history) = (Log::new(1).grown(5, 9), Log::new(1).grown(8, 9));
    let mut unsigned = grown.request(5);
    unsigned.checkpoint = other_history.request(0).checkpoint;
    let mut old_is_larger = grown.request(5);
    old_is_larger.old_size = 9;
    let mut without_proof = grown.request(5);
    without_proof.proof.clear();
    let foreign_signature = grown.request(5).to_string().replace("— log1", "— log2");
    for (request, status, body) in [
        (old_is_larger.to_string(), 400, None),
        ("old 5\n".to_owned(), 400, None),
        (foreign_signature, 403, None),
        (stranger.request(0).to_string(), 404, None),
        (grown.request(0).to_string(), 409, Some("5\n")),
        (grown.request(4).to_string(), 409, Some("5\n")),
        (log.grown(0, 0).request(2).to_string(), 409, Some("5\n")),
        (without_proof.to_string(), 422, None),
        (unsigned.to_string(), 422, None),
        (other_history.request(5).to_string(), 422, None),
        (other_root.request(5).to_string(), 422, None),
        ("a".repeat(70_000), 413, None),
    ] {
        let answer = witness.post("/add-checkpoint", request.clone()).await;
        let answer = answer.expect("it answers");
        assert_eq!(answer.status().as_u16(), status, "{request:.300}");
        let media_type = answer.headers()["content-type"].clone();
        if let Some(body) = body {
            assert_eq!(media_type, "text/x.tlog.size");
            assert_eq!(answer.text().await.expect("it is text"), body);
        }
    }
    let not_text = witness.post("/add-checkpoint", vec![0xff; 9]).await;
    assert_eq!(not_text.expect("it answers").status().as_u16(), 400);
    assert_eq!(witness.get("/add-checkpoint").await.status().as_u16(), 405);
    assert_eq!(witness.get("/../key").await.status().as_u16(), 404);
    assert_eq!(witness.newest(&stranger.verifier()).await, None);
    // Nothing of it moved the witness.
    let newest = witness.newest(&log.verifier()).await.expect("it has one");
    assert_eq!(cosigned(&newest, &witness.key), log.checkpoint());
    let counts = witness
        .get("/metrics")
        .await
        .text()
        .await
        .expect("it is text");
    assert!(
        counts.contains("vow_witness_requests_total{status=\"422\"} 4"),
        "{counts}"
    );
}

/// What strangers add to a signed checkpoint must not stop the witness that cosigned it.
#[tokio::test]
async fn a_padded_checkpoint_is_cosigned_and_can_be_read_at_the_next_start() {
    let mut log = Log::new(1);
    let mut witness = Witness::start("witness.example/w1", &[&log.verifier()]);
    let paddings: [fn(&mut NoteSignature, u8); 3] = [
        |line, number| line.key_id = [number; 4],
        |line, number| {
            line.name = "witness.example/w1".to_owned();
            line.key_id = [number; 4];
        },
        // The log's own line, over and over.
        |_, _| {},
    ];
    for pad in paddings {
        let size = log.checkpoint().size;
        log = log.grown(5, 0);
        let mut padded = log.request(size);
        let own = padded.checkpoint.signatures()[0].clone();
        for number in 1..64 {
            let mut line = own.clone();
            pad(&mut line, number);
            padded.checkpoint.add(line);
        }
        let (status, line) = witness.add(&padded).await.expect("it answers");
        assert_eq!(status, 200, "{line}");
        witness.kill();
        witness.restart();
        let newest = witness.newest(&log.verifier()).await.expect("it has one");
        assert_eq!(cosigned(&newest, &witness.key), log.checkpoint());
        let lines = Note::parse(&newest).expect("it is a note");
        assert_eq!(lines.signatures().len(), 2, "{newest}");
    }
}

#[tokio::test]
async fn a_witness_cosigns_all_that_the_log_signed() {
    let log = Log::new(1).grown(5, 0);
    let mut witness = Witness::start("witness.example/w1", &[&log.verifier()]);
    let body = log.checkpoint().body() + "extension\n";
    let request = AddCheckpoint {
        checkpoint: Note::sign(body.clone(), &log.key()).expect("it is a text"),
        ..log.request(0)
    };
    let (status, line) = witness.add(&request).await.expect("it answers");
    assert_eq!(status, 200, "{line}");
    witness.kill();
    witness.restart();
    let newest = witness.newest(&log.verifier()).await.expect("it has one");
    assert_eq!(cosigned(&newest, &witness.key), log.checkpoint());
    assert!(newest.starts_with(&body), "{newest}");
}

/// Each round several versions of the log, every one with a good proof from the last, race for the
/// witness, which is killed while it decides. What it acknowledged it must still know afterwards.
#[tokio::test]
async fn no_race_and_no_kill_makes_a_witness_cosign_two_histories() {
    let mut log = Log::new(1);
    let mut witness = Witness::start("witness.example/w1", &[&log.verifier()]);
    for round in 0..kills() {
        let size = log.checkpoint().size;
        let versions: Vec<_> = (0..4_u64)
            .map(|it| log.grown(1 + it / 2, 4 * round + it))
            .collect();
        let requests: Vec<_> = versions.iter().map(|it| it.request(size)).collect();
        let answers = async {
            let [a, b, c, d] = [0, 1, 2, 3].map(|it| witness.add(&requests[it]));
            tokio::join!(a, b, c, d)
        };
        let wait = Duration::from_millis(3 * (round % 5));
        let answers = match round % 3 {
            // Once everybody was answered, so that the acknowledged one was, too.
            0 => Some(answers.await),
            _ => tokio::time::timeout(wait, answers).await.ok(),
        };
        witness.kill();
        witness.restart();

        let answers = answers.map(|(a, b, c, d)| [a, b, c, d]);
        let statuses: Vec<_> = answers
            .into_iter()
            .flatten()
            .map(|it| it.map_or(0, |it| it.0))
            .collect();
        let acknowledged: Vec<_> = (0..statuses.len())
            .filter(|it| statuses[*it] == 200)
            .collect();
        assert!(
            acknowledged.len() <= 1,
            "round {round}: two histories were cosigned"
        );
        let newest = witness.newest(&log.verifier()).await;
        let newest = newest.map(|it| cosigned(&it, &witness.key));
        if let [winner] = acknowledged[..] {
            assert_eq!(
                newest,
                Some(versions[winner].checkpoint()),
                "round {round}: it was forgotten"
            );
        } else if round % 3 == 0 {
            panic!("round {round}: nobody was cosigned: {statuses:?}");
        }
        let known = versions
            .into_iter()
            .find(|it| Some(it.checkpoint()) == newest);
        match known {
            Some(version) => log = version,
            None => assert_eq!(
                newest.map_or(0, |it| it.size),
                size,
                "round {round}: it went back"
            ),
        }
    }
    assert!(log.checkpoint().size >= kills() / 3, "the log grew");
}

#[tokio::test]
async fn a_witness_starts_only_on_a_sound_folder_of_its_own() {
    let log = Log::new(1).grown(5, 0);
    let mut witness = Witness::start("witness.example/w1", &[&log.verifier()]);
    assert!(
        witness
            .run_another()
            .contains("another process uses the folder")
    );
    let first = witness.add(&log.request(0)).await.expect("it answers");
    assert_eq!(first.0, 200);
    witness.kill();
    let newest = fs::read_dir(witness.state()).expect("it is there");
    let newest = newest.map(|it| it.expect("it is there").path());
    let newest = newest.filter(|it| it.file_name().is_some_and(|it| it.len() == 64));
    let newest = newest.last().expect("one was cosigned");
    let sound = fs::read_to_string(&newest).expect("it is there");
    for damaged in [
        String::new(),
        sound.replace("\n5\n", "\n4\n"),
        sound[..sound.len() / 2].to_owned(),
        log.request(0).checkpoint.to_string(),
    ] {
        fs::write(&newest, damaged).expect("it can be written");
        let complaint = witness.run_another();
        assert!(
            complaint.contains("what was cosigned for log1.example"),
            "{complaint}"
        );
    }
    fs::remove_file(&newest).expect("it is there");
    symlink("nowhere", &newest).expect("it can be made");
    let complaint = witness.run_another();
    assert!(complaint.contains("log1.example"), "{complaint}");
    fs::remove_file(&newest).expect("it is there");
    fs::write(&newest, sound).expect("it can be written");
    witness.restart();
    assert!(witness.newest(&log.verifier()).await.is_some());
}
