//! A service's database: embedded SQLite or a PostgreSQL server, with the same guarantees on both.

mod connections;
mod failure;
mod many;
mod migration;
mod postgres;
mod sqlite;
mod statement;

use std::{
    fmt,
    fs::File,
    sync::Arc,
    time::{Duration, Instant},
};

use client::Fresh;
use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseBackend, DatabaseConnection, DatabaseTransaction, DbErr,
    IsolationLevel, TransactionTrait,
};

pub use failure::{DatabaseError, DatabaseFailure, failure, is_lost_race, is_unavailable};
pub use many::{find_many, insert_many};
pub use migration::{Migration, Sql};

use crate::{CONNECTIONS_MAX, DatabaseUrl};

pub(crate) use connections::{Pools, Watched};

/// How long to wait for a connection: a dead database must answer fast.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// How many statements a connection keeps prepared: on SQLite those of many rows in a few sizes, see [`insert_many`].
const STATEMENTS_PREPARED: usize = 300;

/// How a database is opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    /// Whether it is brought to the newest migration; on SQLite it always is.
    pub(crate) migrates: bool,
    /// How many connections there may be to PostgreSQL.
    pub(crate) connections: u32,
}

impl Default for Opening {
    fn default() -> Opening {
        Opening {
            migrates: true,
            connections: CONNECTIONS_MAX,
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    fn of(url: &DatabaseUrl) -> Result<Kind, DatabaseError> {
        match url.expose().split_once(':') {
            Some(("sqlite", _)) => Ok(Kind::Sqlite),
            Some(("postgres" | "postgresql", _)) => Ok(Kind::Postgres),
            _ => Err(DatabaseError::Url),
        }
    }
}

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
    /// Where waiting is counted, once somebody watches.
    watched_by: Option<Pools>,
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
        Database::open_with(url, migrations, table, Opening::default()).await
    }

    /// Opens a database as others left it, to read: it is neither made nor migrated, and on SQLite
    /// nothing can be written. No other process may have the SQLite file.
    pub async fn open_to_read(url: &DatabaseUrl) -> Result<Database, DatabaseError> {
        match Kind::of(url)? {
            Kind::Sqlite => sqlite::open_to_read(url.expose()).await,
            Kind::Postgres => postgres::open(postgres::options(url.expose())?, 1).await,
        }
    }

    /// The same, in another way.
    pub(crate) async fn open_with(
        url: &DatabaseUrl,
        migrations: &[Migration],
        table: &str,
        opening: Opening,
    ) -> Result<Database, DatabaseError> {
        let kind = Kind::of(url)?;
        let migrator = migration::migrator(migrations, table, kind);
        let mut database = match (kind, opening.migrates) {
            (Kind::Sqlite, _) => sqlite::open(url.expose(), &migrator).await?,
            (Kind::Postgres, migrates) => {
                let options = postgres::options(url.expose())?;
                if migrates {
                    postgres::migrate(&options, &migrator).await?;
                }
                postgres::open(options, opening.connections).await?
            }
        };
        statement::trace(&mut database.reader);
        statement::trace(&mut database.writer);
        Ok(database)
    }

    /// How many of these migrations the database lacks.
    pub(crate) async fn pending(
        url: &DatabaseUrl,
        migrations: &[Migration],
        table: &str,
    ) -> Result<usize, DatabaseError> {
        let kind = Kind::of(url)?;
        let migrator = migration::migrator(migrations, table, kind);
        match kind {
            Kind::Sqlite => Err(DatabaseError::NobodyElse),
            Kind::Postgres => {
                let options = postgres::options(url.expose())?;
                postgres::pending(&options, &migrator, table).await
            }
        }
    }

    /// Lets `role` do what a running service does with the tables, and nothing more. Of `expunged`
    /// it must be able to drive out what was deleted.
    pub(crate) async fn grant(
        url: &DatabaseUrl,
        role: &str,
        expunged: &str,
    ) -> Result<(), DatabaseError> {
        match Kind::of(url)? {
            Kind::Sqlite => Err(DatabaseError::NoRoles),
            Kind::Postgres => {
                let options = postgres::options(url.expose())?;
                postgres::grant(&options, role, expunged).await
            }
        }
    }

    /// Whether [`Database::expunge`] of `table` does what it says: PostgreSQL only warns whoever
    /// may not vacuum a table, and leaves what was deleted where it is.
    pub(crate) async fn may_expunge(&self, table: &str) -> Result<bool, DbErr> {
        match self.expunger.get_database_backend() {
            DatabaseBackend::Postgres => postgres::may_vacuum(&self.reader, table).await,
            _ => Ok(true),
        }
    }

    /// Counts its connections, and how long they are waited for, from now on.
    pub(crate) fn watched_by(mut self, pools: &Pools) -> Database {
        pools.add(&self.reader);
        // On PostgreSQL both are one pool.
        if self.writer.get_database_backend() == DatabaseBackend::Sqlite {
            pools.add(&self.writer);
        }
        self.watched_by = Some(pools.clone());
        self
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
        self.begin_on(&self.writer, None, None).await
    }

    /// One unchanging view of the whole database. SQLite's transactions are that by themselves.
    pub async fn view(&self) -> Result<DatabaseTransaction, DbErr> {
        match self.reader.get_database_backend() {
            DatabaseBackend::Postgres => {
                let isolation = Some(IsolationLevel::RepeatableRead);
                let access = Some(AccessMode::ReadOnly);
                self.begin_on(&self.reader, isolation, access).await
            }
            _ => self.begin_on(&self.reader, None, None).await,
        }
    }

    async fn begin_on(
        &self,
        connection: &DatabaseConnection,
        isolation: Option<IsolationLevel>,
        access: Option<AccessMode>,
    ) -> Result<DatabaseTransaction, DbErr> {
        let began = Instant::now();
        let begun = begin(connection.clone(), isolation, access).await;
        if let Some(pools) = &self.watched_by {
            pools.waits.observe(began.elapsed().as_secs_f64());
        }
        begun
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
