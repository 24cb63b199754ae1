//! Revisions of consent have no gaps and come in order, whoever writes, and a follower misses nothing.

use std::time::Duration;

use client::Clients;
use proto::consent::{WatchRequest, watch_request::From, watch_response::Event};
use tonic::Code;

use crate::suite::{Database, acts::*, databases, postgres, separate::Separate};

const WRITERS: usize = 8;
const WRITES: usize = 25;

#[tokio::test]
async fn a_follower_misses_nothing_of_concurrent_writers_at_two_replicas() {
    for database in databases() {
        // One process has a SQLite file to itself; on PostgreSQL the writers spread over two.
        let replicas = if database == Database::Postgres { 2 } else { 1 };
        let suite = Separate::start(database, replicas).await;
        let mut here = suite.client(0, "shop");
        let mut subjects = Vec::new();
        for _ in 0..WRITERS {
            subjects.push(register(&mut here).await);
        }
        let mut first = 0;
        let mut writers = Vec::new();
        let mut follower = follow(&suite, 0).await;
        if let Some(Event::Start(start)) = follower
            .message()
            .await
            .expect("it starts")
            .and_then(|it| it.event)
        {
            first = start.revision;
        }
        for (number, subject) in subjects.into_iter().enumerate() {
            let mut shop = suite.client(number % replicas, "shop");
            writers.push(tokio::spawn(async move {
                let mut tokens = Vec::new();
                for _ in 0..WRITES {
                    let about = scope(&subject, NEWSLETTER, "");
                    let yes = grant_consent(&mut shop, about.clone()).await;
                    let no = withdraw_consent(&mut shop, about).await;
                    tokens.push(yes.expect("anybody may agree").revision);
                    tokens.push(no.expect("anybody may withdraw").revision);
                }
                tokens
            }));
        }
        let mut tokens = Vec::new();
        for writer in writers {
            tokens.extend(writer.await.expect("it does not panic"));
        }
        tokens.sort_unstable();
        let expected: Vec<u64> = (first + 1..).take(WRITERS * WRITES * 2).collect();
        assert_eq!(
            tokens, expected,
            "every write has a revision of its own, without gaps"
        );

        let mut seen = Vec::new();
        while seen.len() < expected.len() {
            let next = tokio::time::timeout(Duration::from_secs(30), follower.message()).await;
            match next
                .expect("the follower is not left behind")
                .expect("it is not cut off")
            {
                Some(message) => match message.event {
                    Some(Event::Change(change)) => seen.push(change.revision),
                    other => panic!("a change was expected, not {other:?}"),
                },
                None => panic!("the stream ended"),
            }
        }
        assert_eq!(seen, expected, "the follower saw each once, in order");
    }
}

#[tokio::test]
async fn a_token_is_honoured_by_the_other_replica_or_refused() {
    if postgres::cluster().is_none() {
        return;
    }
    let suite = Separate::start(Database::Postgres, 2).await;
    let (mut here, mut there) = (suite.client(0, "shop"), suite.client(1, "shop"));
    let mut operator = suite.client(0, "operator");
    register_recipient(
        &mut operator,
        "letterpress",
        "service_provider",
        NEWSLETTER,
        &[EMAIL],
    )
    .await
    .expect("it is a provider");
    let subject = register(&mut here).await;
    let about = scope(&subject, NEWSLETTER, "letterpress");
    let question = disclose(&subject, "letterpress", NEWSLETTER, &[EMAIL]);
    for _ in 0..20 {
        let yes = grant_consent(&mut here, about.clone())
            .await
            .expect("anybody may agree");
        let seen = check(&mut there, question.clone(), yes.revision)
            .await
            .expect("it is fresh");
        assert_eq!(seen.effect, i32::from(proto::consent::Effect::Permit));
        let no = withdraw_consent(&mut there, about.clone())
            .await
            .expect("anybody may withdraw");
        let seen = check(&mut here, question.clone(), no.revision)
            .await
            .expect("it is fresh");
        assert_eq!(seen.reason, "NO_CONSENT");
    }
    let answer = check(&mut here, question, 1_000_000).await;
    assert_refused(answer, Code::FailedPrecondition, "REVISION_UNKNOWN");
}

/// Follows from now on, with the certificate of a vault, at one replica.
async fn follow(
    suite: &Separate,
    replica: usize,
) -> tonic::Streaming<proto::consent::WatchResponse> {
    let material = suite.material();
    let own = client::Material::read(
        &material.join("identity/certificate.pem"),
        &material.join("identity/certificate.key"),
        &material.join("ca.pem"),
    );
    let own = own.expect("init made it");
    let mut vault =
        Clients::connect(&suite.addresses(replica), &own, "default").expect("they are addresses");
    let revision = vault
        .consent
        .get_revision(vault.request(Default::default()))
        .await;
    let revision = revision.expect("a vault may ask").into_inner().revision;
    let from = Some(From::AfterRevision(revision));
    let mut request = vault.request(WatchRequest { from });
    request.set_timeout(Duration::from_secs(600));
    vault
        .consent
        .watch(request)
        .await
        .expect("a vault may follow")
        .into_inner()
}
