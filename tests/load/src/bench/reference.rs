//! What the log is held against: a bare database that inserts the rows of its entries and does nothing else.

use std::{
    path::Path,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use sqlx::{
    AssertSqlSafe, PgPool, SqlitePool,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use uuid::Uuid;

use super::{
    entries::{self, Row},
    ground::{Ground, Store},
    statistics::Random,
};

const SEALED_LENGTH: &str = "SELECT CAST(avg(length(sealed)) AS BIGINT) FROM entries";
const SCHEMA_POSTGRES: &str = "CREATE SCHEMA reference; \
     CREATE TABLE reference.entries (LIKE public.entries INCLUDING ALL)";
const SQLITE_SCHEMA: &str =
    "SELECT sql FROM sqlite_master WHERE tbl_name = 'entries' AND sql IS NOT NULL";

/// A table like that of the log's entries, with its indexes.
#[derive(Clone)]
pub struct Reference {
    database: Database,
    next: Arc<AtomicI64>,
    /// As long as what the log seals.
    sealed: Arc<Vec<u8>>,
}

#[derive(Clone)]
enum Database {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

impl Reference {
    /// Makes the table as the suite's own stands now, and a connection for each caller. SQLite has
    /// one writer, so there callers share one.
    pub async fn open(ground: &Ground, callers: u32) -> anyhow::Result<Self> {
        let (database, length) = match ground.store {
            Store::Postgres => postgres(&ground.log_database(), callers).await?,
            Store::Sqlite => sqlite(&ground.log_database(), &ground.file("reference")).await?,
        };
        let noise = entries::noise(usize::try_from(length)?, &mut Random::new(length as u64));
        Ok(Self {
            database,
            next: Arc::default(),
            sealed: Arc::new(noise),
        })
    }

    /// Inserts so many rows by one prepared statement, which commits and syncs.
    pub async fn insert(&self, count: usize) -> anyhow::Result<u64> {
        let first = self.next.fetch_add(count as i64, Ordering::Relaxed);
        let rows: Vec<_> = (first..).take(count).map(|it| self.row(it)).collect();
        match &self.database {
            Database::Postgres(pool) => entries::insert_postgres(pool, &rows).await?,
            Database::Sqlite(pool) => entries::insert_sqlite(pool, &rows).await?,
        }
        Ok(count as u64)
    }

    fn row(&self, position: i64) -> Row {
        Row {
            position,
            entry_id: Uuid::new_v4(),
            subject: Uuid::new_v4(),
            key_id: Uuid::new_v4(),
            entry: self.sealed[..ledger::ENTRY_BYTES].to_vec(),
            sealed: self.sealed.to_vec(),
            recorded_at: client::clock::now_ms(),
        }
    }
}

/// A table in a schema of its own, and how many bytes the log seals.
async fn postgres(url: &str, callers: u32) -> anyhow::Result<(Database, i64)> {
    let own = PgPool::connect(url).await?;
    let length = sqlx::query_scalar(SEALED_LENGTH).fetch_one(&own).await?;
    sqlx::raw_sql(SCHEMA_POSTGRES).execute(&own).await?;
    // The server looks at how tables have grown once in a minute; here it must not be in a round.
    sqlx::raw_sql("ANALYZE").execute(&own).await?;
    own.close().await;
    let options = PgConnectOptions::from_str(url)?.options([("search_path", "reference")]);
    let pool = PgPoolOptions::new()
        .min_connections(callers)
        .max_connections(callers)
        .test_before_acquire(false);
    Ok((
        Database::Postgres(pool.connect_with(options).await?),
        length,
    ))
}

/// A file that is set as ours is, with a write-ahead log that is synced by every commit, and how many
/// bytes the log seals.
async fn sqlite(own: &str, file: &Path) -> anyhow::Result<(Database, i64)> {
    let own = SqlitePool::connect(own).await?;
    let length = sqlx::query_scalar(SEALED_LENGTH).fetch_one(&own).await?;
    let schema: Vec<String> = sqlx::query_scalar(SQLITE_SCHEMA).fetch_all(&own).await?;
    own.close().await;
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("temp_store", "MEMORY")
        .pragma("cache_size", "-16384")
        .pragma("wal_autocheckpoint", "4096");
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(600))
        .test_before_acquire(false);
    let pool = pool.connect_with(options).await?;
    for statement in schema {
        // It comes from the suite's own file.
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&pool)
            .await?;
    }
    Ok((Database::Sqlite(pool), length))
}
