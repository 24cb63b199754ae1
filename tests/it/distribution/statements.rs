//! What a database was asked, read from its server's log: statements, their parameters and transactions.

use std::collections::{BTreeMap, BTreeSet};

/// One statement as the server ran it.
#[derive(Debug)]
pub struct Statement {
    /// The server's process, which is one connection.
    connection: String,
    /// The text, with `$1` for the first parameter.
    pub sql: String,
    parameters: String,
}

/// How far one statement reaches.
#[derive(Debug, PartialEq, Eq)]
pub enum Reach {
    /// No table is touched.
    Nothing,
    /// Every table is held to one tenant, by the parameters of these numbers.
    Tenant(Vec<usize>),
    /// Some table is not, or the statement is not written in the way that is understood here.
    Everything,
}

/// The statements that one database ran, in the order of its log.
pub fn read(log: &str, database: &str) -> Vec<Statement> {
    let mut statements: Vec<Statement> = Vec::new();
    // What does not fit a line goes on in the next, behind a tab.
    for line in log.replace("\n\t", " ").lines() {
        let Some((head, message)) = line.split_once("] ") else {
            continue;
        };
        let Some((of, connection)) = head.strip_prefix('[').and_then(|it| it.split_once(' '))
        else {
            continue;
        };
        if of != database {
            continue;
        }
        if let Some(parameters) = message.strip_prefix("DETAIL:  parameters: ") {
            let last = statements
                .iter_mut()
                .rfind(|it| it.connection == connection);
            last.expect("a statement comes before its parameters")
                .parameters = parameters.to_owned();
        } else if let Some(said) = message.strip_prefix("LOG:  ")
            && let Some((kind, sql)) = said.split_once(": ")
            && (kind == "statement" || kind.starts_with("execute "))
        {
            statements.push(Statement {
                connection: connection.to_owned(),
                sql: sql.split_whitespace().collect::<Vec<_>>().join(" "),
                parameters: String::new(),
            });
        }
    }
    statements
}

/// Transactions that write for more than one tenant, each by the names of its tenants. A statement
/// outside of any is one by itself.
pub fn crossing_transactions(statements: &[Statement]) -> Vec<BTreeSet<String>> {
    let mut open: BTreeMap<&str, (bool, BTreeSet<String>)> = BTreeMap::new();
    let mut crossing = Vec::new();
    for statement in statements {
        let connection = statement.connection.as_str();
        match statement.sql.as_str() {
            "BEGIN" => {
                open.insert(connection, Default::default());
            }
            "COMMIT" | "ROLLBACK" => {
                let ended = open.remove(connection);
                crossing.extend(ended.filter(|it| it.0 && it.1.len() > 1).map(|it| it.1));
            }
            sql => {
                let writes = !sql.starts_with("SELECT");
                let tenants = statement.tenants();
                match open.get_mut(connection) {
                    Some((wrote, all)) => {
                        *wrote |= writes;
                        all.extend(tenants);
                    }
                    None if writes && tenants.len() > 1 => crossing.push(tenants),
                    None => {}
                }
            }
        }
    }
    crossing
}

impl Statement {
    /// The tables that are touched.
    pub fn tables(&self) -> Vec<&str> {
        ["FROM \"", "JOIN \"", "INTO \"", "UPDATE \""]
            .iter()
            .flat_map(|it| self.sql.split(it).skip(1))
            .filter_map(|it| it.split('"').next())
            .collect()
    }

    /// The tenants it names.
    fn tenants(&self) -> BTreeSet<String> {
        let Reach::Tenant(numbers) = self.reach() else {
            return BTreeSet::new();
        };
        let value = |number| {
            let (_, rest) = self.parameters.split_once(&format!("${number} = '"))?;
            rest.split('\'').next().map(str::to_owned)
        };
        numbers.into_iter().filter_map(value).collect()
    }

    /// How far it reaches. What is understood is the SQL that the object mapper writes: names in
    /// quotes, and conditions that all must hold.
    pub fn reach(&self) -> Reach {
        let sql = self.sql.as_str();
        let places = |keyword: &str| sql.matches(keyword).count();
        let mentioned = places("FROM ") + places("JOIN ") + places("INTO ");
        let mentioned = mentioned + usize::from(sql.starts_with("UPDATE "));
        // What is in brackets mentions its own, and arrays of parameters are no table.
        let bracketed = places("FROM (SELECT ") + places("JOIN LATERAL (SELECT ");
        let mentioned = mentioned - bracketed - places("FROM UNNEST(");
        if mentioned == 0 {
            return Reach::Nothing;
        }
        let tables = self.tables();
        let one_of_several_holds = sql.contains(" OR ") || sql.contains("NOT (");
        if tables.len() != mentioned || one_of_several_holds || sql.contains("WITH ") {
            return Reach::Everything;
        }
        if sql.starts_with("INSERT ") {
            return inserted(sql).map_or(Reach::Everything, Reach::Tenant);
        }
        let mut numbers = Vec::new();
        for table in &tables {
            let condition = format!("\"{table}\".\"tenant\" = $");
            let found: Vec<usize> = sql.split(&condition).skip(1).filter_map(number).collect();
            if found.len() != tables.iter().filter(|it| *it == table).count() {
                return Reach::Everything;
            }
            numbers.extend(found);
        }
        Reach::Tenant(numbers)
    }
}

