//! The span of an SQL statement, made in a sampled trace only: what it does to which table, never a value.

use std::time::Duration;

use client::{clock, context};
use opentelemetry::{
    Context, KeyValue,
    trace::{Span, SpanKind, Status, TraceContextExt, Tracer},
};
use sea_orm::{DatabaseBackend, DatabaseConnection};

const OPERATIONS: [&str; 5] = ["SELECT", "INSERT", "UPDATE", "DELETE", "PRAGMA"];

/// Makes a span of every statement that runs on the connection from now on.
pub(super) fn trace(connection: &mut DatabaseConnection) {
    connection.set_metric_callback(|it| {
        let statement = it.statement;
        ended(&statement.sql, statement.db_backend, it.elapsed, it.failed);
    });
}

/// The span of a statement that took so long and has just ended, below the call that it served.
fn ended(sql: &str, backend: DatabaseBackend, elapsed: Duration, failed: bool) {
    let Some(call) = context::current().filter(|it| it.span.is_sampled()) else {
        return;
    };
    let system = match backend {
        DatabaseBackend::Postgres => "postgresql",
        _ => "sqlite",
    };
    let (operation, table) = summary(sql);
    let mut attributes = vec![
        KeyValue::new("db.system.name", system),
        KeyValue::new("db.operation.name", operation),
    ];
    let name = match table {
        Some(table) => format!("{operation} {table}"),
        None => operation.to_owned(),
    };
    attributes.push(KeyValue::new("db.query.summary", name.clone()));
    attributes.extend(table.map(|it| KeyValue::new("db.collection.name", it.to_owned())));
    if failed {
        // What the driver says may hold a value.
        attributes.push(KeyValue::new("error.type", "_OTHER"));
    }
    let now = clock::now();
    let builder = call
        .tracer
        .span_builder(name)
        .with_kind(SpanKind::Client)
        .with_start_time(now.checked_sub(elapsed).unwrap_or(now))
        .with_attributes(attributes);
    let parent = Context::new().with_remote_span_context(call.span.clone());
    let mut span = call.tracer.build_with_context(builder, &parent);
    if failed {
        span.set_status(Status::error(""));
    }
    span.end_with_timestamp(now);
}

/// What a statement does, and to which table. Values are bound apart from the text; even so, nothing
/// of it is repeated but a listed word and the one name that stands where a table is named.
fn summary(sql: &str) -> (&'static str, Option<&str>) {
    let is_in_a_word = |it: char| it.is_ascii_alphanumeric() || it == '_';
    let words: Vec<&str> = sql
        .split(|it| !is_in_a_word(it))
        .filter(|it| !it.is_empty())
        .collect();
    let known = |word: &str| {
        let mut operations = OPERATIONS.iter();
        operations.find(|it| it.eq_ignore_ascii_case(word)).copied()
    };
    let Some(operation) = words.first().and_then(|it| known(it)) else {
        return ("OTHER", None);
    };
    let before = match operation {
        "SELECT" | "DELETE" => "FROM",
        "INSERT" => "INTO",
        "UPDATE" => "UPDATE",
        _ => return (operation, None),
    };
    let mut pairs = words.windows(2);
    // After FROM there may stand another SELECT, or the arrays of keys, and the table after that one's FROM.
    let is_table = |it: &str| known(it).is_none() && it != "UNNEST";
    let table = pairs.find(|it| it[0].eq_ignore_ascii_case(before) && is_table(it[1]));
    (operation, table.map(|it| it[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_known_by_its_operation_and_its_table() {
        for (sql, expected) in [
            (
                r#"SELECT "subjects"."tenant" FROM "subjects" WHERE "tenant" = $1"#,
                ("SELECT", Some("subjects")),
            ),
            (
                r#"INSERT INTO "data_keys" ("tenant") VALUES (?) ON CONFLICT DO NOTHING"#,
                ("INSERT", Some("data_keys")),
            ),
            (
                r#"UPDATE "orders" SET "state" = ?"#,
                ("UPDATE", Some("orders")),
            ),
            (
                "delete from requests where at < $1",
                ("DELETE", Some("requests")),
            ),
            (
                "SELECT COUNT(*) FROM (SELECT id FROM notes) AS it",
                ("SELECT", Some("notes")),
            ),
            (
                "SELECT it.* FROM UNNEST($1::text[]) AS given (id) CROSS JOIN LATERAL (SELECT * FROM notes) AS it",
                ("SELECT", Some("notes")),
            ),
            ("PRAGMA wal_checkpoint(TRUNCATE)", ("PRAGMA", None)),
            ("canary 'canary@example.org'", ("OTHER", None)),
            ("", ("OTHER", None)),
        ] {
            assert_eq!(summary(sql), expected, "{sql}");
        }
    }
}
