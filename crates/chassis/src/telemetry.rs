//! Logs: JSON lines on standard error, in which only fields that we chose can appear.

use std::{fmt, io::Write, panic};

use anyhow::Context as _;
use client::{clock::now_ms, context};
use serde_json::{Map, Value};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    EnvFilter, Layer,
    layer::{Context, SubscriberExt},
    util::SubscriberInitExt,
};

/// The fields that may be written. A value under any other name stays out, so that a careless line
/// cannot carry a person's data. None of these ever holds any.
const FIELDS: [&str; 12] = [
    "message", "code", "count", "error", "file", "line", "method", "reason", "revision", "service",
    "signal", "tenant",
];

/// The targets whose words are ours. What a library says may hold values, of a statement maybe.
const OWN_TARGETS: [&str; 11] = [
    "chassis",
    "client",
    "consent",
    "disclosure_audit",
    "grant",
    "identity",
    "ledger",
    "payments_data",
    "policy",
    "vault",
    "vow",
];

/// The variable that sets which of our own lines are written, such as `vow=debug`.
const FILTER_VARIABLE: &str = "VOW_LOG";

/// The logs of this program.
#[derive(Debug)]
pub struct Telemetry(());

impl Telemetry {
    /// Starts the logs, once per program. `program` is in every line.
    pub fn start(program: &'static str) -> anyhow::Result<Telemetry> {
        let filter = EnvFilter::builder()
            .with_default_directive(Level::INFO.into())
            .with_env_var(FILTER_VARIABLE)
            .from_env()
            .context("VOW_LOG is malformed")?;
        let lines = Lines {
            program,
            write: write_line,
        };
        tracing_subscriber::registry()
            .with(lines.with_filter(filter))
            .try_init()?;
        panic::set_hook(Box::new(log_panic));
        Ok(Telemetry(()))
    }
}

/// Only where: what a panic says may hold the value that caused it.
fn log_panic(panic: &panic::PanicHookInfo<'_>) {
    let place = panic.location().map(|it| (it.file(), it.line()));
    let (file, line) = place.unwrap_or_default();
    tracing::error!(file, line, "panicked");
}

/// Writes an event as one line of JSON.
struct Lines {
    program: &'static str,
    write: fn(&str),
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let own = is_own(metadata.target());
        if !own && *metadata.level() > Level::WARN {
            return;
        }
        let mut line = Map::new();
        line.insert("at_ms".to_owned(), now_ms().into());
        line.insert("level".to_owned(), metadata.level().as_str().into());
        line.insert("program".to_owned(), self.program.into());
        line.insert("target".to_owned(), metadata.target().into());
        if let Some(trace_id) = context::trace_id() {
            line.insert("trace_id".to_owned(), trace_id.into());
        }
        if own {
            event.record(&mut Fields(&mut line));
        }
        (self.write)(&Value::Object(line).to_string());
    }
}

fn write_line(line: &str) {
    // One write for one line, so that the lines of several threads do not mix. When standard error
    // is gone there is nobody left to tell.
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

fn is_own(target: &str) -> bool {
    let root = target.split("::").next().unwrap_or_default();
    OWN_TARGETS.contains(&root)
}

struct Fields<'a>(&'a mut Map<String, Value>);

impl Fields<'_> {
    fn insert(&mut self, field: &Field, value: Value) {
        if FIELDS.contains(&field.name()) {
            self.0.insert(field.name().to_owned(), value);
        }
    }
}

impl Visit for Fields<'_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.insert(field, format!("{value:?}").into());
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tracing::subscriber::with_default;

    use super::*;

    thread_local! {
        static WRITTEN: RefCell<Vec<Value>> = const { RefCell::new(Vec::new()) };
    }

    /// The lines that `speak` writes.
    fn lines(speak: impl FnOnce()) -> Vec<Value> {
        let write = |line: &str| {
            let line = serde_json::from_str(line).expect("a line is JSON");
            WRITTEN.with_borrow_mut(|it| it.push(line));
        };
        let lines = Lines {
            program: "it",
            write,
        };
        with_default(tracing_subscriber::registry().with(lines), speak);
        WRITTEN.take()
    }

    #[test]
    fn a_line_holds_its_words_and_the_listed_fields_only() {
        let lines = lines(|| {
            let email = "canary@example.org";
            tracing::warn!(target: "identity::store", count = 3, email, who = email, "it failed");
        });
        let [line] = lines.as_slice() else {
            panic!("one event is one line")
        };
        assert_eq!(line["message"], "it failed");
        assert_eq!(line["count"], 3);
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["program"], "it");
        assert!(!line.to_string().contains("canary"));
    }

    #[test]
    fn of_a_library_only_its_name_is_repeated_and_only_when_it_warns() {
        let lines = lines(|| {
            tracing::info!(target: "sqlx::query", "SELECT canary");
            tracing::error!(target: "sqlx::query", error = "canary", "SELECT canary");
            tracing::error!(target: "identity_stolen", "canary");
        });
        let targets: Vec<_> = lines.iter().map(|it| it["target"].as_str()).collect();
        assert_eq!(targets, [Some("sqlx::query"), Some("identity_stolen")]);
        assert!(lines.iter().all(|it| !it.to_string().contains("canary")));
    }

    #[test]
    fn a_panic_is_told_by_its_place() {
        let lines = lines(|| {
            panic::set_hook(Box::new(log_panic));
            let _ = panic::catch_unwind(|| panic!("canary"));
            let _ = panic::take_hook();
        });
        let [line] = lines.as_slice() else {
            panic!("one panic is one line")
        };
        assert_eq!(line["file"], file!());
        assert!(!line.to_string().contains("canary"));
    }
}
