//! Many rows at once, in statements whose text the database has met before.
//!
//! A statement for many rows has as many placeholders, so each count of rows is a text of its own, to be parsed,
//! planned and kept. Portions of a power of two are few texts, which a connection keeps prepared.

use sea_orm::{
    Condition, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryTrait,
    sea_query::UnionType,
};

/// The most rows that are written in one statement. SQLite binds at most 32,766 values.
pub const ROWS_WRITTEN_MAX: usize = 512;
/// The most rows that are looked up in one statement. SQLite joins at most 500 selects.
const ROWS_FOUND_MAX: usize = 64;

/// Splits rows into portions whose lengths are powers of two and at most `longest`, itself one.
pub fn portions<T>(mut rows: &[T], longest: usize) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let largest = rows.len().checked_ilog2()?;
        let (portion, rest) = rows.split_at(longest.min(1 << largest));
        rows = rest;
        Some(portion)
    })
}

/// The rows that meet one of the conditions, each of which names a whole primary key. The rows come in no order.
///
/// Every key is looked up by itself. A list of them (`IN`) leaves the choice to the planner, and while PostgreSQL
/// knows little about a young table it reads everything that shares the beginning of the key.
pub async fn find_each<E: EntityTrait>(
    connection: &impl ConnectionTrait,
    keys: &[Condition],
) -> Result<Vec<E::Model>, DbErr> {
    let mut found = Vec::new();
    for keys in portions(keys, ROWS_FOUND_MAX) {
        let mut selects = keys
            .iter()
            .map(|it| E::find().filter(it.clone()).into_query());
        let Some(mut query) = selects.next() else {
            continue;
        };
        for select in selects {
            query.union(UnionType::All, select);
        }
        let statement = connection.get_database_backend().build(&query);
        found.extend(
            E::Model::find_by_statement(statement)
                .all(connection)
                .await?,
        );
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portions_are_powers_of_two_and_together_all_of_it() {
        for (length, lengths) in [
            (0, vec![]),
            (1, vec![1]),
            (5, vec![4, 1]),
            (8, vec![8]),
            (21, vec![8, 8, 4, 1]),
        ] {
            let rows: Vec<usize> = (0..length).collect();
            let found: Vec<_> = portions(&rows, 8).collect();
            assert_eq!(found.iter().map(|it| it.len()).collect::<Vec<_>>(), lengths);
            assert_eq!(found.concat(), rows);
        }
    }
}
