//! Random policies, people and requests through all three: no answer may differ.
//!
//! `VOW_TEST_TRIPLES` says how many (50,000 unless set) and `VOW_TEST_SEED` where to begin.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};
use std::num::NonZero;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use policy::{Decision, Effect, Enforced, Rulebook, compile, decide};

use crate::case::{Asked, NOW, Person, World};
use crate::cedar::Export;
use crate::dice::Dice;
use crate::file::Policy;
use crate::model::{self, Answer};

const TRIPLES: u64 = 50_000;
const TRIPLES_PER_WORLD: u64 = 250;

/// How often each thing came out, by its name.
type Tally = BTreeMap<&'static str, u64>;

/// A policy read by all three.
struct Read {
    text: String,
    rulebook: Rulebook,
    policy: Policy,
    export: Export,
}

impl Read {
    /// Nothing when the policy does not compile.
    fn new(text: String) -> Option<Self> {
        let rulebook = compile(&text).ok()?;
        let policy = toml::from_str(&text).expect("what compiles is readable");
        let export = Export::new(&rulebook);
        Some(Self {
            text,
            rulebook,
            policy,
            export,
        })
    }
}

#[test]
fn decide_the_model_and_cedar_agree_on_random_triples() {
    let triples = number("VOW_TEST_TRIPLES", TRIPLES);
    let first = number("VOW_TEST_SEED", 1);
    let worlds = triples.div_ceil(TRIPLES_PER_WORLD);
    let tally = explore_all(first..first + worlds);
    let tried = worlds * TRIPLES_PER_WORLD;
    let told = writeln!(io::stdout(), "{tried} triples, no difference: {tally:#?}");
    told.expect("somebody listens");
    for name in OUTCOMES {
        let times = tally.get(name).copied().unwrap_or_default();
        assert!(
            times * 2_000 >= triples,
            "{name} came out {times} times: {tally:#?}"
        );
    }
}

/// Shares the worlds out to the processors.
fn explore_all(seeds: Range<u64>) -> Tally {
    let next = AtomicU64::new(seeds.start);
    let explorer = || {
        let mut tally = Tally::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return tally;
            }
            explore(seed, &mut tally);
        }
    };
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let mut all = Tally::new();
    thread::scope(|scope| {
        let explorers: Vec<_> = (0..processors).map(|_| scope.spawn(explorer)).collect();
        for explorer in explorers {
            for (name, times) in explorer.join().expect("no answer differs") {
                *all.entry(name).or_default() += times;
            }
        }
    });
    all
}

/// What must come out often enough to be tried: at least once in 2,000 triples.
const OUTCOMES: [&str; 31] = [
    "permit",
    "permit by one rule",
    "permit by several clauses",
    "refused by the first policy",
    "refused by the second policy",
    "activities unavailable",
    "CATEGORY_NOT_DECLARED",
    "NOT_VOLUNTARY",
    "PURPOSE_UNKNOWN",
    "PURPOSE_EXCEEDS_CATEGORIES",
    "RECIPIENT_PURPOSE",
    "FIELD_NOT_NECESSARY",
    "RECIPIENT_KIND_UNKNOWN",
    "SALE_FORBIDDEN",
    "AGGREGATE_ONLY",
    "ORDER_REQUIRED",
    "NOT_APPROVED",
    "UNDER_AGE",
    "REGION_NOT_COVERED",
    "FORBIDDEN",
    "NO_RULE",
    "TRANSFER_NOT_AGREED",
    "NOT_ACCEPTED",
    "NO_CONSENT",
    "NOT_CONFIRMED",
    "CONSENT_EXPIRED",
    "CATEGORY_REFUSED",
    "SUBJECT_UNKNOWN",
    "RESTRICTED",
    "QUARANTINED",
    "ERASED",
];

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |it| it.parse().expect("a number"))
}

/// One world: two policies of it, and many people and requests.
fn explore(seed: u64, tally: &mut Tally) {
    let dice = &mut Dice::new(seed);
    let mut world = World::new(dice);
    let mut policies = Vec::new();
    while policies.len() < 2 {
        policies.extend(Read::new(world.policy(dice)));
    }
    for _ in 0..TRIPLES_PER_WORLD {
        let judges: &[&Read] = match dice.below(40) {
            0 => &[],
            1..30 => &[&policies[0]],
            _ => &[&policies[0], &policies[1]],
        };
        let person = (!dice.one_in(16)).then(|| world.person(dice));
        let asked = world.asked(dice);
        compare(seed, judges, person.as_ref(), &asked, tally);
    }
}

