//! Forgetting: what the log said of a person is gone from every file, every proof holds, and the gap says why.

use std::{fs, path::PathBuf, time::Duration};

use client::Clients;
use grant::{ErasureCertificate, KeyBundle};
use ledger::{Contents, Destruction, Opening, ProofFile, VerifierKey};
use memchr::memmem;
use proto::{
    disclosure_audit::{
        DelayReason, GetEvidenceRetentionRequest, Hold, LegalBasis, LiftHoldRequest,
        ListHoldsRequest, ListHoldsResponse, PlaceHoldRequest, SetEvidenceRetentionRequest,
    },
    identity::Erasure,
};
use tonic::{Code, Status};

use crate::{
    restore::wrapped_key,
    suite::{Database, Suite, acts::*, databases, postgres},
};

const LOG: &str = "disclosure-audit";

#[tokio::test]
async fn what_was_recorded_of_a_person_is_gone_and_the_gap_is_proved() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let (mut shop, mut operator) = (suite.shop(), suite.operator());
        prepare(&mut operator).await;
        let ada = recorded(&mut shop, "ada@example.org", 2).await;
        let grace = recorded(&mut shop, "grace@example.org", 1).await;
        let key = log_key(&suite);
        let mut openings = Vec::new();
        for entry in ada.entries.iter().chain(&grace.entries) {
            let proof = receipt(&mut shop, entry).await.expect("it can be proved");
            openings.push(opening(&proof, &key));
        }
        let wrapped = wrapped_key(&suite, database, LOG, &ada.subject).await;
        let wrapped = wrapped.expect("she has a key yet");

        erase(&mut shop, &ada.subject).await;
        assert_eq!(wrapped_key(&suite, database, LOG, &ada.subject).await, None);
        let destroyed = match database {
            Database::Sqlite => wrapped,
            // The server writes bytes as hexadecimal text.
            Database::Postgres => unhex(&wrapped[2..]),
        };
        for (file, bytes) in written(&suite, database) {
            for (what, secret) in openings
                .iter()
                .flat_map(|it| {
                    [
                        ("blind", it.blind.to_vec()),
                        ("payload", it.payload.clone()),
                    ]
                })
                .chain([("key", destroyed.clone())])
            {
                // PostgreSQL frees the place of a wrapped key, and writes over it later.
                let may_stand = what == "key" && database == Database::Postgres;
                let stands = memmem::find(&bytes, &secret).is_some();
                assert!(
                    may_stand || !stands,
                    "a {what} stands in {}",
                    file.display()
                );
            }
        }

        // Both of hers are told by the same record; it covers the consent she gave, too.
        let mut told = Vec::new();
        for entry in &ada.entries {
            // The long search has outlasted the connection.
            let proof = client::retry(3, || {
                let mut shop = shop.clone();
                async move { receipt(&mut shop, entry).await }
            });
            let proof = proof.await.expect("it can be proved");
            told.push(destruction(&proof, &key));
        }
        assert_eq!(told[0], told[1]);
        assert_eq!(told[0].subject.to_string(), ada.subject);
        assert_eq!(told[0].entries, 3);
        let proof = receipt(&mut shop, &grace.entries[0]).await;
        let proof = proof.expect("nobody erased her");
        let [.., hers] = openings.as_slice() else {
            panic!("there are three");
        };
        assert_eq!(opening(&proof, &key), *hers);
    }
}

