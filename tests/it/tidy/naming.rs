//! Who may name what: the rooms of a service and of the crates, and the words that stop at their doors.

use super::{
    code,
    tree::{File, Finding},
};

/// Files of the services that only keep something going. They wait and call, and decide nothing.
const TASKS: &[&str] = &[
    "services/consent/src/follow.rs",
    "services/consent/src/outbox.rs",
    "services/consent/src/watch.rs",
    "services/disclosure-audit/src/publication.rs",
    "services/disclosure-audit/src/publication/growth.rs",
    "services/disclosure-audit/src/publication/metrics.rs",
    "services/disclosure-audit/src/recorder.rs",
    "services/disclosure-audit/src/shredding.rs",
    "services/disclosure-audit/src/signer.rs",
    "services/disclosure-audit/src/sweep.rs",
    "services/disclosure-audit/src/tile_port.rs",
    "services/disclosure-audit/src/tile_store.rs",
    "services/disclosure-audit/src/witnesses.rs",
    "services/identity/src/saga.rs",
    "services/identity/src/sweep.rs",
    "services/payments-data/src/closing.rs",
];

/// The one file that reads the clock; everything else is told what time it is.
const CLOCK: &str = "crates/client/src/clock.rs";

/// Files that know how long something may take or took, which is not the time of day.
const MEASURERS: &[&str] = &[
    "crates/chassis/src/database.rs",
    "crates/chassis/src/door.rs",
    "crates/client/src/balancer.rs",
    "crates/client/src/connection.rs",
    "crates/client/src/context.rs",
    "crates/client/src/follow.rs",
    "crates/client/src/observer.rs",
    "services/consent/src/follow.rs",
    "services/disclosure-audit/src/tile_store.rs",
    "services/disclosure-audit/src/witnesses.rs",
    "services/vow/src/verify/log.rs",
];

/// Where the ground keeps data, where the tests look into its files, and the bare database that the
/// log is measured beside.
const GROUND_MEMORY: &[&str] = &[
    "tests/it/suite/sqlite",
    "tests/load/src/bench",
    "crates/chassis/src/database",
    "crates/chassis/src/key_store",
    "crates/chassis/src/requests",
];

/// Service, and the services it may call: those it stands on.
const CALLS: &[(&str, &[&str])] = &[
    ("disclosure-audit", &[]),
    ("consent", &["disclosure-audit"]),
    ("payments-data", &["consent", "disclosure-audit"]),
    (
        "identity",
        &["payments-data", "consent", "disclosure-audit"],
    ),
];

/// The part a file plays.
#[derive(PartialEq, Eq)]
enum Room {
    /// A crate without input, output, async or clock.
    Pure,
    /// A service's door: it parses, asks and answers.
    Door,
    /// A service's memory.
    Memory,
    /// A service's background work.
    Task,
    /// What a thing is, and what may happen to it: every other file of a service.
    Rule,
    /// Neither a pure crate nor one of the four services.
    Outside,
}

fn room(path: &str) -> Room {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["crates", "policy" | "vault" | "ledger" | "grant", ..] => Room::Pure,
        ["services", "vow", ..] => Room::Outside,
        ["services", _, "src", "store" | "store.rs", ..] => Room::Memory,
        ["services", _, "src", "api" | "api.rs", ..] => Room::Door,
        ["services", _, "src", "lib.rs" | "error.rs" | "peers.rs"] => Room::Door,
        ["services", _, "src", ..] if TASKS.contains(&path) => Room::Task,
        ["services", _, "src", ..] => Room::Rule,
        _ => Room::Outside,
    }
}

/// The database's words outside a store and the ground's memory.
pub(super) fn database(file: &File) -> Vec<Finding> {
    let is_ground = GROUND_MEMORY.iter().any(|memory| {
        let rest = file.path.strip_prefix(memory);
        rest.is_some_and(|it| it.starts_with(".rs") || it.starts_with('/'))
    });
    if is_ground || room(&file.path) == Room::Memory {
        return Vec::new();
    }
    let advice = "only store files and the ground's memory name the database: ask a store method";
    file.findings(code::lines_naming(&file.code, &["sea_orm", "sqlx"]), advice)
}

