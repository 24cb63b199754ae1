//! Receipts against each other and against their log.

use ledger::Opening;

use super::published::{Published, entry, numbered};

const ADA: &str = "6f1c7a52-0000-4000-8000-000000000001";
const BOB: &str = "6f1c7a52-0000-4000-8000-000000000002";

/// The entries of a person, chained as the log chains them.
fn history(person: &str, count: u64) -> Vec<Opening> {
    let mut openings: Vec<Opening> = Vec::new();
    for sequence in 1..=count {
        let previous = openings.last().map_or("null".to_owned(), |it| {
            let hex: String = it
                .commitment()
                .iter()
                .map(|it| format!("{it:02x}"))
                .collect();
            format!("\"{hex}\"")
        });
        let payload = format!(
            r#"{{"tenant":"default","recorded_at":1,"recorded_by":"a","subject_sequence":{sequence},
            "previous_commitment":{previous},"event":{{"kind":"use","subject_id":"{person}"}}}}"#
        );
        openings.push(Opening::new(payload.into_bytes()));
    }
    openings
}

fn published(openings: &[Opening]) -> Published {
    let entries = (0..).zip(openings).map(|(number, it)| entry(number, it));
    Published::new(entries.collect())
}

#[test]
fn a_receipt_that_is_missing_between_others_is_named() {
    let openings = [history(ADA, 4), history(BOB, 1)].concat();
    let log = published(&openings);
    let receipts: Vec<_> = (0..)
        .zip(&openings)
        .map(|(it, of)| log.receipt(it, of))
        .collect();
    let check = |held: &[usize]| {
        let held: Vec<_> = held.iter().map(|it| receipts[*it].as_str()).collect();
        log.verify(&held)
    };
    check(&[3, 0, 1]).holds(&["first 4 entries these are 1, 2, 4: number 3 is missing"]);
    check(&[0, 1, 2, 3]).holds(&[
        "the first 4, and none is missing",
        "no later one was recorded",
    ]);
    check(&[2]).holds(&["numbers 1 to 2 are missing"]);
    // What is Bob's fills no gap of Ada's.
    check(&[0, 2, 4]).holds(&["number 2 is missing"]);
    let one = check(&[0]);
    one.holds(&["entry 00000000-0000-0000-0000-000000000000 is number 1 of the 5"]);
    assert!(!one.text.contains("missing"), "{}", one.text);
}

#[test]
fn receipts_of_two_histories_are_not_believed() {
    let (one, other) = (history(ADA, 3), history(ADA, 3));
    let (first, second) = (published(&one), published(&other));
    let [a, b] = [first.receipt(1, &one[1]), second.receipt(2, &other[2])];
    first.verify(&[&a]).holds(&[]);
    first
        .verify(&[&a, &b])
        .is_refused("the log signed two histories");
    // In one tree, so that only the person's own entries tell.
    let log = published(&[one.clone(), other.clone()].concat());
    let [a, b] = [log.receipt(1, &one[1]), log.receipt(5, &other[2])];
    log.verify(&[&a, &b])
        .is_refused("entries 2 and 3 of the person do not belong to one history");
}

#[test]
fn a_receipt_belongs_to_the_log_that_is_named_with_it() {
    let openings = history(ADA, 3);
    let mut log = published(&openings);
    let receipt = log.receipt(2, &openings[2]);
    log.grow(numbered(3, 600, "a"));
    let both = log.verify(&[&receipt, &log.log()]);
    both.holds(&[
        "is number 3 of the 3",
        "its 600 entries",
        "and the receipts belong to its history",
    ]);
    let forked = Published::of(600, "b");
    forked
        .verify(&[&receipt, &forked.log()])
        .is_refused("2-of-3.tlog-proof proves nothing");
}
