//! The published log, as anybody reads it: whole, exact, cacheable, and never back.

use std::{fs, path::Path, time::Duration};

use client::Clients;

use crate::suite::{Suite, acts::*, databases, published::Published};

const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// Somebody whose address may be revealed to the printer.
async fn subject(suite: &Suite) -> String {
    let (mut shop, mut operator) = (suite.shop(), suite.operator());
    let kind = "service_provider";
    register_recipient(&mut operator, "letterpress", kind, NEWSLETTER, &[EMAIL])
        .await
        .expect("it may be");
    let subject = register(&mut shop).await;
    collect_typed(&mut shop, &subject, &[(EMAIL, "ada@example.org")]).await;
    let about = scope(&subject, NEWSLETTER, "letterpress");
    grant_consent(&mut shop, about)
        .await
        .expect("anybody may agree");
    subject
}

/// Reveals so often, and gives the last place in the log.
async fn reveal_often(mut shop: Clients, subject: String, times: u64) -> u64 {
    let mut last = 0;
    for _ in 0..times {
        let question = disclose(&subject, "letterpress", NEWSLETTER, &[EMAIL]);
        let (grant, _) = authorize(&mut shop, question).await.expect("she agreed");
        let revealed = reveal(&mut shop, &grant).await.expect("it is granted");
        last = last.max(revealed.record.expect("it is recorded").index);
    }
    last
}

/// The same by several at once.
async fn reveal_by_many(suite: &Suite, subject: &str, times: u64) -> u64 {
    let tasks: Vec<_> = (0..8)
        .map(|_| tokio::spawn(reveal_often(suite.shop(), subject.to_owned(), times / 8)))
        .collect();
    let mut last = 0;
    for task in tasks {
        last = last.max(task.await.expect("all are granted"));
    }
    last
}

#[tokio::test]
async fn what_a_checkpoint_covers_can_be_read_when_it_is_published() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let subject = subject(&suite).await;
        let mut published = Published::of(&suite);
        let load = reveal_by_many(&suite, &subject, 320);
        tokio::pin!(load);
        let last = loop {
            tokio::select! {
                last = &mut load => break last,
                _ = published.follow() => {}
            }
        };
        published.covers(last).await;
        let whole = published.verify_whole("whole").expect("it holds");
        assert!(whole.contains("vow.local/log"), "{whole}");

        assert_answers(&published).await;
    }
}

/// The headers and the refusals of C2SP tlog-tiles, of a log of more than 256 entries.
async fn assert_answers(published: &Published) {
    let checkpoint = published.ask("GET /checkpoint", "").await;
    assert_eq!(
        checkpoint.header("content-type"),
        "text/plain; charset=utf-8"
    );
    assert_eq!(checkpoint.header("cache-control"), "public, max-age=1");
    let tag = checkpoint.header("etag");
    let known = format!("if-none-match: {tag}\r\n");
    let again = published.ask("GET /checkpoint", &known).await;
    assert_eq!((again.status(), again.body.len()), ("304", 0));

    for (path, length) in [
        ("tile/0/000", 256 * 32),
        ("tile/1/000.p/1", 32),
        ("tile/entries/000", 256 * 59),
        // Once it was partial, and now its beginning is what was served then.
        ("tile/entries/000.p/7", 7 * 59),
        ("tile/0/000.p/7", 7 * 32),
    ] {
        let answer = published.ask(&format!("GET /{path}"), "").await;
        assert_eq!(
            (answer.status(), answer.body.len()),
            ("200", length),
            "{path}"
        );
        assert_eq!(answer.header("content-type"), "application/octet-stream");
        assert_eq!(answer.header("cache-control"), IMMUTABLE);
        let head = published.ask(&format!("HEAD /{path}"), "").await;
        assert_eq!((head.status(), head.body.len()), ("200", 0), "{path}");
        assert_eq!(head.header("content-length"), length.to_string());
    }
    for line in [
        "GET /",
        "GET /tile",
        "GET /tile/0/0",
        "GET /tile/0/000/",
        "GET /tile/0/000?canary",
        "GET /tile/0/000.p/256",
        "GET /tile/entries/999",
        "GET /tile/64/000",
        "GET /tile/../checkpoint",
        "GET /tile/%2e%2e/checkpoint",
        "GET //checkpoint",
        "GET /.lock",
        "GET /canary",
    ] {
        let answer = published.ask(line, "").await;
        assert_eq!((answer.status(), answer.body.len()), ("404", 0), "{line}");
        assert_eq!(answer.header("cache-control"), "no-store", "{line}");
        assert!(!answer.head.contains("canary"), "{}", answer.head);
    }
    for line in ["POST /checkpoint", "PUT /tile/0/000", "DELETE /checkpoint"] {
        let answer = published.ask(line, "").await;
        assert_eq!((answer.status(), answer.body.len()), ("405", 0), "{line}");
        assert_eq!(answer.header("allow"), "get, head");
    }
}

#[tokio::test]
async fn what_a_tile_store_lost_is_written_again_at_the_start() {
    for database in databases() {
        let mut suite = Suite::start_on(database).await;
        let subject = subject(&suite).await;
        let mut published = Published::of(&suite);
        published
            .covers(reveal_by_many(&suite, &subject, 264).await)
            .await;
        suite.kill();

        let folder = suite.material().join("data/log");
        let tile = folder.join("tile/0/000");
        let bundle = folder.join("tile/entries/000");
        fs::remove_file(&tile).expect("it was published");
        cut_short(&bundle);
        suite.restart().await;
        let mut published = published.again(&suite);
        let mended = tokio::time::timeout(Duration::from_secs(30), async {
            while published.verify_whole("lost").is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        mended.await.expect("it is mended");

        suite.kill();
        fs::remove_dir_all(&folder).expect("it is there");
        suite.restart().await;
        published = published.again(&suite);
        let size = published.follow().await;
        published
            .covers(reveal_often(suite.shop(), subject.clone(), 1).await)
            .await;
        assert!(size <= published.follow().await);
        published.verify_whole("lost").expect("it is whole again");
    }
}

fn cut_short(file: &Path) {
    let bytes = fs::read(file).expect("it was published");
    fs::write(file, &bytes[..bytes.len() / 2]).expect("it can be written");
}
