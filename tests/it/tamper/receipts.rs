//! Receipts against each other and against their log.

use ledger::{Opening, leaf_hash, root};

use super::published::{Published, entry, numbered, verify};

const ADA: &str = "6f1c7a52-0000-4000-8000-000000000001";
const BOB: &str = "6f1c7a52-0000-4000-8000-000000000002";

/// The entries of a person, chained as the log chains them.
fn history(person: &str, count: u64) -> Vec<Opening> {
    let mut openings: Vec<Opening> = Vec::new();
    for sequence in 1..=count {
        let previous = openings.last().map_or("null".to_owned(), |it| {
            format!("\"{}\"", hex(&it.commitment()))
        });
        openings.push(payload(person, &sequence.to_string(), &previous));
    }
    openings
}

/// What the log records of a person, with the number and the commitment before it as they are written.
fn payload(person: &str, sequence: &str, previous: &str) -> Opening {
    let payload = format!(
        r#"{{"tenant":"default","recorded_at":1,"recorded_by":"a","subject_sequence":{sequence},
        "previous_commitment":{previous},"event":{{"kind":"use","subject_id":"{person}"}}}}"#
    );
    Opening::new(payload.into_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|it| format!("{it:02x}")).collect()
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
    one.holds(&[
        "entry 00000000-0000-0000-0000-000000000000 is number 1 of the 5",
        "not proved: that anybody witnessed it; that nothing newer was signed",
    ]);
    assert!(!one.text.contains("missing"), "{}", one.text);
    let policy = log.path("policy").display().to_string();
    let witnessed = verify(&[&receipts[0], "--policy", &policy]);
    witnessed.holds(&[
        "and witness.example/w1 cosigned at 2023-11-14T22:13:20Z, and it commits",
        "not proved: that nothing newer was signed",
    ]);
    assert!(!witnessed.text.contains("anybody"), "{}", witnessed.text);
}

#[test]
fn trees_that_no_log_joined_are_not_said_to_be_one_history() {
    let openings = history(ADA, 3);
    let mut log = published(&openings[..2]);
    let first = log.receipt(0, &openings[0]);
    log.grow(vec![entry(2, &openings[2])]);
    let [second, third] = [1, 2].map(|it: usize| log.receipt(it as u64, &openings[it]));
    let open = "that these trees are one history";
    let apart = log.verify(&[&first, &second, &third]);
    apart.holds(&[
        "these are the first 3, and none is missing; not proved:",
        open,
    ]);
    for joined in [
        log.verify(&[&first, &second, &third, &log.log()]),
        log.verify(&[&second, &third]),
    ] {
        joined.holds(&["no later one was recorded"]);
        assert!(!joined.text.contains(open), "{}", joined.text);
    }
}

#[test]
fn numbers_that_cannot_be_read_or_stand_in_another_order_are_not_believed() {
    let openings = history(ADA, 2);
    let previous = format!("\"{}\"", hex(&openings[0].commitment()));
    for (sequence, previous) in [
        ("2.0", previous.as_str()),
        ("\"2\"", &previous),
        ("-2", &previous),
        ("18446744073709551616", &previous),
        ("null,\"subject_sequence\":2", &previous),
        ("2", "7"),
    ] {
        let odd = payload(ADA, sequence, previous);
        let log = published(&[openings[0].clone(), odd.clone()]);
        let [sound, odd] = [log.receipt(0, &openings[0]), log.receipt(1, &odd)];
        log.verify(&[&sound, &odd])
            .is_refused("1-of-2.tlog-proof proves nothing: its entry's number");
    }
    // What is nobody's has no number.
    let evidence = payload(ADA, "null", "null");
    let log = published(std::slice::from_ref(&evidence));
    log.verify(&[&log.receipt(0, &evidence)]).holds(&[]);

    let swapped = published(&[openings[1].clone(), openings[0].clone()]);
    let receipts = [
        swapped.receipt(0, &openings[1]),
        swapped.receipt(1, &openings[0]),
    ];
    swapped
        .verify(&[&receipts[0], &receipts[1]])
        .is_refused("entries 1 and 2 of the person do not belong to one history");
}

#[test]
fn a_gap_is_what_the_log_recorded_and_no_more() {
    let openings = history(ADA, 2);
    let mut log = published(&openings);
    let kept = log.receipt(1, &openings[1]);
    let entries = (0..).zip(&openings);
    let leaves: Vec<_> = entries.map(|(it, of)| leaf_hash(&entry(it, of))).collect();
    let destruction = Opening::new(
        format!(
            r#"{{"tenant":"default","recorded_at":1700000000123,"event":{{"kind":"key_destroyed",
            "key_id":"{ADA}","owner_kind":"subject","owner_id":"{ADA}","entries":2,
            "entries_root":"{}"}}}}"#,
            hex(&root(&leaves))
        )
        .into_bytes(),
    );
    log.grow(vec![entry(2, &destruction)]);
    let [first, second] = [0, 1].map(|it| log.gap(it, &destruction));
    let said = log.verify(&[&first, &second]);
    said.holds(&[
        "the log recorded at 2023-11-14T22:13:20Z that the key of this entry, with which it sealed 2",
        "not proved: that the key is gone, or that the law allowed it; that anybody witnessed it",
    ]);
    // Kept from before the destruction, it stays good; opened after it, one of the two lies.
    log.verify(&[&second, &kept]).holds(&[]);
    let opened = log.receipt(1, &openings[1]);
    log.verify(&[&first, &opened]).holds(&[]);
    for both in [[&second, &opened], [&opened, &second]] {
        log.verify(&both.map(String::as_str))
            .is_refused("they contradict each other");
    }
}

#[test]
fn what_a_log_recorded_cannot_pass_for_a_sentence_of_the_program() {
    let lie = "\n\r\u{1b}[2K\u{202e}the log is whole";
    let openings = [
        Opening::new(format!(r#"{{"a":1,{lie} "b":2}}"#).into_bytes()),
        Opening::new([b"\xff\n".as_slice(), lie.as_bytes()].concat()),
    ];
    let log = published(&openings[1..]);
    let said = log.verify(&[&log.receipt(0, &openings[1])]);
    said.holds(&[r"\n\r\u{1b}[2K\u{202e}the log is whole"]);
    assert_eq!(said.text.lines().count(), 2, "{}", said.text);
    // It begins as a record of ours does, and is none.
    let log = published(&openings[..1]);
    log.verify(&[&log.receipt(0, &openings[0])])
        .is_refused("cannot be read");
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
    let newest = log.receipt(2, &openings[2]);
    let older = published(&openings);
    let newer = older.verify(&[&newest, &older.log()]);
    assert_eq!(newer.code, Some(1), "{}", newer.text);
    let says = "this copy of the log ends at 3, before the receipt's 600: fetch a newer one";
    assert!(newer.text.contains(says), "{}", newer.text);
    let forked = Published::of(600, "b");
    forked
        .verify(&[&receipt, &forked.log()])
        .is_refused("2-of-3.tlog-proof proves nothing");
}
