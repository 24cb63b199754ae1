//! Over a sharded PostgreSQL every row lies with its tenant, and no call crosses from one to another.

mod statements;

use std::{collections::BTreeSet, process::Command, time::Duration};

use client::Clients;
use tonic::Code;

use self::statements::{Reach, Statement, crossing_transactions};
use crate::suite::{Database, Suite, VOW, acts::*, postgres, separate::SERVICES};

/// The services whose tables are distributed, by the column `tenant`, and their tables.
/// disclosure-audit is not among them: there is one log for all tenants, with one writer at a time.
const DISTRIBUTED: [(&str, &[&str]); 3] = [
    (
        "consent",
        &[
            "acceptances",
            "changes",
            "consents",
            "data_keys",
            "outbox",
            "policies",
            "requests",
            "revisions",
            "subjects",
            "tenant_keys",
        ],
    ),
    (
        "payments-data",
        &[
            "data_keys",
            "order_values",
            "orders",
            "releases",
            "requests",
            "subjects",
            "tenant_keys",
        ],
    ),
    (
        "identity",
        &[
            "data_keys",
            "erasures",
            "index_entries",
            "requests",
            "stored_values",
            "subjects",
            "tenant_keys",
        ],
    ),
];

const MANUAL: &str = include_str!("../../docs/operations.md");

/// The tables that stay where they are: what was migrated.
const LOCAL: [&str; 2] = ["key_migrations", "migrations"];

/// What background work asks of all tenants at once, by the beginning of the statement, and why. No
/// caller waits for any of it.
const SWEEPS: &[(&str, &str)] = &[
    (
        "DELETE FROM \"requests\" WHERE \"requests\".\"at\" < $1",
        "request ids are forgotten after a day",
    ),
    (
        "SELECT \"revisions\".\"tenant\", \"revisions\".\"revision\" FROM \"revisions\"",
        "a follower learns which tenants have changed",
    ),
    (
        "SELECT \"outbox\".\"tenant\", COUNT(",
        "the outbox learns whose evidence waits",
    ),
    (
        "SELECT \"erasures\".\"tenant\", \"erasures\".\"subject\" FROM \"erasures\" WHERE",
        "unfinished erasures are taken up again",
    ),
    (
        "SELECT \"tenant_keys\".\"tenant\" FROM \"tenant_keys\"",
        "a vault's sweeps go through the tenants one by one",
    ),
    (
        "SELECT \"tenant_keys\".\"tenant\", \"tenant_keys\".\"key_id\", \"tenant_keys\".\"wrapped\", \
         \"tenant_keys\".\"blind_index\", \"tenant_keys\".\"created_at\" FROM \"tenant_keys\"",
        "at its start a service wraps the tenants' keys by the current key-encryption key",
    ),
    (
        "SELECT \"data_keys\".\"tenant\", SUM(",
        "the keys are counted by age",
    ),
    (
        "SELECT COUNT(\"erasures\".\"requested_at\") AS \"pending\"",
        "erasures are counted",
    ),
];

#[tokio::test]
async fn no_call_asks_a_database_about_more_than_one_tenant() {
    let Some(server) = postgres::cluster() else {
        return;
    };
    let mut suite = Suite::start_on(Database::Postgres).await;
    let urls: Vec<String> = suite.database_urls();
    for url in &urls {
        let name = name(url);
        server.ask(
            url,
            &format!("ALTER DATABASE {name} SET log_statement = 'all'"),
        );
    }
    // New connections, and all that a start asks.
    suite.kill();
    suite.restart().await;
    let tour = Command::new(VOW)
        .arg("tour")
        .arg("--dir")
        .arg(suite.material())
        .output();
    assert!(tour.expect("the program runs").status.success());
    let lives = [("shop", "default"), ("clinic", "clinic")].map(|(name, tenant)| {
        let operator = suite.client("operator", tenant);
        live(suite.client(name, tenant), operator)
    });
    let [one, other] = lives;
    tokio::join!(one, other);
    // Two rounds of every sweep.
    tokio::time::sleep(Duration::from_secs(5)).await;
    suite.kill();

    let log = server.log();
    let (mut swept, mut strays) = (BTreeSet::new(), BTreeSet::new());
    for (service, tables) in DISTRIBUTED {
        let place = SERVICES.iter().position(|it| *it == service);
        let url = &urls[place.expect("it is a service")];
        let statements = statements::read(&log, name(url));
        for table in tables {
            let touched = statements.iter().any(|it| it.tables().contains(table));
            assert!(
                touched,
                "{service} did not use {table}, so nothing is known of it"
            );
        }
        for statement in statements.iter().filter(|it| reaches_everything(it)) {
            let sql = &statement.sql;
            let found = SWEEPS.iter().find(|(begin, _)| sql.starts_with(begin));
            match found {
                Some((begin, _)) => swept.insert(*begin),
                None => strays.insert(format!("{service} asks about every tenant: {sql}")),
            };
        }
        let crossing = crossing_transactions(&statements);
        assert!(
            crossing.is_empty(),
            "{service} writes for several at once: {crossing:?}"
        );
    }
    assert!(strays.is_empty(), "{strays:#?}");
    for (sweep, why) in SWEEPS {
        assert!(
            swept.contains(sweep),
            "nothing sweeps any more because {why}"
        );
    }
}