/// The parameter of the tenant in each row of an insertion, or the one of all rows that come from arrays.
fn inserted(sql: &str) -> Option<Vec<usize>> {
    if let Some((columns, of_all)) = sql.split_once(") SELECT $") {
        let is_first = columns.ends_with(r#" ("tenant""#) || columns.contains(r#" ("tenant", "#);
        return is_first.then(|| number(of_all).map(|it| vec![it]))?;
    }
    let (columns, values) = sql.split_once(") VALUES ")?;
    let (_, columns) = columns.split_once(" (")?;
    let place = columns.split(", ").position(|it| it == "\"tenant\"")?;
    let rows = values.split(" ON CONFLICT ").next()?;
    let rows = rows.split(" RETURNING ").next()?;
    let rows = rows.trim_matches(['(', ')']).split("), (");
    rows.map(|row| number(row.split(", ").nth(place)?.strip_prefix('$')?))
        .collect()
}

/// The number that a text begins with.
fn number(text: &str) -> Option<usize> {
    let digits = text.find(|it: char| !it.is_ascii_digit());
    text[..digits.unwrap_or(text.len())].parse().ok()
}

#[test]
fn only_a_statement_held_to_one_tenant_reaches_one_tenant() {
    let tenant = Reach::Tenant;
    for (sql, reach) in [
        (r#"SELECT current_database()"#, Reach::Nothing),
        (r#"SELECT "a"."x" FROM "a""#, Reach::Everything),
        (
            r#"SELECT "a"."x" FROM "a" WHERE "a"."tenant" = $1"#,
            tenant(vec![1]),
        ),
        (
            r#"SELECT "a"."x" FROM "a" WHERE "a"."x" = $1 AND "a"."tenant" = $12"#,
            tenant(vec![12]),
        ),
        (
            r#"SELECT "a"."x" FROM "a" WHERE "a"."tenant" = $1 OR "a"."x" = $2"#,
            Reach::Everything,
        ),
        (
            r#"SELECT "a"."x" FROM "a" WHERE "a"."tenant" <> $1"#,
            Reach::Everything,
        ),
        (
            r#"SELECT "a"."x" FROM "a" WHERE "a"."tenant" IN ($1, $2)"#,
            Reach::Everything,
        ),
        (r#"SELECT x FROM a WHERE tenant = $1"#, Reach::Everything),
        (
            r#"UPDATE "a" SET "tenant" = $1 WHERE "a"."x" = $2"#,
            Reach::Everything,
        ),
        (
            r#"UPDATE "a" SET "x" = $1 WHERE "a"."tenant" = $2"#,
            tenant(vec![2]),
        ),
        (r#"DELETE FROM "a" WHERE "a"."at" < $1"#, Reach::Everything),
        (
            r#"DELETE FROM "a" WHERE "a"."tenant" = $1 AND "a"."x" IN (SELECT "b"."x" FROM "b")"#,
            Reach::Everything,
        ),
        (
            r#"DELETE FROM "a" WHERE "a"."tenant" = $1 AND "a"."x" IN
               (SELECT "b"."x" FROM "b" WHERE "b"."tenant" = $2)"#,
            tenant(vec![1, 2]),
        ),
        (
            r#"INSERT INTO "a" ("x", "y") VALUES ($1, $2)"#,
            Reach::Everything,
        ),
        (
            r#"INSERT INTO "a" ("x", "tenant") VALUES ($1, $2), ($3, $4) ON CONFLICT ("x") DO NOTHING"#,
            tenant(vec![2, 4]),
        ),
        (
            r#"INSERT INTO "a" ("tenant", "x") SELECT $1, given.* FROM UNNEST($2::text[]) AS given"#,
            tenant(vec![1]),
        ),
        (
            r#"INSERT INTO "a" ("x", "tenant") SELECT $1, given.* FROM UNNEST($2::text[]) AS given"#,
            Reach::Everything,
        ),
        (
            r#"INSERT INTO "a" ("tenant", "x") SELECT * FROM UNNEST($1::text[], $2::text[]) AS given"#,
            Reach::Everything,
        ),
        (
            r#"SELECT found.* FROM UNNEST($2::text[]) AS given ("x") CROSS JOIN LATERAL (SELECT *
               FROM "a" WHERE "a"."tenant" = $1 AND "a"."x" = given."x" LIMIT 1) AS found"#,
            tenant(vec![1]),
        ),
        (
            r#"SELECT found.* FROM UNNEST($1::text[]) AS given ("x") CROSS JOIN LATERAL (SELECT *
               FROM "a" WHERE "a"."x" = given."x" LIMIT 1) AS found"#,
            Reach::Everything,
        ),
    ] {
        let statement = Statement {
            connection: String::new(),
            sql: sql.to_owned(),
            parameters: String::new(),
        };
        assert_eq!(statement.reach(), reach, "{sql}");
    }
}
