//! SQLite's own commands on a suite's files, as an operator gives them to `sqlite3`.

use std::path::Path;

use sqlx::{AssertSqlSafe, ConnectOptions, Row, SqliteConnection, sqlite::SqliteConnectOptions};

/// Writes a copy of a database that another process may be using.
pub async fn vacuum_into(file: &Path, copy: &Path) {
    let mut connection = open(file).await;
    let vacuum = sqlx::query("VACUUM INTO ?").bind(copy.display().to_string());
    vacuum.execute(&mut connection).await.expect("it is SQL");
}

/// The key of an owner as a file of keys holds it, if it does.
pub async fn wrapped_key(keys: &Path, owner: &[u8]) -> Option<Vec<u8>> {
    let mut connection = open(keys).await;
    let select = sqlx::query("SELECT wrapped FROM data_keys WHERE owner = ?").bind(owner.to_vec());
    let row = select.fetch_one(&mut connection).await;
    row.expect("there is a row for ever").get(0)
}

/// Runs a statement that changes something.
pub async fn execute(file: &Path, statement: &str) {
    let changed = try_execute(file, statement).await;
    changed.expect("it is SQL");
}

/// Runs a statement that is refused, and returns what is said.
pub async fn refusal(file: &Path, statement: &str) -> String {
    let changed = try_execute(file, statement).await;
    changed.expect_err("it is refused").to_string()
}

async fn try_execute(file: &Path, statement: &str) -> sqlx::Result<()> {
    let mut connection = open(file).await;
    let changed = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut connection);
    changed.await.map(drop)
}

async fn open(file: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(file);
    options.connect().await.expect("it is a database")
}
