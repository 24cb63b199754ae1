//! Opening an SQLite file: one writer, several readers, and no other process.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use sea_orm::{
    ConnectionTrait, DatabaseBackend, DatabaseConnection, DbErr, SqlxSqliteConnector, Statement,
};
use sqlx::{
    ConnectOptions, Connection, SqlitePool,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{ACQUIRE_TIMEOUT, Database, DatabaseError, STATEMENTS_PREPARED, migration};

const READERS: u32 = 4;
/// What a batch changes lies all over the file, and pages that find no room are written before its end: 16 MiB.
const WRITER_CACHE: &str = "-16384";
/// A page that is changed often goes from the log to the file once for so many: 16 MiB.
const LOG_PAGES: &str = "4096";
/// The writer is alone and never waits; readers wait only while the log is being emptied.
const BUSY_TIMEOUT: Duration = Duration::from_secs(3);

pub(super) async fn open(url: &str, migrator: &Migrator) -> Result<Database, DatabaseError> {
    let options = options(url)?;
    // SQLite gives the files beside it the same mode.
    private(options.get_filename()).map_err(DatabaseError::File)?;
    let (options, lock) = claim(options)?;
    let to_write = options
        .clone()
        .pragma("cache_size", WRITER_CACHE)
        .pragma("wal_autocheckpoint", LOG_PAGES);
    let writer = pool(to_write, 1).await?;
    let mut connection = writer.acquire().await.map_err(DatabaseError::Connect)?;
    migration::run(migrator, &mut *connection).await?;
    drop(connection);
    let reader = pool(options.pragma("query_only", "ON"), READERS).await?;
    Ok(database(reader, writer, lock))
}

/// A file that is there, to read.
pub(super) async fn open_to_read(url: &str) -> Result<Database, DatabaseError> {
    let (options, lock) = claim(options(url)?)?;
    let reader = pool(options.pragma("query_only", "ON"), READERS).await?;
    Ok(database(reader.clone(), reader, lock))
}

fn options(url: &str) -> Result<SqliteConnectOptions, DatabaseError> {
    Ok(SqliteConnectOptions::from_str(url)
        .map_err(|_| DatabaseError::Url)?
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("secure_delete", "ON")
        // What a statement keeps to be undone by holds what it changes, and must not lie in files of its own.
        .pragma("temp_store", "MEMORY")
        .statement_cache_capacity(STATEMENTS_PREPARED)
        .disable_statement_logging())
}

/// Takes the lock of the file itself, whatever link led to it: its other names have the same lock.
fn claim(options: SqliteConnectOptions) -> Result<(SqliteConnectOptions, File), DatabaseError> {
    let file = fs::canonicalize(options.get_filename()).map_err(DatabaseError::File)?;
    let lock = lock(&file)?;
    Ok((options.filename(file), lock))
}

fn database(reader: SqlitePool, writer: SqlitePool, lock: File) -> Database {
    let writer = SqlxSqliteConnector::from_sqlx_sqlite_pool(writer);
    Database {
        reader: SqlxSqliteConnector::from_sqlx_sqlite_pool(reader),
        expunger: writer.clone(),
        writer,
        expunging: Arc::default(),
        _lock: Some(Arc::new(lock)),
        watched_by: None,
    }
}

/// Moves all of the write-ahead log into the database file and truncates it.
pub(super) async fn empty_log(writer: &DatabaseConnection) -> Result<(), DbErr> {
    let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
    let statement = Statement::from_string(DatabaseBackend::Sqlite, checkpoint);
    let row = writer.query_one_raw(statement).await?;
    let busy: i32 = row.map_or(Ok(1), |row| row.try_get_by_index(0))?;
    match busy {
        0 => Ok(()),
        _ => Err(DbErr::Conn(sea_orm::RuntimeErr::Internal(
            "the log is in use".to_owned(),
        ))),
    }
}

async fn pool(options: SqliteConnectOptions, size: u32) -> Result<SqlitePool, DatabaseError> {
    SqlitePoolOptions::new()
        .max_connections(size)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // The file does not go away, and a connection that is made anew reads the schema again.
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        // When the disk is full SQLite ends a transaction by itself, and the driver goes on counting
        // it: everything after would be "committed" into a transaction that never ends. A connection
        // that rests inside of one is given up.
        .before_acquire(|connection, _| {
            let sound = !connection.is_in_transaction();
            Box::pin(async move { Ok(sound) })
        })
        .connect_with(options)
        .await
        .map_err(DatabaseError::Connect)
}

/// A lock file beside the database, because SQLite needs locks of its own inside.
fn lock(file: &Path) -> Result<File, DatabaseError> {
    let mut name = OsString::from(file);
    name.push(".lock");
    let lock = private(Path::new(&name)).map_err(DatabaseError::File)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(DatabaseError::Taken),
        Err(TryLockError::Error(error)) => Err(DatabaseError::File(error)),
    }
}

