//! The book's promises, tried without a database.

use super::*;
use crate::store::fixture::{GIVE, choose, enrol, forget, publish};

const ANN: Uuid = Uuid::from_u128(1);
const RECORD: Uuid = Uuid::from_u128(77);

fn book() -> Book {
    Book::open("default", 10, 5_000)
}

/// The revision each wish was answered with, or its refusal.
fn fulfil(book: &mut Book, wishes: Vec<Wish>) -> Vec<Result<u64, Error>> {
    let answers = wishes.into_iter().map(|it| book.fulfil(it, RECORD));
    answers.map(|it| it.map(|it| it.revision)).collect()
}

#[test]
fn every_change_is_one_revision_and_nothing_else_is() {
    let mut book = book();
    let wishes = vec![
        publish("a"),
        publish("a"),
        publish("bb"),
        enrol(ANN, "US"),
        enrol(ANN, "US"),
        enrol(ANN, "DE"),
        choose(ANN, GIVE),
        Wish::Quarantine { subject: ANN },
        Wish::Quarantine { subject: ANN },
        choose(ANN, Choice::Refuse),
        choose(ANN, Choice::Withdraw),
        Wish::Quarantine {
            subject: Uuid::from_u128(2),
        },
    ];
    assert_eq!(
        fulfil(&mut book, wishes),
        [
            Ok(11),
            Ok(11),
            Ok(12),
            Ok(13),
            Ok(13),
            Err(Error::SubjectExists),
            Ok(14),
            Ok(15),
            Ok(15),
            Err(Error::Quarantined),
            Ok(16),
            Err(Error::SubjectUnknown),
        ]
    );
    let revisions: Vec<u64> = book.entries.changes.iter().map(|it| it.revision).collect();
    assert_eq!(revisions, [11, 12, 13, 14, 15, 16]);
    assert_eq!(book.revision(), 16);
}

#[test]
fn quarantine_and_withdrawal_restrict_and_consent_does_not() {
    let mut book = book();
    let wishes = vec![
        enrol(ANN, "US"),
        choose(ANN, GIVE),
        choose(ANN, Choice::Withdraw),
        Wish::Quarantine { subject: ANN },
    ];
    fulfil(&mut book, wishes);
    let restricting: Vec<bool> = book
        .entries
        .changes
        .iter()
        .map(|it| it.restricting)
        .collect();
    assert_eq!(restricting, [false, false, true, true]);
}

#[test]
fn a_consent_has_to_end_later_than_it_begins() {
    let mut book = book();
    let until = |at| {
        choose(
            ANN,
            Choice::Give {
                expires_at: Some(at),
            },
        )
    };
    let wishes = vec![enrol(ANN, "US"), until(5_000), until(5_001)];
    assert_eq!(
        fulfil(&mut book, wishes),
        [Ok(11), Err(Error::Invalid("expires_at")), Ok(12)]
    );
}

#[test]
fn consents_and_publications_leave_evidence_of_their_own_revision() {
    let mut book = book();
    fulfil(
        &mut book,
        vec![publish("a"), enrol(ANN, "US"), choose(ANN, Choice::Refuse)],
    );
    let evidence = &book.entries.evidence;
    let seen: Vec<_> = evidence.iter().map(|it| (it.revision, it.id)).collect();
    assert_eq!(seen, [(11, RECORD), (13, RECORD)]);
    assert_eq!(evidence[0].policy_version, "v1");
    assert!(matches!(
        &evidence[1].event,
        Event::Chosen {
            state: State::Refused,
            ..
        }
    ));
}

#[test]
fn a_version_published_twice_in_a_row_is_one_and_its_return_is_another() {
    let mut book = book();
    let named = |book: &mut Book, text| {
        let policy = book.fulfil(publish(text), RECORD).unwrap().policy;
        policy.map(|it| it.number)
    };
    assert_eq!(named(&mut book, "a"), Some(1));
    assert_eq!(named(&mut book, "a"), Some(1));
    assert_eq!(named(&mut book, "bb"), Some(2));
    assert_eq!(named(&mut book, "a"), Some(3));
}

#[test]
fn the_numbers_of_a_tenant_go_on_after_those_it_inherited() {
    for inherited in [0, 2] {
        let mut book = Book::open("acme", 10, 5_000).with_inherited(inherited);
        for (text, number) in [("a", inherited + 1), ("bb", inherited + 2)] {
            let policy = book.fulfil(publish(text), RECORD).unwrap().policy.unwrap();
            assert_eq!((policy.tenant.as_str(), policy.number), ("acme", number));
        }
    }
}

#[test]
fn nobody_is_forgotten_while_evidence_that_is_waited_for_is_on_its_way() {
    let mut book = book();
    let wishes = vec![
        forget(ANN, 0),
        enrol(ANN, "US"),
        forget(ANN, 0),
        Wish::Quarantine { subject: ANN },
        choose(ANN, Choice::Withdraw),
    ];
    assert_eq!(
        fulfil(&mut book, wishes),
        [Ok(10), Ok(11), Err(Error::NotQuarantined), Ok(12), Ok(13)]
    );
    let left = book.subjects.remove(&ANN).unwrap();
    for (oldest, expected) in [
        (vec![(ANN, 12)], Err(Error::EvidencePending)),
        (vec![(ANN, 13)], Err(Error::EvidencePending)),
        (vec![(ANN, 14)], Ok(14)),
        (vec![], Ok(14)),
    ] {
        let book = Book::open("default", 13, 6_000);
        let mut book = book.with_subjects(vec![left.clone()], oldest);
        let answers = fulfil(&mut book, vec![forget(ANN, 13), forget(ANN, 13)]);
        assert_eq!(answers, [expected.clone(), expected.clone()]);
        if expected.is_ok() {
            assert_eq!(book.entries.erased(), [ANN]);
            assert!(book.entries.changes[0].restricting);
        }
    }
}