fn compare(seed: u64, judges: &[&Read], person: Option<&Person>, asked: &Asked, tally: &mut Tally) {
    let rulebooks: Vec<_> = judges.iter().map(|it| &it.rulebook).collect();
    let policies: Vec<_> = judges.iter().map(|it| &it.policy).collect();
    let entries = person.map(Person::entries).unwrap_or_default();
    let subject = person.map(|it| it.subject(&entries));
    let decision = decide(&rulebooks, subject.as_ref(), &asked.request(), NOW);
    let answer = model::decide(&policies, person, &asked.request(), NOW);
    let case = || {
        let texts: Vec<_> = judges.iter().map(|it| it.text.as_str()).collect();
        format!(
            "seed {seed}\n{}\n{person:#?}\n{asked:#?}",
            texts.join("\n-- and --\n")
        )
    };
    assert_eq!(in_words(&decision), answer, "{}", case());
    let is_permit = decision.effect == Effect::Permit;
    assert_eq!(is_permit, decision.reason.is_none(), "{}", case());
    let verdicts: Vec<_> = judges
        .iter()
        .map(|it| it.export.decide(person, asked))
        .collect();
    let all_permit = !verdicts.is_empty() && verdicts.iter().all(|it| it.is_permit);
    assert_eq!(is_permit, all_permit, "Cedar differs: {}", case());
    if let (true, [verdict]) = (is_permit, &verdicts[..]) {
        let clause = decision.clauses[0];
        let names_it = |id: &String| id.split('#').next() == Some(clause);
        assert!(
            verdict.ids.iter().any(names_it),
            "Cedar names another clause: {}",
            case()
        );
    }
    note(&decision, tally);
}

pub fn in_words(decision: &Decision<'_>) -> Answer {
    let owned = |them: &[&str]| them.iter().map(|it| (*it).to_owned()).collect();
    Answer {
        reason: decision.reason.map(policy::Reason::as_str),
        clauses: owned(&decision.clauses),
        refused_by: decision.refused_by,
        unavailable_activities: owned(&decision.unavailable_activities),
    }
}

fn note(decision: &Decision<'_>, tally: &mut Tally) {
    let mut count = |name| *tally.entry(name).or_default() += 1;
    count(decision.reason.map_or("permit", policy::Reason::as_str));
    match decision.refused_by {
        Some(0) => count("refused by the first policy"),
        Some(_) => count("refused by the second policy"),
        None => {}
    }
    if decision.effect == Effect::Permit {
        let is_one = decision.clauses.len() == 1;
        count(if is_one {
            "permit by one rule"
        } else {
            "permit by several clauses"
        });
    }
    if !decision.unavailable_activities.is_empty() {
        count("activities unavailable");
    }
}

#[test]
fn every_shipped_policy_is_a_valid_cedar_policy() {
    for (name, text) in shipped() {
        let rulebook = compile(&text).expect("a shipped policy compiles");
        let export = Export::new(&rulebook);
        assert_eq!(export.faults(), Vec::<String>::new(), "{name}");
    }
}

/// Rules keep the order of the text, and ids that repeat get numbers: Cedar wants them distinct.
#[test]
fn the_id_of_an_exported_rule_is_the_key_of_its_clause() {
    for (name, text) in shipped() {
        let rulebook = compile(&text).expect("a shipped policy compiles");
        let ids = Export::new(&rulebook).ids();
        let distinct: HashSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len(), "{name}: {ids:?}");
        let is_ground = |key: &str| key.starts_with("vow:");
        let keys: HashSet<_> = ids.iter().map(|it| it.split('#').next().unwrap()).collect();
        for clause in rulebook.clauses() {
            let has_rules = clause.enforced == Enforced::ByRules;
            assert_eq!(
                keys.contains(clause.key.as_str()),
                has_rules,
                "{name}: {}",
                clause.key
            );
        }
        let clauses: HashSet<_> = rulebook
            .clauses()
            .iter()
            .map(|it| it.key.as_str())
            .collect();
        assert!(
            keys.iter().all(|it| is_ground(it) || clauses.contains(it)),
            "{keys:?}"
        );
    }
}

/// The policies of the repository, by file name.
fn shipped() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies");
    let files = std::fs::read_dir(folder).expect("the folder of policies");
    let files = files.map(|it| it.expect("a file").path());
    let toml = files.filter(|it| it.extension().is_some_and(|it| it == "toml"));
    let read = toml.map(|it| {
        (
            it.display().to_string(),
            std::fs::read_to_string(&it).expect("a text"),
        )
    });
    read.collect()
}