#[tokio::test]
async fn a_hold_and_stated_retention_delay_the_end_and_say_so() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let (mut shop, mut operator) = (suite.shop(), suite.operator());
        prepare(&mut operator).await;
        let person = recorded(&mut shop, "ada@example.org", 1).await;
        let later = recorded(&mut shop, "grace@example.org", 1).await;
        let hold = place_hold(&mut operator, &person.subject, None).await;
        let hold = hold.expect("there is something to hold");

        let erasure = erase(&mut shop, &person.subject).await;
        let delay = erasure.log_key_delay.clone().expect("a hold stands");
        assert_eq!(delay.reasons().collect::<Vec<_>>(), [DelayReason::Hold]);
        assert_eq!(delay.until, None);
        let certificate = certificate(&suite, &erasure);
        assert!(certificate.destroyed_keys[LOG].is_empty());
        let kept = certificate.retained.last().expect("something stays");
        assert_eq!((kept.why.as_str(), kept.until), ("a hold", None));

        // Gone for every program, and there for the person who may have to look.
        let key = log_key(&suite);
        let answer = account(&mut shop, &person.subject).await;
        assert_refused(answer, Code::FailedPrecondition, "SUBJECT_SHREDDED");
        let answer = receipt(&mut shop, &person.entries[0]).await;
        assert_refused(answer, Code::FailedPrecondition, "SUBJECT_SHREDDED");
        let records = account(&mut operator, &person.subject).await;
        let records = records.expect("she may");
        let [record] = records.as_slice() else {
            panic!("one disclosure is listed: {records:?}");
        };
        // What the vault knew from the grant, and so from the policy.
        let context = record.release.as_ref().and_then(|it| it.context.as_ref());
        let basis = context.map(|it| it.legal_basis());
        assert_eq!(basis, Some(LegalBasis::Consent));
        let proof = receipt(&mut operator, &person.entries[0]).await;
        opening(&proof.expect("she may"), &key);
        assert!(
            wrapped_key(&suite, database, LOG, &person.subject)
                .await
                .is_some()
        );

        // A day of retention on top of it, for whoever is erased from now on.
        assert_eq!(retention(&mut operator).await, 0);
        set_retention(&mut operator, 1)
            .await
            .expect("it may be stated");
        assert_eq!(retention(&mut operator).await, 1);
        let answer = set_retention(&mut operator, 36_501).await;
        assert_refused(answer, Code::InvalidArgument, "EVENT_INVALID");
        let erasure = erase(&mut shop, &later.subject).await;
        let delay = erasure.log_key_delay.expect("it is stated");
        let reasons: Vec<_> = delay.reasons().collect();
        assert_eq!(reasons, [DelayReason::EvidenceRetention]);
        let left = delay.until.expect("it ends").seconds - seconds_from_now(0).seconds;
        assert!((86_300..=86_400).contains(&left), "{left} seconds");

        // The hold is lifted; nobody asks again, and the key goes.
        let lifted = lift_hold(&mut operator, &hold.hold_id).await;
        let lifted = lifted.expect("it stands");
        assert_eq!(
            lift_hold(&mut operator, &hold.hold_id).await.ok(),
            Some(lifted.clone())
        );
        assert_eq!(holds(&mut operator, &person.subject).await, [lifted]);
        until_shredded(&suite, database, &person.subject).await;
        let proof = gap(&mut shop, &person.entries[0]).await;
        assert_eq!(destruction(&proof, &key).entries, 2);
        assert!(
            wrapped_key(&suite, database, LOG, &later.subject)
                .await
                .is_some()
        );
        let answer = place_hold(&mut operator, &person.subject, None).await;
        assert_refused(answer, Code::FailedPrecondition, "SUBJECT_SHREDDED");
    }
}

#[tokio::test]
async fn a_hold_that_ends_by_itself_ends_the_delay_also_after_a_restart() {
    for database in databases() {
        let mut suite = Suite::start_on(database).await;
        let (mut shop, mut operator) = (suite.shop(), suite.operator());
        prepare(&mut operator).await;
        let person = recorded(&mut shop, "ada@example.org", 1).await;
        let answer = place_hold(&mut operator, &person.subject, Some(0)).await;
        assert_refused(answer, Code::InvalidArgument, "EVENT_INVALID");
        let answer = place_hold(&mut operator, &person.subject, Some(15)).await;
        answer.expect("it ends in the future");
        let erasure = erase(&mut shop, &person.subject).await;
        assert!(erasure.log_key_delay.is_some_and(|it| it.until.is_some()));
        suite.kill();
        suite.restart().await;
        assert!(
            wrapped_key(&suite, database, LOG, &person.subject)
                .await
                .is_some()
        );
        until_shredded(&suite, database, &person.subject).await;
        let proof = gap(&mut suite.shop(), &person.entries[0]).await;
        assert_eq!(destruction(&proof, &log_key(&suite)).entries, 2);
    }
}