/// gRPC and protobuf behind the door.
pub(super) fn wire(file: &File) -> Vec<Finding> {
    if !matches!(room(&file.path), Room::Memory | Room::Rule | Room::Pure) {
        return Vec::new();
    }
    let words = [
        "tonic",
        "tonic_types",
        "prost",
        "prost_types",
        "proto::",
        "use proto",
    ];
    let advice = "the wire stops at the door: take and give domain types, translate in api";
    file.findings(code::lines_naming(&file.code, &words), advice)
}

/// Async where nothing may be waited for.
pub(super) fn waiting(file: &File) -> Vec<Finding> {
    if !matches!(room(&file.path), Room::Rule | Room::Pure) {
        return Vec::new();
    }
    let advice = "a rule waits for nothing: gather in api or peers first, then ask the rule \
                  (background work is named in TASKS of tests/it/tidy/naming.rs)";
    let lines = code::lines_naming(&file.code, &["async", "await", "tokio"]);
    // Where one line waits most do; the first says enough.
    file.findings(lines.into_iter().take(1), advice)
}

/// Randomness in a rule.
pub(super) fn randomness(file: &File) -> Vec<Finding> {
    if room(&file.path) != Room::Rule && !file.path.starts_with("crates/policy/") {
        return Vec::new();
    }
    let words = ["new_v4", "rand", "getrandom", "thread_rng", "SystemRandom"];
    let advice = "a rule gives the same answer twice: take the random value as an argument";
    file.findings(code::lines_naming(&file.code, &words), advice)
}

/// The time of day, read anywhere but in the one place, or asked for by a rule.
pub(super) fn clock(file: &File) -> Vec<Finding> {
    if file.path == CLOCK || !is_product(file) {
        return Vec::new();
    }
    let mut words = vec![
        "SystemTime::now",
        "now_utc",
        "now_local",
        "UtcDateTime::now",
        "chrono",
    ];
    if matches!(room(&file.path), Room::Rule | Room::Pure) {
        words.extend(["now_ms()", "now_seconds()"]);
    }
    let advice = format!("only {CLOCK} reads the clock: take `now` as an argument");
    file.findings(
        code::lines_naming(code::before_tests(&file.code), &words),
        &advice,
    )
}

/// Durations measured where nobody expects it.
pub(super) fn measuring(file: &File) -> Vec<Finding> {
    if MEASURERS.contains(&file.path.as_str()) || !is_product(file) {
        return Vec::new();
    }
    let advice = "take the instant as an argument, or name this file in MEASURERS of \
                  tests/it/tidy/naming.rs";
    file.findings(
        code::lines_naming(code::before_tests(&file.code), &["Instant::now"]),
        advice,
    )
}

/// A service's client in a service that does not stand on it.
pub(super) fn calls(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (caller, may_call) in CALLS {
        if !file.path.starts_with(&format!("services/{caller}/")) {
            continue;
        }
        for (other, _) in CALLS.iter().filter(|(other, _)| !may_call.contains(other)) {
            let client = format!("{}_service_client", other.replace('-', "_"));
            let advice =
                format!("{caller} does not call {other}: calls run one way, as CALLS says");
            findings.extend(file.findings(code::lines_naming(&file.code, &[&client]), &advice));
        }
    }
    findings
}

/// Exceptions named above that are files no more.
pub(super) fn stale_exceptions(files: &[File]) -> Vec<Finding> {
    let named = TASKS.iter().chain(MEASURERS).chain([&CLOCK]);
    named
        .filter(|path| !files.iter().any(|file| file.path == **path))
        .map(|path| {
            Finding::new(
                path,
                1,
                "there is no such file: strike it off in tidy/naming.rs",
            )
        })
        .collect()
}

/// Whether the file is part of what is shipped; the tests outside have their own time.
fn is_product(file: &File) -> bool {
    file.path.starts_with("crates/") || file.path.starts_with("services/")
}

#[cfg(test)]
mod tests {
    use super::{super::planted, *};

    const RULE: &str = "services/consent/src/consent.rs";
    const DOOR: &str = "services/consent/src/api/watch.rs";
    const STORE: &str = "services/consent/src/store/changes.rs";
    const TASK: &str = "services/consent/src/outbox.rs";
    const PURE: &str = "crates/ledger/src/tile.rs";
    const GROUND: &str = "crates/chassis/src/server.rs";

    /// Each path with whether the check finds the planted text there.
    fn found_in(check: fn(&File) -> Vec<Finding>, text: &str, places: &[(&str, bool)]) {
        for (path, is_found) in places {
            let expected: &[usize] = if *is_found { &[2] } else { &[] };
            assert_eq!(
                planted(check, path, &format!("//! A file.\n{text}\n")),
                expected,
                "{path}"
            );
        }
    }

