//! Opening a PostgreSQL database.

use std::{str::FromStr, sync::Arc, time::Duration};

use sea_orm::{
    ConnectionTrait, DatabaseBackend, DatabaseConnection, DbErr, SqlxPostgresConnector, Statement,
    Value,
};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Error,
    migrate::{MigrateError, Migrator},
    postgres::{PgConnectOptions, PgConnection, PgPoolOptions},
};

use super::{ACQUIRE_TIMEOUT, Database, DatabaseError, STATEMENTS_PREPARED, migration};

/// No statement of a call takes long. `on` is the least that makes a commit durable: a server that
/// was set to less would acknowledge what it can lose.
const SESSION: [(&str, &str); 4] = [
    ("statement_timeout", "10s"),
    ("lock_timeout", "5s"),
    ("idle_in_transaction_session_timeout", "15s"),
    ("synchronous_commit", "on"),
];

/// For expunging, which takes as long as the table is large, whatever the server is set to.
const UNHURRIED_SESSION: [(&str, &str); 2] = [("statement_timeout", "0"), ("lock_timeout", "0")];

/// A connection that rested for longer is tried first: it may lead to a server that has gone. Nothing but the kernel
/// ends the wait for one that has gone without a word, so this is short, and under load no connection rests as long.
const TRUSTED_FOR: Duration = Duration::from_millis(100);

/// Takes turns with the migrations, which have locks of their own.
const GRANT: &str = include_str!("grant.sql");
const MAY_VACUUM: &str = include_str!("may_vacuum.sql");
/// The SQLSTATE of a table that is not there.
const UNDEFINED_TABLE: &str = "42P01";

pub(super) fn options(url: &str) -> Result<PgConnectOptions, DatabaseError> {
    let options = PgConnectOptions::from_str(url).map_err(|_| DatabaseError::Url)?;
    Ok(options
        .statement_cache_capacity(STATEMENTS_PREPARED)
        .disable_statement_logging())
}

pub(super) async fn open(
    options: PgConnectOptions,
    connections: u32,
) -> Result<Database, DatabaseError> {
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // A connection is tried when it comes back, so before its next use only after a rest.
        .test_before_acquire(false)
        .before_acquire(|connection, metadata| {
            Box::pin(async move {
                if metadata.idle_for > TRUSTED_FOR {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_with(options.clone().options(SESSION))
        .await
        .map_err(DatabaseError::Connect)?;
    // It connects when it is first needed: most databases are never expunged.
    let unhurried = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_lazy_with(options.options(UNHURRIED_SESSION));
    let connection: DatabaseConnection = SqlxPostgresConnector::from_sqlx_postgres_pool(pool);
    Ok(Database {
        reader: connection.clone(),
        writer: connection,
        expunger: SqlxPostgresConnector::from_sqlx_postgres_pool(unhurried),
        expunging: Arc::default(),
        _lock: None,
        watched_by: None,
    })
}

/// Replicas that start at once wait for each other behind an advisory lock. The lock belongs to the
/// connection, so it is one that ends here, whatever happens; and waiting may take long, so it is
/// not bound by the timeouts of a call.
pub(super) async fn migrate(
    options: &PgConnectOptions,
    migrator: &Migrator,
) -> Result<(), DatabaseError> {
    let mut connection = connect(options).await?;
    let migrated = migration::run(migrator, &mut connection).await;
    // What could fail here is saying goodbye; the connection ends either way.
    let _ = connection.close().await;
    migrated
}

/// How many migrations are not applied yet. One that was applied and is another one now is an error.
pub(super) async fn pending(
    options: &PgConnectOptions,
    migrator: &Migrator,
    table: &str,
) -> Result<usize, DatabaseError> {
    let mut connection = connect(options).await?;
    let query = format!("SELECT version, checksum FROM {table} WHERE success");
    let rows = sqlx::query_as(AssertSqlSafe(query)).fetch_all(&mut connection);
    let applied: Vec<(i64, Vec<u8>)> = match rows.await {
        Ok(rows) => rows,
        Err(Error::Database(it)) if it.code().as_deref() == Some(UNDEFINED_TABLE) => Vec::new(),
        Err(error) => return Err(DatabaseError::Connect(error)),
    };
    let _ = connection.close().await;
    let mut pending = 0;
    for step in migrator.iter() {
        match applied.iter().find(|(version, _)| *version == step.version) {
            None => pending += 1,
            Some((_, checksum)) if *checksum == *step.checksum => {}
            Some(_) => {
                let mismatch = MigrateError::VersionMismatch(step.version);
                return Err(DatabaseError::Migrate(mismatch));
            }
        }
    }
    Ok(pending)
}

/// Gives a role what a running service needs.
pub(super) async fn grant(
    options: &PgConnectOptions,
    role: &str,
    expunged: &str,
) -> Result<(), DatabaseError> {
    let mut connection = connect(options).await?;
    let granted = async {
        let mut transaction = connection.begin().await?;
        for (name, value) in [("vow.runtime_role", role), ("vow.expunged_table", expunged)] {
            let set = sqlx::query("SELECT set_config($1, $2, true)");
            set.bind(name)
                .bind(value)
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::raw_sql(GRANT).execute(&mut *transaction).await?;
        transaction.commit().await
    };
    let granted = granted.await.map_err(DatabaseError::Grant);
    let _ = connection.close().await;
    granted
}

/// Whether a `VACUUM` of the table does anything.
pub(super) async fn may_vacuum(
    connection: &DatabaseConnection,
    table: &str,
) -> Result<bool, DbErr> {
    let values = [Value::from(table)];
    let statement = Statement::from_sql_and_values(DatabaseBackend::Postgres, MAY_VACUUM, values);
    let row = connection.query_one_raw(statement).await?;
    row.map_or(Ok(false), |row| row.try_get_by_index(0))
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, DatabaseError> {
    tokio::time::timeout(ACQUIRE_TIMEOUT, options.connect())
        .await
        .unwrap_or(Err(Error::PoolTimedOut))
        .map_err(DatabaseError::Connect)
}