/// Whether a statement is not held to one tenant. What is asked of the server itself, and of the
/// tables that stay where they are, does not count.
fn reaches_everything(statement: &Statement) -> bool {
    let of_the_server = ["FROM pg_", "FROM information_schema", "migrations"];
    let is_of_the_server = of_the_server.iter().any(|it| statement.sql.contains(it));
    statement.reach() == Reach::Everything && !is_of_the_server
}

/// A life with every kind of call, in one tenant.
async fn live(mut caller: Clients, mut operator: Clients) {
    let kind = "service_provider";
    register_recipient(&mut operator, "printer", kind, NEWSLETTER, &[EMAIL])
        .await
        .expect("it may be");
    let subject = register(&mut caller).await;
    collect_typed(
        &mut caller,
        &subject,
        &[(EMAIL, "ada@example.org"), (NAME, "Ada")],
    )
    .await;
    let request = proto::identity::FindSubjectRequest {
        category: EMAIL.into(),
        text: "ada@example.org".into(),
    };
    let found = caller.identity.find_subject(caller.request(request)).await;
    assert_eq!(
        found.expect("she is there").into_inner().subject_ids,
        [subject.as_str()]
    );
    let about = scope(&subject, NEWSLETTER, "printer");
    grant_consent(&mut caller, about.clone())
        .await
        .expect("anybody may agree");
    let question = disclose(&subject, "printer", NEWSLETTER, &[EMAIL]);
    let (grant, _) = authorize(&mut caller, question).await.expect("she agreed");
    reveal(&mut caller, &grant).await.expect("it is granted");
    let order = open_order(&mut caller, &subject, 1).await.order_id;
    let card = vec![order_card("4242424242424242")];
    store_order_data(&mut caller, &subject, &order, card)
        .await
        .expect("it is open");
    settle(&mut caller, &order).await.expect("it is paid");
    withdraw_consent(&mut caller, about)
        .await
        .expect("anybody may withdraw");
    let answer = reveal(&mut caller, &grant).await;
    assert_refused(answer, Code::FailedPrecondition, "GRANT_SUPERSEDED");
    erase(&mut caller, &subject).await;
}

#[tokio::test]
async fn the_schema_is_one_that_can_be_distributed_by_tenant() {
    let Some(server) = postgres::cluster() else {
        return;
    };
    let suite = Suite::start_on(Database::Postgres).await;
    let urls = suite.database_urls();
    for (service, tables) in DISTRIBUTED {
        let place = SERVICES.iter().position(|it| *it == service);
        let url = &urls[place.expect("it is a service")];
        let all: BTreeSet<&str> = tables.iter().chain(&LOCAL).copied().collect();
        let found = server.ask(url, TABLES);
        let found: BTreeSet<&str> = found.lines().collect();
        assert_eq!(found, all, "{service}: say of each table where it lies");
        for table in tables {
            let said = format!("SELECT create_distributed_table('{table}', 'tenant'");
            assert!(MANUAL.contains(&said), "the manual distributes {table}");
        }
        for (why, sql) in [
            ("has no tenant that is always given", WITHOUT_TENANT),
            ("is unique across tenants", UNIQUE_ACROSS_TENANTS),
            ("refers to another tenant's rows", REFERENCE_ACROSS_TENANTS),
            ("is what a distributed table cannot have", NOT_DISTRIBUTABLE),
        ] {
            let found = server.ask(url, sql);
            let found: Vec<&str> = found.lines().filter(|it| !is_local(it)).collect();
            assert!(found.is_empty(), "{service}: {why}: {found:?}");
        }
    }
}

/// Whether a table, or an index that is named after one, stays where it is.
fn is_local(name: &str) -> bool {
    LOCAL
        .iter()
        .any(|it| name == *it || name.starts_with(&format!("{it}_")))
}

const TABLES: &str = "SELECT relname FROM pg_class \
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')";

const WITHOUT_TENANT: &str = "SELECT relname FROM pg_class c \
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT EXISTS \
    (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant' \
     AND a.attnotnull AND a.atttypid = 'text'::regtype)";

const UNIQUE_ACROSS_TENANTS: &str = "SELECT c.relname FROM pg_index i \
    JOIN pg_class c ON c.oid = i.indexrelid \
    WHERE c.relnamespace = 'public'::regnamespace AND (i.indisunique OR i.indisexclusion) \
    AND NOT EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = i.indrelid \
    AND a.attname = 'tenant' AND a.attnum = ANY (i.indkey))";

const REFERENCE_ACROSS_TENANTS: &str = "SELECT k.conname FROM pg_constraint k \
    WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace AND NOT EXISTS \
    (SELECT 1 FROM unnest(k.conkey, k.confkey) AS pair(here, there) \
     JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = here \
     JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = there \
     WHERE a.attname = 'tenant' AND b.attname = 'tenant')";

/// Triggers, rules, views, sequences, identities, inheritance.
/// Triggers go with a table only where the manual says so: those of these two look at the row at hand alone.
const NOT_DISTRIBUTABLE: &str = "SELECT relname FROM pg_class c \
    WHERE relnamespace = 'public'::regnamespace AND (relkind NOT IN ('r', 'p', 'i', 'I', 't') \
    OR relhasrules OR relrowsecurity \
    OR (relname NOT IN ('acceptances', 'policies') AND EXISTS ( \
        SELECT 1 FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal)) \
    OR EXISTS (SELECT 1 FROM pg_inherits h WHERE h.inhrelid = c.oid) \
    OR EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attidentity <> ''))";

/// The name of the database that a URL ends with.
fn name(url: &str) -> &str {
    url.rsplit('/').next().expect("it has a last part")
}
