//! What goes wrong with a database, and what a caller can do about it.

use std::io;

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
}

/// Whether the database does not answer or cannot take more now, so that the same call may work
/// later. It is never the answer to a question: refuse.
pub fn is_unavailable(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => true,
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
            match error.as_ref() {
                Error::Io(_) | Error::Tls(_) | Error::Protocol(_) => true,
                Error::PoolTimedOut | Error::PoolClosed | Error::WorkerCrashed => true,
                error => {
                    sqlite_code(error).is_some_and(is_sqlite_unavailable)
                        || postgres_code(error).is_some_and(is_postgres_unavailable)
                }
            }
        }
        _ => false,
    }
}

/// Whether PostgreSQL ended the transaction because it collided with another; trying again helps.
pub fn is_lost_race(error: &DbErr) -> bool {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
            // serialization_failure, deadlock_detected
            matches!(postgres_code(error), Some("40001" | "40P01"))
        }
        _ => false,
    }
}

fn postgres_code(error: &Error) -> Option<&str> {
    let error = error
        .as_database_error()?
        .try_downcast_ref::<PgDatabaseError>()?;
    Some(error.code())
}

fn sqlite_code(error: &Error) -> Option<i32> {
    let error = error.as_database_error()?;
    error.try_downcast_ref::<SqliteError>()?;
    error.code()?.parse().ok()
}

/// By class (PostgreSQL, appendix A): connection, resources, operator's intervention, system error;
/// and the two ways in which a statement waits too long.
fn is_postgres_unavailable(code: &str) -> bool {
    matches!(code.get(..2), Some("08" | "53" | "57" | "58")) || code == "55P03"
}

/// The low byte is the primary code: busy, locked, I/O error, full, cannot open.
fn is_sqlite_unavailable(code: i32) -> bool {
    matches!(code & 0xff, 5 | 6 | 10 | 13 | 14)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_unavailable() {
        for (code, unavailable) in [
            ("08006", true),
            ("53300", true),
            ("57014", true),
            ("57P01", true),
            ("58030", true),
            ("55P03", true),
            ("55006", false),
            ("23505", false),
            ("40001", false),
            ("42P01", false),
            ("", false),
        ] {
            assert_eq!(is_postgres_unavailable(code), unavailable, "{code}");
        }
        for (code, unavailable) in [(5, true), (261, true), (10, true), (13, true), (14, true)] {
            assert_eq!(is_sqlite_unavailable(code), unavailable, "{code}");
        }
        for (code, unavailable) in [(1, false), (8, false), (11, false), (2067, false)] {
            assert_eq!(is_sqlite_unavailable(code), unavailable, "{code}");
        }
        assert!(!is_unavailable(&DbErr::RecordNotInserted));
    }
}