#[tokio::test]
async fn holds_are_listed_in_pages_with_those_that_ended() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let mut operator = suite.operator();
        let (subject, other) = (new_id(), new_id());
        let mut placed = Vec::new();
        for _ in 0..5 {
            for of in [&subject, &other] {
                let hold = place_hold(&mut operator, of, None).await;
                placed.push(hold.expect("anybody can be held"));
            }
        }
        placed.retain(|it| it.subject_id == subject);
        placed[1] = lift_hold(&mut operator, &placed[1].hold_id)
            .await
            .expect("it stands");
        assert_eq!(holds(&mut operator, &subject).await, placed);
        assert_eq!(holds(&mut operator, &new_id()).await, []);

        let ask = |page_size, page_token: &str| ListHoldsRequest {
            subject_id: subject.clone(),
            page_size,
            page_token: page_token.into(),
        };
        for size in [1, 2, 4, 5, 6] {
            let mut pages = Vec::new();
            let mut page_token = String::new();
            loop {
                let page = list_holds(&mut operator, ask(size, &page_token)).await;
                let page = page.expect("a page");
                pages.push(page.holds);
                page_token = page.next_page_token;
                if page_token.is_empty() {
                    break;
                }
            }
            let expected: Vec<_> = placed.chunks(size as usize).collect();
            assert_eq!(pages, expected, "{size} on a page");
        }
        for (page_size, page_token, field) in [
            (-1, "", "page_size"),
            (1_001, "", "page_size"),
            (1, "next", "page_token"),
            (1, "-1", "page_token"),
        ] {
            let answer = list_holds(&mut operator, ask(page_size, page_token)).await;
            let status = assert_refused(answer, Code::InvalidArgument, "ARGUMENT_INVALID");
            let named = tonic_types::StatusExt::get_details_bad_request(&status);
            let named = named.expect("the field is named").field_violations;
            assert_eq!(named[0].field, field);
        }
    }
}

/// Somebody who agreed to the newsletter, and the entries of each time the address left.
struct Person {
    subject: String,
    entries: Vec<String>,
}

async fn prepare(operator: &mut Clients) {
    let kind = "service_provider";
    let answer = register_recipient(operator, "letterpress", kind, NEWSLETTER, &[EMAIL]).await;
    answer.expect("it may be");
}

async fn recorded(shop: &mut Clients, email: &str, times: usize) -> Person {
    let subject = register(shop).await;
    collect_typed(shop, &subject, &[(EMAIL, email)]).await;
    let about = scope(&subject, NEWSLETTER, "letterpress");
    grant_consent(shop, about).await.expect("anybody may agree");
    let mut entries = Vec::new();
    for _ in 0..times {
        let question = disclose(&subject, "letterpress", NEWSLETTER, &[EMAIL]);
        let (grant, _) = authorize(shop, question).await.expect("she agreed");
        let revealed = reveal(shop, &grant).await.expect("it is granted");
        entries.push(revealed.record.expect("it is recorded").entry_id);
    }
    Person { subject, entries }
}

async fn place_hold(
    operator: &mut Clients,
    subject: &str,
    seconds: Option<i64>,
) -> Result<Hold, Status> {
    let request = operator.request(PlaceHoldRequest {
        request_id: new_id(),
        subject_id: subject.into(),
        authority: "Superior Court".into(),
        reference: "24-1234".into(),
        until: seconds.map(seconds_from_now),
    });
    let answer = operator.audit.place_hold(request).await?.into_inner();
    let hold = answer.hold.expect("it is answered");
    assert_eq!(
        (hold.authority.as_str(), hold.reference.as_str()),
        ("Superior Court", "24-1234")
    );
    Ok(hold)
}