    #[test]
    fn a_database_outside_memory_is_found() {
        let places = [
            (RULE, true),
            (DOOR, true),
            (PURE, true),
            (GROUND, true),
            ("services/vow/src/up.rs", true),
            ("crates/chassis/src/databases.rs", true),
            (STORE, false),
            ("services/consent/src/store.rs", false),
            ("crates/chassis/src/database.rs", false),
            ("crates/chassis/src/key_store/destroy.rs", false),
        ];
        found_in(database, "use sea_orm::DbErr;", &places);
        found_in(database, "fn rows() -> sqlx::Pool {}", &places);
        found_in(database, "// sqlx would do", &[(RULE, false)]);
    }

    #[test]
    fn the_wire_behind_the_door_is_found() {
        let places = [
            (RULE, true),
            (STORE, true),
            (PURE, true),
            (DOOR, false),
            (TASK, false),
            (GROUND, false),
        ];
        found_in(wire, "use tonic::Status;", &places);
        found_in(wire, "use proto::{", &places);
        found_in(wire, "use proto as pb;", &places);
        found_in(wire, "fn of(it: prost::bytes::Bytes) {}", &places);
        found_in(
            wire,
            "use opentelemetry_proto::tonic_like;",
            &[(RULE, false)],
        );
    }

    #[test]
    fn waiting_in_a_rule_is_found() {
        let places = [
            (RULE, true),
            (PURE, true),
            (DOOR, false),
            (STORE, false),
            (TASK, false),
        ];
        found_in(waiting, "pub async fn decide() {}", &places);
        found_in(waiting, "use tokio::sync::watch;", &places);
    }

    #[test]
    fn randomness_in_a_rule_is_found() {
        let places = [
            (RULE, true),
            ("crates/policy/src/decide.rs", true),
            (DOOR, false),
            (STORE, false),
            ("crates/vault/src/key.rs", false),
        ];
        found_in(randomness, "let id = Uuid::new_v4();", &places);
        found_in(randomness, "use aws_lc_rs::rand;", &places);
    }

    #[test]
    fn a_second_clock_is_found() {
        let places = [(RULE, true), (DOOR, true), (GROUND, true), (CLOCK, false)];
        found_in(clock, "let now = SystemTime::now();", &places);
        found_in(clock, "let now = OffsetDateTime::now_utc();", &places);
        found_in(clock, "use chrono::Utc;", &places);
        let asks = [(RULE, true), (PURE, true), (DOOR, false), (TASK, false)];
        found_in(clock, "let now = chassis::now_ms();", &asks);
        found_in(clock, "fn decide(now_ms: u64) {}", &[(RULE, false)]);
        found_in(
            clock,
            "let now = SystemTime::now();",
            &[("tests/it/suite/mod.rs", false)],
        );
        let in_tests = "//! A.\n#[cfg(test)]\nmod tests {\nSystemTime::now();\n}";
        assert!(planted(clock, GROUND, in_tests).is_empty());
    }

    #[test]
    fn measuring_in_an_unnamed_file_is_found() {
        let places = [(RULE, true), (GROUND, true), (MEASURERS[0], false)];
        found_in(measuring, "let start = Instant::now();", &places);
        found_in(
            measuring,
            "let start = tokio::time::Instant::now();",
            &places,
        );
    }

    #[test]
    fn a_call_against_the_stream_is_found() {
        let peers = |service: &str| format!("services/{service}/src/peers.rs");
        for (caller, other, is_found) in [
            ("disclosure-audit", "consent", true),
            ("consent", "identity", true),
            ("consent", "disclosure_audit", false),
            ("payments-data", "identity", true),
            ("payments-data", "consent", false),
            ("identity", "payments_data", false),
        ] {
            let text = format!("use proto::{other}::{other}_service_client::Client;");
            found_in(calls, &text, &[(&peers(caller), is_found)]);
        }
    }

    #[test]
    fn an_exception_without_its_file_is_found() {
        let named = || TASKS.iter().chain(MEASURERS).chain([&CLOCK]);
        let all: Vec<File> = named().map(|path| File::new(path, "")).collect();
        assert!(stale_exceptions(&all).is_empty());
        assert_eq!(stale_exceptions(&all[..all.len() - 1]).len(), 1);
    }
}
