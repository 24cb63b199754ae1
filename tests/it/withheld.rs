//! What no accounting shows, or shows no longer, comes by no other way either.

use std::fs;

use ledger::{Contents, ProofFile, VerifierKey};
use proto::disclosure_audit::{
    AccountingSuspension, DisclosureContext, ExportDisclosuresRequest, ExportFormat,
    ShredSubjectRequest,
};

use crate::{
    accounting::{prepare, record, release, vault},
    suite::{Database, Suite, acts},
};

#[tokio::test]
async fn a_program_cannot_open_by_a_receipt_what_no_accounting_lists() {
    let suite = Suite::start_on(Database::Sqlite).await;
    let (mut shop, mut operator, mut vault) = (suite.shop(), suite.operator(), vault(&suite));
    let subject = prepare(&suite).await;
    let mut sealed = release(&subject, &acts::new_id());
    sealed.context = Some(DisclosureContext {
        suspension: Some(AccountingSuspension {
            agency: "Office of the Prosecutor".into(),
            written: true,
            until: Some(acts::seconds_from_now(86_400)),
        }),
        ..Default::default()
    });
    let sealed = record(&mut vault, sealed).await.expect("well-formed");
    let listed = release(&subject, &acts::new_id());
    let listed = record(&mut vault, listed).await.expect("well-formed");
    let key = fs::read_to_string(suite.material().join("log.vkey")).expect("init made it");
    let key = VerifierKey::parse(key.trim()).expect("it is a key");
    for (by_a_program, entry, is_open) in [
        (true, &listed, true),
        (true, &sealed, false),
        (false, &sealed, true),
    ] {
        let caller = if by_a_program {
            &mut shop
        } else {
            &mut operator
        };
        let proof = acts::receipt(caller, entry).await.expect("it is proved");
        let proof = ProofFile::parse(&proof).expect("it is well formed");
        proof.verify(&key).expect("it holds");
        let is_withheld = matches!(proof.contents, Contents::Withheld);
        assert_eq!(is_withheld, !is_open, "{entry}");
    }
}

#[tokio::test]
async fn an_export_ends_when_its_person_is_forgotten() {
    let suite = Suite::start_on(Database::Sqlite).await;
    let (mut shop, mut vault) = (suite.shop(), vault(&suite));
    let subject = prepare(&suite).await;
    // More than the buffers of a stream hold.
    for _ in 0..400 {
        let mut release = release(&subject, &acts::new_id());
        release.context = Some(DisclosureContext {
            authorizers: vec!["a".repeat(500); 16],
            ..Default::default()
        });
        record(&mut vault, release).await.expect("well-formed");
    }
    let request = shop.request(ExportDisclosuresRequest {
        subject_id: subject.clone(),
        format: ExportFormat::Json.into(),
        ..Default::default()
    });
    let answer = shop.audit.export_disclosures(request).await;
    let mut pieces = answer.expect("she may know").into_inner();
    pieces.message().await.expect("a piece").expect("the first");
    let request = vault.request(ShredSubjectRequest {
        subject_id: subject,
    });
    let shredded = vault.audit.shred_subject(request).await;
    shredded.expect("nothing delays it");
    let ended = loop {
        match pieces.message().await {
            Ok(piece) => assert!(piece.is_some(), "the document came to its end"),
            Err(status) => break status,
        }
    };
    assert_eq!(
        client::error_info(&ended).map(|it| it.reason),
        Some("SUBJECT_SHREDDED".into())
    );
}
