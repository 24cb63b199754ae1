//! The corpus of the fuzzers through the parsers once more: what failed once does not fail again.

#[path = "../fuzz/src/parsers.rs"]
mod parsers;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use parsers::PARSERS;

/// Far more than any takes, even where nothing is optimised.
const TIME_MAX: Duration = Duration::from_secs(2);

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz")
}

fn listed(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).expect("the folder is there");
    files
        .map(|it| it.expect("it can be listed").path())
        .collect()
}

#[test]
fn every_input_is_parsed_or_refused_in_time_and_so_is_each_part_of_it() {
    for (name, parse) in PARSERS {
        let inputs = listed(&fuzz().join("corpus").join(name));
        assert!(!inputs.is_empty(), "{name}");
        for input in inputs {
            let bytes = fs::read(&input).expect("it can be read");
            let began = Instant::now();
            parse(&bytes);
            assert!(began.elapsed() < TIME_MAX, "{}", input.display());
            let step = (bytes.len() / 64).max(1);
            for length in (0..bytes.len()).step_by(step) {
                parse(&bytes[..length]);
            }
        }
    }
}

#[test]
fn every_parser_has_its_target_and_every_target_its_corpus() {
    let parsers: BTreeSet<_> = PARSERS.iter().map(|(name, _)| (*name).to_owned()).collect();
    for folder in ["fuzz_targets", "corpus"] {
        let files = listed(&fuzz().join(folder));
        let names = files.iter().filter_map(|it| it.file_stem()?.to_str());
        let names: BTreeSet<_> = names.map(str::to_owned).collect();
        assert_eq!(names, parsers, "{folder}");
    }
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).expect("it is there");
    for name in parsers {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}