async fn lift_hold(operator: &mut Clients, id: &str) -> Result<Hold, Status> {
    let request = operator.request(LiftHoldRequest { hold_id: id.into() });
    let answer = operator.audit.lift_hold(request).await?.into_inner();
    let hold = answer.hold.expect("it is answered");
    assert!(hold.lifted_at.is_some());
    Ok(hold)
}

async fn holds(operator: &mut Clients, subject: &str) -> Vec<Hold> {
    let ask = ListHoldsRequest {
        subject_id: subject.into(),
        ..Default::default()
    };
    let answer = list_holds(operator, ask).await;
    answer.expect("anybody's can be listed").holds
}

async fn list_holds(
    operator: &mut Clients,
    ask: ListHoldsRequest,
) -> Result<ListHoldsResponse, Status> {
    let request = operator.request(ask);
    Ok(operator.audit.list_holds(request).await?.into_inner())
}

async fn set_retention(operator: &mut Clients, days: u32) -> Result<(), Status> {
    let request = operator.request(SetEvidenceRetentionRequest {
        request_id: new_id(),
        days,
    });
    operator
        .audit
        .set_evidence_retention(request)
        .await
        .map(|_| ())
}

async fn retention(operator: &mut Clients) -> u32 {
    let request = operator.request(GetEvidenceRetentionRequest {});
    let answer = operator.audit.get_evidence_retention(request).await;
    let stated = answer.expect("it is answered").into_inner().retention;
    stated.expect("it is there").days
}

async fn until_shredded(suite: &Suite, database: Database, subject: &str) {
    for _ in 0..600 {
        if wrapped_key(suite, database, LOG, subject).await.is_none() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the key is there a minute after the delay has ended");
}

/// The receipt of an entry as soon as the log has recorded that its key is gone.
async fn gap(shop: &mut Clients, entry: &str) -> String {
    for _ in 0..100 {
        if let Ok(proof) = receipt(shop, entry).await {
            return proof;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the destruction is not recorded within ten seconds");
}

fn certificate(suite: &Suite, erasure: &Erasure) -> ErasureCertificate {
    let keys = fs::read_to_string(suite.material().join("grant-keys.jwks"));
    let keys = KeyBundle::parse(&keys.expect("init made it")).expect("it is a bundle");
    ErasureCertificate::verify(&erasure.certificate, &keys).expect("it is signed")
}

fn log_key(suite: &Suite) -> VerifierKey {
    let line = fs::read_to_string(suite.material().join("log.vkey"));
    VerifierKey::parse(line.expect("init made it").trim()).expect("it is a key")
}

fn opening(proof: &str, key: &VerifierKey) -> Opening {
    let file = ProofFile::parse(proof).expect("it is a proof");
    let verified = file.verify(key).expect("it holds");
    verified.opening.expect("it says what is recorded")
}

fn destruction(proof: &str, key: &VerifierKey) -> Destruction {
    let file = ProofFile::parse(proof).expect("it is a proof");
    assert!(matches!(file.contents, Contents::Gap(_)));
    let verified = file.verify(key).expect("it holds");
    verified.destruction.expect("it says why nobody can tell")
}

/// Every file that the suite and its database server have written.
fn written(suite: &Suite, database: Database) -> Vec<(PathBuf, Vec<u8>)> {
    let mut folders = vec![suite.folder().to_owned()];
    if database == Database::Postgres {
        let cluster = postgres::cluster().expect("the suite runs on it");
        folders.extend(cluster.written(&suite.database_urls()));
    }
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                // A server may remove a file between listing and reading it.
                path => files.extend(fs::read(&path).ok().map(|it| (path, it))),
            }
        }
    }
    assert!(files.len() > 10, "{} files", files.len());
    files
}

fn unhex(text: &[u8]) -> Vec<u8> {
    let (pairs, _) = text.as_chunks::<2>();
    let byte = |it: &[u8; 2]| u8::from_str_radix(str::from_utf8(it).expect("text"), 16);
    pairs
        .iter()
        .map(|it| byte(it).expect("hexadecimal"))
        .collect()
}
