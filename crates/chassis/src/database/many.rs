//! Many rows at once, in statements whose text the database has met before, so that it parses and plans it once.
//!
//! PostgreSQL takes an array for each column, and one text serves any number of rows. SQLite takes a placeholder for
//! each value; there rows go in portions of few different lengths, which are few texts. A statement is for one tenant:
//! over a sharded PostgreSQL it goes to the one place where the tenant's rows lie.

use std::collections::BTreeMap;

use sea_orm::{
    ConnectionTrait, DatabaseBackend, DbErr, EntityName, EntityTrait, FromQueryResult, IdenStatic,
    Iterable, ModelTrait, PrimaryKeyToColumn, Statement, Value, sea_query::ArrayType,
};

/// The most rows in a statement. SQLite binds at most 32,766 values; an array has no such end, but a statement should.
const ROWS_MAX: usize = 512;

/// The column of all rows that belong to a tenant.
const TENANT: &str = "tenant";

type Row = Vec<Value>;

/// What a statement can take together: the tenant, if the table has the column, and the other columns.
type Kind = (Option<String>, Vec<&'static str>);

/// Writes rows and says how many. `conflict` ends the statement: empty, or such as `ON CONFLICT (id) DO NOTHING`.
pub async fn insert_many<M: ModelTrait>(
    connection: &impl ConnectionTrait,
    rows: &[M],
    conflict: &str,
) -> Result<u64, DbErr> {
    let backend = connection.get_database_backend();
    let table = M::Entity::default();
    let table = table.table_name();
    // An array of ours holds no NULL, so rows are told apart by the columns that have a value.
    let rows = rows.iter().map(|row| {
        let columns = <M::Entity as EntityTrait>::Column::iter();
        let values = columns.map(|it| (it.as_str(), row.get(it)));
        values.filter(|(_, it)| *it != it.as_null()).collect()
    });
    let mut written = 0;
    for ((tenant, columns), rows) in by_kind(rows) {
        let into = format!("INSERT INTO \"{table}\" ({})", names(&tenant, &columns));
        for rows in portions(backend, rows) {
            let (from, values) = source(backend, tenant.as_deref(), rows)?;
            let text = match (backend, &tenant) {
                (DatabaseBackend::Postgres, Some(_)) => {
                    format!("SELECT $1, given.* FROM {from} AS given")
                }
                (DatabaseBackend::Postgres, None) => format!("SELECT * FROM {from} AS given"),
                _ => from,
            };
            let text = format!("{into} {text} {conflict}");
            let statement = Statement::from_sql_and_values(backend, text, values);
            written += connection.execute_raw(statement).await?.rows_affected();
        }
    }
    Ok(written)
}

/// The rows of whole primary keys, in no order. A key has the values of its columns in their order.
///
/// On PostgreSQL each key is looked up by itself: a join or a list of them leaves the choice to the planner, and while
/// it knows little about a young table it reads everything that shares the beginning of the key.
pub async fn find_many<E: EntityTrait>(
    connection: &impl ConnectionTrait,
    keys: &[Row],
) -> Result<Vec<E::Model>, DbErr> {
    let backend = connection.get_database_backend();
    let table = E::default();
    let table = table.table_name();
    let keys = keys.iter().map(|key| {
        let columns = E::PrimaryKey::iter().map(|it| it.into_column().as_str());
        columns.zip(key.iter().cloned()).collect()
    });
    let mut found = Vec::new();
    for ((tenant, columns), keys) in by_kind(keys) {
        for keys in portions(backend, keys) {
            let (from, values) = source(backend, tenant.as_deref(), keys)?;
            let text = match backend {
                DatabaseBackend::Postgres => each_of(table, &tenant, &columns, &from),
                _ => {
                    let key = names(&tenant, &columns);
                    format!("SELECT * FROM \"{table}\" WHERE ({key}) IN ({from})")
                }
            };
            let statement = Statement::from_sql_and_values(backend, text, values);
            let rows = E::Model::find_by_statement(statement);
            found.extend(rows.all(connection).await?);
        }
    }
    Ok(found)
}

/// PostgreSQL's look-up of each of the given keys.
fn each_of(table: &str, tenant: &Option<String>, columns: &[&str], from: &str) -> String {
    let of_tenant = tenant
        .as_ref()
        .map(|_| format!("\"{table}\".\"{TENANT}\" = $1"));
    let is_given = columns
        .iter()
        .map(|it| format!("\"{table}\".\"{it}\" = given.\"{it}\""));
    let conditions: Vec<_> = of_tenant.into_iter().chain(is_given).collect();
    format!(
        "SELECT found.* FROM {from} AS given ({}) \
         CROSS JOIN LATERAL (SELECT * FROM \"{table}\" WHERE {} LIMIT 1) AS found",
        names(&None, columns),
        conditions.join(" AND ")
    )
}

/// The columns of a statement, the tenant's first.
fn names(tenant: &Option<String>, columns: &[&str]) -> String {
    let tenant = tenant.iter().map(|_| TENANT);
    let names = tenant
        .chain(columns.iter().copied())
        .map(|it| format!("\"{it}\""));
    names.collect::<Vec<_>>().join(", ")
}

fn by_kind(rows: impl Iterator<Item = Vec<(&'static str, Value)>>) -> BTreeMap<Kind, Vec<Row>> {
    let mut by_kind: BTreeMap<Kind, Vec<Row>> = BTreeMap::new();
    for row in rows {
        let (mut tenant, mut columns, mut values) = (None, Vec::new(), Vec::new());
        for (column, value) in row {
            match value {
                Value::String(Some(it)) if column == TENANT => tenant = Some(it),
                _ => {
                    columns.push(column);
                    values.push(value);
                }
            }
        }
        by_kind.entry((tenant, columns)).or_default().push(values);
    }
    by_kind
}

/// What a statement reads rows from, and the values it binds, of which the tenant is the first.
fn source(
    backend: DatabaseBackend,
    tenant: Option<&str>,
    rows: Vec<Row>,
) -> Result<(String, Row), DbErr> {
    let tenant: Row = tenant.into_iter().map(Value::from).collect();
    let width = rows.first().map_or(0, Vec::len);
    if backend != DatabaseBackend::Postgres {
        let row = format!("({})", vec!["?"; tenant.len() + width].join(", "));
        let text = format!("VALUES {}", vec![row.as_str(); rows.len()].join(", "));
        let values = rows.into_iter();
        let values = values.flat_map(|it| tenant.iter().cloned().chain(it));
        return Ok((text, values.collect()));
    }
    let mut columns = vec![Row::with_capacity(rows.len()); width];
    for row in rows {
        for (column, value) in columns.iter_mut().zip(row) {
            column.push(value);
        }
    }
    let mut values = tenant;
    let mut arrays = Vec::with_capacity(width);
    for column in columns {
        let (name, array) = match column[0] {
            Value::BigInt(_) => ("bigint", ArrayType::BigInt),
            Value::String(_) => ("text", ArrayType::String),
            Value::Bytes(_) => ("bytea", ArrayType::Bytes),
            Value::Uuid(_) => ("uuid", ArrayType::Uuid),
            _ => return Err(DbErr::Type("no column of ours has this type".to_owned())),
        };
        values.push(Value::Array(array, Some(Box::new(column))));
        arrays.push(format!("${}::{name}[]", values.len()));
    }
    Ok((format!("UNNEST({})", arrays.join(", ")), values))
}

fn portions<T>(backend: DatabaseBackend, mut rows: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    std::iter::from_fn(move || {
        let bits = rows.len().checked_ilog2()?;
        let length = match backend {
            DatabaseBackend::Postgres => rows.len(),
            // The first three bits: four lengths between a power of two and the next.
            _ => rows.len() >> bits.saturating_sub(2) << bits.saturating_sub(2),
        };
        let rest = rows.split_off(length.min(ROWS_MAX));
        Some(std::mem::replace(&mut rows, rest))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlites_portions_have_few_lengths_and_are_together_all_of_it() {
        for (length, lengths) in [
            (0, vec![]),
            (1, vec![1]),
            (7, vec![7]),
            (8, vec![8]),
            (45, vec![40, 5]),
            (1_045, vec![512, 512, 20, 1]),
        ] {
            let rows: Vec<usize> = (0..length).collect();
            let found: Vec<_> = portions(DatabaseBackend::Sqlite, rows.clone()).collect();
            assert_eq!(found.iter().map(|it| it.len()).collect::<Vec<_>>(), lengths);
            assert_eq!(found.concat(), rows);
        }
    }
}
