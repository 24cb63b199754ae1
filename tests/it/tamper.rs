//! A stranger with `vow verify`: a log that was altered anywhere, in any way, is not believed.

mod published;
mod receipts;
mod served;

use std::{fs, os::unix::fs::symlink};

use published::{Published, numbered, verify};

#[test]
fn a_whole_log_holds_and_what_that_does_not_prove_is_said() {
    let log = Published::of(1_000, "a");
    log.verify_log().holds(&[
        "disclosure.example/log1 is whole: its 1000 entries and 5 tiles make the root",
        "not proved: what its entries commit to",
        "that anybody witnessed it; that nothing newer was signed",
        "nothing is remembered",
    ]);
    let policy = log.path("policy").display().to_string();
    let witnessed = verify(&[&log.log(), "--policy", &policy]);
    witnessed.holds(&[
        "it signed and witness.example/w1 cosigned at 2023-11-14T22:13:20Z;",
        "that nothing newer was signed",
    ]);
    assert!(!witnessed.text.contains("anybody"), "{}", witnessed.text);

    let words: Vec<_> = (0..700)
        .map(|it| format!("entry-{it}").into_bytes())
        .collect();
    let foreign = Published::new(words);
    let said = foreign.verify_log();
    said.holds(&["its 700 entries", "not all of a disclosure log"]);
    Published::new(Vec::new())
        .verify_log()
        .holds(&["its 0 entries"]);
}

#[test]
fn every_file_of_a_log_is_read_to_its_last_byte() {
    let mut log = Published::of(700, "a");
    log.grow(numbered(700, 1_000, "b"));
    log.verify_log().holds(&[]);
    let files = log.files();
    // Two checkpoints' worth of partial tiles and bundles, and the checkpoint.
    assert_eq!(files.len(), 4 + 1 + 4 + 3 + 1, "{files:?}");
    for name in &files {
        let whole = log.read(name);
        for place in [0, whole.len() / 2, whole.len() - 1] {
            let mut altered = whole.clone();
            altered[place] ^= 0x10;
            log.write(name, &altered);
            log.verify_log().is_refused("proves nothing");
        }
        for length in [0, whole.len() / 2, whole.len() - 1] {
            log.write(name, &whole[..length]);
            log.verify_log().is_refused("proves nothing");
        }
        log.write(name, &[whole.as_slice(), &[0, 0]].concat());
        log.verify_log().is_refused("proves nothing");
        log.write(name, &whole);
    }
    log.verify_log().holds(&[]);
}

#[test]
fn what_is_gone_or_elsewhere_in_a_log_is_named() {
    let log = Published::of(1_000, "a");
    let part = [
        "tile/0/001",
        "tile/1/000.p/3",
        "tile/entries/002",
        "tile/entries/003.p/232",
    ];
    for name in part {
        let file = format!("log/{name}");
        let whole = log.read(&file);
        fs::remove_file(log.path(&file)).expect("it is there");
        log.verify_log().is_refused(&format!("it has no {name}"));
        log.write(&file, &whole);
    }
    for (one, other, says) in [
        ("tile/0/000", "tile/0/001", "tile 0 of level 0 is not"),
        (
            "tile/entries/001",
            "tile/entries/002",
            "the entry at index 256 is not",
        ),
    ] {
        let [one, other] = [one, other].map(|it| format!("log/{it}"));
        let (first, second) = (log.read(&one), log.read(&other));
        log.write(&one, &second);
        log.write(&other, &first);
        log.verify_log().is_refused(says);
        log.write(&one, &first);
        log.write(&other, &second);
    }
    fs::remove_file(log.path("log/checkpoint")).expect("it is there");
    let without = log.verify_log();
    assert_eq!(without.code, Some(1), "{}", without.text);
}

#[test]
fn an_older_or_another_history_than_the_remembered_one_is_refused() {
    let mut log = Published::of(500, "a");
    let remember = log.path("remembered").display().to_string();
    let check = |log: &Published| log.verify(&[&log.log(), "--remember", &remember]);
    check(&log).holds(&["nothing is remembered"]);
    let older = log.read("log/checkpoint");
    assert_eq!(log.read("remembered"), older);
    log.grow(numbered(500, 1_000, "a"));
    check(&log).holds(&["it continues the 500 entries that are remembered"]);
    assert_eq!(log.read("remembered"), log.read("log/checkpoint"));

    // All of it is signed by the log: only memory tells.
    log.write("log/checkpoint", &older);
    log.verify_log().holds(&["its 500 entries"]);
    check(&log).is_refused("it has 500 entries, and 1000 are remembered: it was rewound");
    let forked = Published::of(1_200, "b");
    forked.verify_log().holds(&[]);
    check(&forked).is_refused("its history is another");
    let known = ["--known", &remember];
    forked
        .verify(&[&[forked.log().as_str()], &known[..]].concat())
        .is_refused("history is another");

    log.write("remembered", b"what is no checkpoint");
    check(&log).is_refused("remembered proves nothing");
    let receipts_only = log.verify(&["receipt.tlog-proof", "--known", &remember]);
    assert_eq!(receipts_only.code, Some(1), "{}", receipts_only.text);
}

#[test]
fn what_is_remembered_is_replaced_and_nothing_else_is_touched() {
    let log = Published::of(300, "a");
    log.write("kept.new", b"somebody else's");
    let [kept, link] = ["kept.log", "link"].map(|it| log.path(it));
    for _ in 0..2 {
        let check = log.verify(&[&log.log(), "--remember", &kept.display().to_string()]);
        check.holds(&[]);
    }
    assert_eq!(log.read("kept.log"), log.read("log/checkpoint"));
    assert_eq!(log.read("kept.new"), b"somebody else's");
    let files = fs::read_dir(log.path("")).expect("it is a folder");
    let names = files.map(|it| it.expect("it can be listed").file_name());
    let hidden = names.filter(|it| it.to_string_lossy().starts_with('.'));
    assert_eq!(hidden.count(), 0);

    // What was remembered is gone from where the link leads, so that nothing can be compared.
    symlink(log.path("gone"), &link).expect("it can be made");
    let check = log.verify(&[&log.log(), "--remember", &link.display().to_string()]);
    assert_eq!(check.code, Some(1), "{}", check.text);
}

#[test]
fn a_checkpoint_that_was_not_witnessed_is_not_believed() {
    let log = Published::of(300, "a");
    let policy = log.path("policy").display().to_string();
    let check = || verify(&[&log.log(), "--policy", &policy]);
    check().holds(&["witness.example/w1 cosigned"]);
    let note = String::from_utf8(log.read("log/checkpoint")).expect("it is text");
    let (unwitnessed, _) = note.split_once("— witness").expect("it was cosigned");
    log.write("log/checkpoint", unwitnessed.as_bytes());
    log.verify_log().holds(&[]);
    check().is_refused("too few witnesses cosigned");
}
