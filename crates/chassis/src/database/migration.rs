//! The schema in the order it came about, as SQL.

use std::borrow::Cow;

use sqlx::{
    SqlSafeStr,
    migrate::{Migrate, Migration as Step, MigrationType, Migrator},
};

use super::{DatabaseError, Kind};

/// One step of a schema. Once shipped it is never edited: a checksum finds out.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Its place in the order, unique within its set.
    pub version: i64,
    /// What it brings.
    pub name: &'static str,
    /// The statements.
    pub sql: Sql,
}

/// The statements of a step.
#[derive(Clone, Copy, Debug)]
pub enum Sql {
    /// The same for both databases. Types that both know: TEXT, BIGINT, BYTEA, UUID, BOOLEAN.
    Same(&'static str),
    /// What has no words in common.
    Apart {
        /// What SQLite runs.
        sqlite: &'static str,
        /// What PostgreSQL runs.
        postgres: &'static str,
    },
}

impl Sql {
    fn of(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Self::Same(text), _) => text,
            (Self::Apart { sqlite, .. }, Kind::Sqlite) => sqlite,
            (Self::Apart { postgres, .. }, Kind::Postgres) => postgres,
        }
    }
}

pub(super) fn migrator(migrations: &[Migration], table: &str, kind: Kind) -> Migrator {
    let step = |it: &Migration| {
        let name = Cow::Borrowed(it.name);
        Step::new(
            it.version,
            name,
            MigrationType::Simple,
            it.sql.of(kind).into_sql_str(),
            false,
        )
    };
    let mut migrator = Migrator::with_migrations(migrations.iter().map(step).collect());
    migrator.dangerous_set_table_name(table.to_owned());
    // A replica of the version before must be able to restart while this one is rolled out.
    migrator.set_ignore_missing(true);
    migrator
}

/// Applies what is not applied yet, after comparing what is with its checksum.
pub(super) async fn run(
    migrator: &Migrator,
    connection: &mut impl Migrate,
) -> Result<(), DatabaseError> {
    // Not `Migrator::run`: its generic bounds keep the future from being sent between threads.
    let migrated = migrator.run_direct(None, connection, false).await;
    migrated.map_err(DatabaseError::Migrate)
}
