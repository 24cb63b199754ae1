//! What goes wrong with a database, and what a caller can do about it.

use std::{borrow::Cow, io};

use sea_orm::{DbErr, RuntimeErr};
use sqlx::{Error, migrate::MigrateError, postgres::PgDatabaseError, sqlite::SqliteError};

/// Why a database cannot be opened. Nothing of it repeats the URL.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The URL is neither SQLite's nor PostgreSQL's, or cannot be read.
    #[error("the database URL is not of the form sqlite:///file or postgres://host/database")]
    Url,
    /// The SQLite file cannot be created.
    #[error("the database file cannot be opened")]
    File(#[source] io::Error),
    /// Another process has the SQLite file.
    #[error("another process has this database")]
    Taken,
    /// The database does not answer.
    #[error("the database does not answer")]
    Connect(#[source] Error),
    /// The database cannot be brought to this version, or was migrated by something else.
    #[error("the database cannot be migrated")]
    Migrate(#[source] MigrateError),
    /// Nobody else can migrate an SQLite file that this process has.
    #[error("an SQLite file is migrated by the process that has it, and not waited for")]
    NobodyElse,
    /// SQLite has no roles.
    #[error("only PostgreSQL has roles")]
    NoRoles,
    /// The role cannot be given its rights.
    #[error("the runtime role cannot be given its rights")]
    Grant(#[source] Error),
}

/// What a failed statement means for whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseFailure {
    /// The database does not answer or cannot take more now, so that the same call may work later.
    /// It is never the answer to a question: refuse.
    Unavailable,
    /// PostgreSQL ended the transaction because it collided with another; trying again helps.
    LostRace,
    /// There is such a row already.
    Unique,
    /// Anything else: a mistake of ours, or damage.
    Broken,
}

/// What the failure means, and a line in the log with the database's own code for it. Its words
/// are written nowhere: they may quote a statement's values.
pub fn failure(error: &DbErr) -> DatabaseFailure {
    let failure = classify(error);
    let code = code(error).unwrap_or_default();
    let code = code.as_ref();
    match failure {
        DatabaseFailure::Unavailable => tracing::warn!(code, "the database is not available"),
        DatabaseFailure::LostRace => tracing::info!(code, "a transaction lost a race"),
        DatabaseFailure::Unique => tracing::debug!(code, "a row was there already"),
        DatabaseFailure::Broken => tracing::error!(code, "the database refused a statement"),
    }
    failure
}

/// Whether the failure is [`DatabaseFailure::Unavailable`].
pub fn is_unavailable(error: &DbErr) -> bool {
    classify(error) == DatabaseFailure::Unavailable
}

/// Whether the failure is [`DatabaseFailure::LostRace`].
pub fn is_lost_race(error: &DbErr) -> bool {
    classify(error) == DatabaseFailure::LostRace
}

fn classify(error: &DbErr) -> DatabaseFailure {
    if matches!(error, DbErr::ConnectionAcquire(_) | DbErr::Conn(_)) {
        return DatabaseFailure::Unavailable;
    }
    match driver_error(error) {
        Some(Error::Io(_) | Error::Tls(_) | Error::Protocol(_)) => DatabaseFailure::Unavailable,
        Some(Error::PoolTimedOut | Error::PoolClosed | Error::WorkerCrashed) => {
            DatabaseFailure::Unavailable
        }
        Some(Error::Database(error)) => {
            let code = error.code().unwrap_or_default();
            if error.try_downcast_ref::<PgDatabaseError>().is_some() {
                of_postgres(&code)
            } else if error.try_downcast_ref::<SqliteError>().is_some() {
                code.parse().map_or(DatabaseFailure::Broken, of_sqlite)
            } else {
                DatabaseFailure::Broken
            }
        }
        _ => DatabaseFailure::Broken,
    }
}

/// The SQLSTATE of PostgreSQL, or SQLite's extended result code.
fn code(error: &DbErr) -> Option<Cow<'_, str>> {
    driver_error(error)?.as_database_error()?.code()
}

fn driver_error(error: &DbErr) -> Option<&Error> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => Some(error.as_ref()),
        _ => None,
    }
}

/// By SQLSTATE (PostgreSQL, appendix A).
fn of_postgres(code: &str) -> DatabaseFailure {
    match code {
        // serialization_failure, deadlock_detected
        "40001" | "40P01" => DatabaseFailure::LostRace,
        // unique_violation
        "23505" => DatabaseFailure::Unique,
        // lock_not_available: a statement waited too long.
        "55P03" => DatabaseFailure::Unavailable,
        // idle_in_transaction_session_timeout: we held up others and were cut off.
        "25P03" => DatabaseFailure::Unavailable,
        // read_only_sql_transaction: after a failover this is no longer the server that writes.
        "25006" => DatabaseFailure::Unavailable,
        // feature_not_supported: what a connection says whose plans another replica's migration
        // has made old. We ask for no feature that is missing.
        "0A000" => DatabaseFailure::Unavailable,
        // By class: connection, resources, operator's intervention (cancelled, shutting down,
        // starting up), system error.
        _ if matches!(code.get(..2), Some("08" | "53" | "57" | "58")) => {
            DatabaseFailure::Unavailable
        }
        _ => DatabaseFailure::Broken,
    }
}

/// By result code (SQLite, "Result and Error Codes"); the low byte is the primary code.
fn of_sqlite(code: i32) -> DatabaseFailure {
    match (code, code & 0xff) {
        // SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE
        (1555 | 2067, _) => DatabaseFailure::Unique,
        // busy, locked, I/O error, full, cannot open
        (_, 5 | 6 | 10 | 13 | 14) => DatabaseFailure::Unavailable,
        _ => DatabaseFailure::Broken,
    }
}

#[cfg(test)]
mod tests {
    use DatabaseFailure::{Broken, LostRace, Unavailable, Unique};

    use super::*;

    #[test]
    fn each_code_has_its_meaning() {
        for (code, meaning) in [
            ("08006", Unavailable),
            ("53300", Unavailable),
            ("57014", Unavailable),
            ("57P01", Unavailable),
            ("57P03", Unavailable),
            ("58030", Unavailable),
            ("55P03", Unavailable),
            ("25P03", Unavailable),
            ("25006", Unavailable),
            ("0A000", Unavailable),
            ("40001", LostRace),
            ("40P01", LostRace),
            ("23505", Unique),
            ("23503", Broken),
            ("25001", Broken),
            ("40002", Broken),
            ("55006", Broken),
            ("42P01", Broken),
            ("", Broken),
        ] {
            assert_eq!(of_postgres(code), meaning, "{code}");
        }
        for (code, meaning) in [
            (5, Unavailable),
            (261, Unavailable),
            (6, Unavailable),
            (10, Unavailable),
            (13, Unavailable),
            (14, Unavailable),
            (1555, Unique),
            (2067, Unique),
            (1, Broken),
            (8, Broken),
            (11, Broken),
            (19, Broken),
        ] {
            assert_eq!(of_sqlite(code), meaning, "{code}");
        }
    }

    #[test]
    fn a_failure_that_no_driver_reports_is_a_mistake() {
        assert_eq!(failure(&DbErr::RecordNotInserted), Broken);
        assert!(!is_unavailable(&DbErr::RecordNotInserted));
        assert!(!is_lost_race(&DbErr::RecordNotInserted));
    }
}
