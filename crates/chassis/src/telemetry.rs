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
const FIELDS: [&str; 14] = [
    "message", "address", "attempt", "code", "count", "error", "line", "method", "reason",
    "revision", "service", "signal", "task", "tenant",
];

/// The targets whose words are ours. What a library says may hold values, a statement's for example.
const OWN_TARGETS: [&str; 12] = [
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
    "it",
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
        tracing_subscriber::registry()
            .with(Lines { program }.with_filter(filter))
            .try_init()?;
        panic::set_hook(Box::new(log_panic));
        Ok(Telemetry(()))
    }
}

/// Only where: what a panic says may hold the value that caused it.
fn log_panic(panic: &panic::PanicHookInfo<'_>) {
    let place = panic.location().map(|it| (it.file(), it.line()));
    let (file, line) = place.unwrap_or_default();
    tracing::error!(code = file, line, "panicked");
}

struct Lines {
    program: &'static str,
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
        let mut text = Value::Object(line).to_string();
        text.push('\n');
        // One write for one line, so that lines of several threads do not mix. When standard error
        // is gone there is nobody left to tell.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
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
    use super::*;

    #[test]
    fn only_our_own_words_are_written() {
        for (target, own) in [
            ("identity", true),
            ("payments_data::store", true),
            ("sqlx::query", false),
            ("identity_stolen", false),
            ("", false),
        ] {
            assert_eq!(is_own(target), own, "{target}");
        }
    }
}
