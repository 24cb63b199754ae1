//! A service's database: embedded SQLite or a PostgreSQL server, with the same guarantees on both.

mod failure;
mod migration;
mod postgres;
mod sqlite;

use std::{fmt, fs::File, sync::Arc, time::Duration};

use client::Fresh;
use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseBackend, DatabaseConnection, DatabaseTransaction, DbErr,
    IsolationLevel, TransactionTrait,
};

pub use failure::{DatabaseError, DatabaseFailure, failure, is_lost_race, is_unavailable};
pub use migration::Migration;

use crate::DatabaseUrl;

/// How long to wait for a connection: a dead database must answer fast.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// An open, migrated database. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    /// What expunges. On PostgreSQL a connection of its own, which may take its time.
    expunger: DatabaseConnection,
    /// The expunging that callers share.
    expunging: Arc<Fresh<()>>,
    /// Held for life: only one process may have an SQLite file.
    _lock: Option<Arc<File>>,
}

impl Database {
    /// Opens the database and brings it to the newest migration. `table` records which migrations
    /// were applied; each set of migrations has its own.
    ///
    /// Processes that open one PostgreSQL database at once take turns; a second process that opens
    /// an SQLite file is refused.
    pub async fn open(
        url: &DatabaseUrl,
        migrations: &[Migration],
        table: &str,
    ) -> Result<Database, DatabaseError> {
        let migrator = migration::migrator(migrations, table);
        let url = url.expose();
        if url.starts_with("sqlite:") {
            sqlite::open(url, &migrator).await
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            postgres::open(url, &migrator).await
        } else {
            Err(DatabaseError::Url)
        }
    }

    /// For reading outside of a transaction. On SQLite it cannot write.
    pub fn read(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// For a write that is one statement, which commits by itself.
    pub fn write(&self) -> &DatabaseConnection {
        &self.writer
    }

    /// Begins a transaction that may write. On SQLite there is one at a time, so it never finds the
    /// file busy.
    pub async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        begin(self.writer.clone(), None, None).await
    }

    /// One unchanging view of the whole database. SQLite's transactions are that by themselves.
    pub async fn view(&self) -> Result<DatabaseTransaction, DbErr> {
        match self.reader.get_database_backend() {
            DatabaseBackend::Postgres => {
                let isolation = Some(IsolationLevel::RepeatableRead);
                begin(self.reader.clone(), isolation, Some(AccessMode::ReadOnly)).await
            }
            _ => begin(self.reader.clone(), None, None).await,
        }
    }

    /// Drives what was overwritten or deleted in `table` out of the files, as far as the database
    /// can. Not within a transaction. A database expunges one table and no other.
    ///
    /// SQLite overwrites deleted bytes with zeros (`secure_delete`); what is left of them in the
    /// write-ahead log goes when the log is emptied. PostgreSQL gives dead rows up when the table
    /// is vacuumed; its write-ahead log and backups keep them for as long as they are kept.
    ///
    /// It takes as long as the table is large, and PostgreSQL vacuums a table once at a time. So
    /// all who wait share one that began after they came, and it goes on when they stop waiting:
    /// one cut off by a deadline would leave as much to do for the next.
    pub async fn expunge(&self, table: &'static str) -> Result<(), DbErr> {
        let database = self.clone();
        let expunged = tokio::spawn(async move {
            let expunging = database.expunging.clone();
            expunging.read(database.expunge_alone(table)).await
        });
        let interrupted = |_| DbErr::Custom("expunging was interrupted".to_owned());
        expunged.await.map_err(interrupted)?
    }

    async fn expunge_alone(&self, table: &str) -> Result<(), DbErr> {
        match self.expunger.get_database_backend() {
            DatabaseBackend::Sqlite => sqlite::empty_log(&self.expunger).await,
            _ => {
                let statement = format!("VACUUM {table}");
                let vacuumed = self.expunger.execute_unprepared(&statement).await;
                vacuumed.map(|_| ())
            }
        }
    }

    /// Closes all connections, so that another process may open an SQLite file.
    pub async fn close(self) -> Result<(), DbErr> {
        self.reader.close().await?;
        self.expunger.close().await?;
        self.writer.close().await
    }
}

/// Begins in a task of its own, because a caller may stop waiting at any moment: a connection whose
/// `BEGIN` was cut off goes back to the others inside a transaction that nobody knows of.
async fn begin(
    connection: DatabaseConnection,
    isolation: Option<IsolationLevel>,
    access: Option<AccessMode>,
) -> Result<DatabaseTransaction, DbErr> {
    let begun = tokio::spawn(async move { connection.begin_with_config(isolation, access).await });
    let interrupted = |_| DbErr::Custom("beginning a transaction was interrupted".to_owned());
    begun.await.map_err(interrupted)?
}

impl fmt::Debug for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Database(..)")
    }
}
