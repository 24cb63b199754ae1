//! The log's table of entries, as this program writes rows into it or into one just like it.

use sqlx::{PgExecutor, QueryBuilder, Sqlite, SqliteExecutor};
use uuid::Uuid;

use super::statistics::Random;

const TENANT: &str = "default";
const INSERT_POSTGRES: &str = "INSERT INTO entries \
     (position, entry_id, tenant, subject, key_id, entry, sealed, recorded_at) \
     SELECT position, entry_id, $8, subject, key_id, entry, sealed, recorded_at FROM UNNEST \
     ($1::bigint[], $2::uuid[], $3::uuid[], $4::uuid[], $5::bytea[], $6::bytea[], $7::bigint[]) \
     AS new (position, entry_id, subject, key_id, entry, sealed, recorded_at)";
const INSERT_SQLITE: &str = "INSERT INTO entries \
     (position, entry_id, tenant, subject, key_id, entry, sealed, recorded_at) ";

/// One row.
#[derive(Clone, Debug)]
pub struct Row {
    /// From zero.
    pub position: i64,
    /// The entry's id.
    pub entry_id: Uuid,
    /// Whose it is.
    pub subject: Uuid,
    /// The key that sealed it.
    pub key_id: Uuid,
    /// The public leaf.
    pub entry: Vec<u8>,
    /// The sealed opening.
    pub sealed: Vec<u8>,
    /// Unix milliseconds.
    pub recorded_at: i64,
}

/// Inserts rows by one prepared statement.
pub async fn insert_postgres(connection: impl PgExecutor<'_>, rows: &[Row]) -> sqlx::Result<()> {
    sqlx::query(INSERT_POSTGRES)
        .bind(column(rows, |it| it.position))
        .bind(column(rows, |it| it.entry_id))
        .bind(column(rows, |it| it.subject))
        .bind(column(rows, |it| it.key_id))
        .bind(column(rows, |it| it.entry.as_slice()))
        .bind(column(rows, |it| it.sealed.as_slice()))
        .bind(column(rows, |it| it.recorded_at))
        .bind(TENANT)
        .execute(connection)
        .await?;
    Ok(())
}

/// The same in SQLite, which takes at most 4,000 such rows in a statement.
pub async fn insert_sqlite(connection: impl SqliteExecutor<'_>, rows: &[Row]) -> sqlx::Result<()> {
    let mut insert = QueryBuilder::<Sqlite>::new(INSERT_SQLITE);
    insert.push_values(rows, |mut values, row| {
        values
            .push_bind(row.position)
            .push_bind(row.entry_id)
            .push_bind(TENANT)
            .push_bind(row.subject)
            .push_bind(row.key_id)
            .push_bind(row.entry.as_slice())
            .push_bind(row.sealed.as_slice())
            .push_bind(row.recorded_at);
    });
    insert.build().execute(connection).await?;
    Ok(())
}

/// Bytes that compress as little as what is sealed does.
pub fn noise(length: usize, random: &mut Random) -> Vec<u8> {
    let words = std::iter::repeat_with(|| random.next().to_be_bytes());
    words.flatten().take(length).collect()
}

fn column<'a, T>(rows: &'a [Row], value: impl Fn(&'a Row) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}