/// Opens a file that only its owner reads, making it if it is missing.
fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use tempfile::TempDir;
    use tokio::task::yield_now;

    use super::*;
    use crate::{DatabaseUrl, Migration, Sql, is_unavailable};

    const NOTES: Migration = Migration {
        version: 1,
        name: "notes",
        sql: Sql::Same("CREATE TABLE notes (id BIGINT PRIMARY KEY, note TEXT NOT NULL);"),
    };

    #[tokio::test]
    async fn what_is_opened_to_read_is_neither_made_nor_migrated_nor_written() {
        let folder = TempDir::new().unwrap();
        let url = format!("sqlite://{}", folder.path().join("it.db").display());
        let url = DatabaseUrl::from(url);
        let missing = Database::open_to_read(&url).await;
        assert!(matches!(missing, Err(DatabaseError::File(_))));
        assert!(!folder.path().join("it.db").exists());

        let owner = open_in(&folder, &[NOTES]).await.unwrap();
        let taken = Database::open_to_read(&url).await;
        assert!(matches!(taken, Err(DatabaseError::Taken)));
        owner.close().await.unwrap();
        let database = Database::open_to_read(&url).await.unwrap();
        let write = "INSERT INTO notes (id, note) VALUES (1, 'a')";
        for connection in [database.read(), database.write()] {
            assert!(connection.execute_unprepared(write).await.is_err());
            let read = connection.execute_unprepared("SELECT * FROM notes").await;
            assert!(read.is_ok());
        }
    }

    async fn open_in(
        folder: &TempDir,
        migrations: &[Migration],
    ) -> Result<Database, DatabaseError> {
        let url = format!("sqlite://{}", folder.path().join("it.db").display());
        Database::open(&DatabaseUrl::from(url), migrations, "migrations").await
    }

    async fn insert(database: &Database, id: u32, bytes: usize) -> Result<(), DbErr> {
        let note = "x".repeat(bytes);
        let transaction = database.begin().await?;
        let insert = format!("INSERT INTO notes VALUES ({id}, '{note}')");
        transaction.execute_unprepared(&insert).await?;
        transaction.commit().await
    }

    #[tokio::test]
    async fn what_is_acknowledged_after_a_full_disk_is_there() {
        let folder = TempDir::new().expect("a folder");
        let database = open_in(&folder, &[NOTES]).await.expect("it opens");
        for round in 0..3 {
            // The limit is the connection's own, so that giving the connection up makes room again.
            let limit = "PRAGMA max_page_count = 1";
            database
                .write()
                .execute_unprepared(limit)
                .await
                .expect("it is set");
            insert(&database, 100 + round, 100_000)
                .await
                .expect_err("there is no room");
            drop(database.begin().await.expect("there is a writer"));
            insert(&database, round, 1)
                .await
                .expect("there is room again");
            assert_eq!(count(&database).await, i64::from(round) + 1);
        }
    }

    #[tokio::test]
    async fn what_undoes_a_statement_lies_in_no_file_of_its_own() {
        let folder = TempDir::new().unwrap();
        let database = open_in(&folder, &[NOTES]).await.unwrap();
        let transaction = database.begin().await.unwrap();
        // More than a statement's undo data may be before SQLite looks for a file.
        for id in 0..200 {
            let insert = format!("INSERT INTO notes VALUES ({id}, '{}')", "x".repeat(1_000));
            transaction.execute_unprepared(&insert).await.unwrap();
        }
        let change = "UPDATE notes SET note = note || 'y'";
        transaction.execute_unprepared(change).await.unwrap();
        // Such a file has no name any more, and is open until the transaction ends.
        let opened = fs::read_dir("/proc/self/fd").unwrap();
        let files = opened.filter_map(|it| fs::read_link(it.ok()?.path()).ok());
        let temporary: Vec<_> = files
            .filter(|it| it.to_string_lossy().contains("etilqs_"))
            .collect();
        assert!(temporary.is_empty(), "temporary files: {temporary:?}");
        transaction.commit().await.unwrap();
    }

    #[tokio::test]
    async fn a_link_to_the_file_is_the_file() {
        let folder = TempDir::new().expect("a folder");
        let _database = open_in(&folder, &[NOTES]).await.expect("it opens");
        let (file, link) = (folder.path().join("it.db"), folder.path().join("link.db"));
        symlink(file, &link).expect("a link");
        let url = DatabaseUrl::from(format!("sqlite://{}", link.display()));
        let again = Database::open(&url, &[NOTES], "migrations").await;
        assert!(matches!(again, Err(DatabaseError::Taken)));
    }

    async fn count(database: &Database) -> i64 {
        let count = Statement::from_string(DatabaseBackend::Sqlite, "SELECT COUNT(*) FROM notes");
        let row = database
            .read()
            .query_one_raw(count)
            .await
            .expect("the table is there");
        row.expect("a count is one row")
            .try_get_by_index(0)
            .expect("it is a number")
    }

    #[tokio::test]
    async fn what_was_committed_is_there_after_opening_again() {
        let folder = TempDir::new().expect("a folder");
        let database = open_in(&folder, &[NOTES]).await.expect("a new file");
        let transaction = database.begin().await.expect("nobody else writes");
        transaction
            .execute_unprepared("INSERT INTO notes VALUES (1, 'a')")
            .await
            .expect("it fits");
        assert_eq!(count(&database).await, 0, "it is not committed yet");
        transaction.commit().await.expect("the disk takes it");
        assert_eq!(count(&database).await, 1);
        database.close().await.expect("nothing is open");

        let database = open_in(&folder, &[NOTES])
            .await
            .expect("the file is free again");
        assert_eq!(count(&database).await, 1);
    }

    #[tokio::test]
    async fn a_second_process_is_refused() {
        let folder = TempDir::new().expect("a folder");
        let database = open_in(&folder, &[NOTES]).await.expect("a new file");
        let second = open_in(&folder, &[NOTES]).await;
        assert!(matches!(second, Err(DatabaseError::Taken)));
        drop(database);
        open_in(&folder, &[NOTES])
            .await
            .expect("the lock went with its holder");
    }

    #[tokio::test]
    async fn an_edited_migration_is_refused_and_a_later_one_is_not() {
        let folder = TempDir::new().expect("a folder");
        let more = Migration {
            version: 2,
            name: "more",
            sql: Sql::Same("CREATE TABLE more (id BIGINT);"),
        };
        open_in(&folder, &[NOTES, more])
            .await
            .expect("a new file")
            .close()
            .await
            .expect("close");
        // The version before does not know the second step.
        open_in(&folder, &[NOTES])
            .await
            .expect("an older version")
            .close()
            .await
            .expect("close");
        let edited = Migration {
            sql: Sql::Same("CREATE TABLE notes (id BIGINT);"),
            ..NOTES
        };
        let refused = open_in(&folder, &[edited]).await;
        assert!(matches!(refused, Err(DatabaseError::Migrate(_))));
    }

    #[tokio::test]
    async fn readers_cannot_write_and_files_are_private() {
        let folder = TempDir::new().expect("a folder");
        let database = open_in(&folder, &[NOTES]).await.expect("a new file");
        let insert = "INSERT INTO notes VALUES (1, 'a')";
        database
            .read()
            .execute_unprepared(insert)
            .await
            .expect_err("readers only read");
        database
            .write()
            .execute_unprepared(insert)
            .await
            .expect("the writer writes");
        for entry in fs::read_dir(folder.path()).expect("the folder is there") {
            let entry = entry.expect("it is readable");
            let mode = entry.metadata().expect("it is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{:?}", entry.file_name());
        }
    }

    #[tokio::test]
    async fn a_writer_that_must_wait_too_long_is_told_to_come_back() {
        let folder = TempDir::new().expect("a folder");
        let database = open_in(&folder, &[NOTES]).await.expect("a new file");
        let held = database.begin().await.expect("nobody else writes");
        let refused = database.begin().await.expect_err("the writer is taken");
        assert!(is_unavailable(&refused));
        drop(held);
    }

    /// Lets the other tasks go as far as they can.
    async fn others_run() {
        for _ in 0..10 {
            yield_now().await;
        }
    }

    // The writer is one connection, and whoever waits for it gets it in turn. Holding it holds up
    // the expunging; having it again after others means that they are done.

    #[tokio::test]
    async fn who_waits_shares_an_expunging_that_began_later() {
        let folder = TempDir::new().expect("a folder");
        let database = open_in(&folder, &[NOTES]).await.expect("a new file");
        let expunge = || {
            let database = database.clone();
            tokio::spawn(async move { database.expunge("notes").await })
        };
        let writing = database.begin().await.expect("nobody else writes");
        let first = expunge();
        others_run().await;
        let (second, third) = (expunge(), expunge());
        others_run().await;
        drop(writing);
        let writing = database.begin().await.expect("after the first");
        assert!(first.await.expect("no panic").is_ok());
        others_run().await;
        assert!(!second.is_finished() && !third.is_finished());
        drop(writing);
        let _writing = database.begin().await.expect("after the second");
        for shared in [second, third] {
            let expunged = shared.await.expect("no panic");
            expunged.expect("the third needs no turn of its own");
        }
    }

    #[tokio::test]
    async fn expunging_goes_on_when_nobody_waits_any_more() {
        let folder = TempDir::new().expect("a folder");
        let database = open_in(&folder, &[NOTES]).await.expect("a new file");
        let log = || fs::metadata(folder.path().join("it.db-wal")).map_or(0, |it| it.len());
        let writing = database.begin().await.expect("nobody else writes");
        assert!(log() > 0, "the schema is in it");
        let expunging = database.clone();
        let waiting = tokio::spawn(async move { expunging.expunge("notes").await });
        others_run().await;
        waiting.abort();
        others_run().await;
        drop(writing);
        let _writing = database.begin().await.expect("after the expunging");
        assert_eq!(log(), 0);
    }

    #[tokio::test]
    async fn other_urls_are_refused_without_repeating_them() {
        for url in ["mysql://vow:canary@host/x", "canary", ""] {
            let refused = Database::open(&url.to_owned().into(), &[NOTES], "migrations").await;
            let error = refused.expect_err("it is no database of ours");
            assert!(matches!(error, DatabaseError::Url), "{url}");
            assert!(!format!("{error:?}").contains("canary"));
        }
    }
}
