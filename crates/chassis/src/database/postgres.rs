//! Opening a PostgreSQL database.

use std::{str::FromStr, sync::Arc};

use sea_orm::{DatabaseConnection, SqlxPostgresConnector};
use sqlx::{
    ConnectOptions, Connection, Error,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::{ACQUIRE_TIMEOUT, Database, DatabaseError, migration};

/// Per process and set of tables; with four services and their keys still far below the server's
/// default of 100.
const CONNECTIONS_MAX: u32 = 8;

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

pub(super) async fn open(url: &str, migrator: &Migrator) -> Result<Database, DatabaseError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| DatabaseError::Url)?
        .disable_statement_logging();
    migrate(&options, migrator).await?;
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS_MAX)
        .acquire_timeout(ACQUIRE_TIMEOUT)
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
    })
}

/// Replicas that start at once wait for each other behind an advisory lock. The lock belongs to the
/// connection, so it is one that ends here, whatever happens; and waiting may take long, so it is
/// not bound by the timeouts of a call.
async fn migrate(options: &PgConnectOptions, migrator: &Migrator) -> Result<(), DatabaseError> {
    let connect = tokio::time::timeout(ACQUIRE_TIMEOUT, options.connect());
    let mut connection = connect
        .await
        .unwrap_or(Err(Error::PoolTimedOut))
        .map_err(DatabaseError::Connect)?;
    let migrated = migration::run(migrator, &mut connection).await;
    // What could fail here is saying goodbye; the connection ends either way.
    let _ = connection.close().await;
    migrated
}
