//! `vow log audit`: the database, what is published and what was signed, compared with each other.

use std::{
    fs,
    process::{Command, Output},
    time::Duration,
};

use crate::suite::{Database, Suite, VOW, acts::*, databases, postgres, sqlite};

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn three_roots_agree_until_one_of_them_is_altered() {
    for database in databases() {
        let mut suite = Suite::start_on(database).await;
        let (mut shop, mut operator) = (suite.shop(), suite.operator());
        let kind = "service_provider";
        register_recipient(&mut operator, "letterpress", kind, NEWSLETTER, &[EMAIL])
            .await
            .expect("it is a provider");
        for _ in 0..3 {
            let subject = register(&mut shop).await;
            collect_typed(&mut shop, &subject, &[(EMAIL, "ada@example.org")]).await;
            grant_consent(&mut shop, scope(&subject, NEWSLETTER, "letterpress"))
                .await
                .expect("anybody may agree");
        }
        if database == Database::Sqlite {
            // The file has one owner.
            tokio::time::sleep(Duration::from_secs(2)).await;
            assert_eq!(audit(&suite, database).0, Some(1));
            suite.kill();
        }
        let (code, said) = agreed(&suite, database).await;
        assert_eq!(code, Some(0), "{said}");
        for name in ["signed ", "database ", "tiles "] {
            assert!(said.contains(name), "{said}");
        }

        let tile = suite.material().join("data/log/checkpoint");
        let note = fs::read_to_string(&tile).expect("it is published");
        fs::write(&tile, note.replacen("\n", "\n1", 1)).expect("it can be written");
        assert_refused(&audit(&suite, database), "a signature does not verify");
        fs::write(&tile, note).expect("it can be written");

        alter(&suite, database, one_bit_of_a_tile(database)).await;
        assert_refused(
            &audit(&suite, database),
            "the database proves nothing: its tile/0/000.p/",
        );
        let first = "(SELECT entry FROM entries WHERE position = 0)";
        alter(
            &suite,
            database,
            &format!("UPDATE entries SET entry = {first} WHERE position = 1"),
        )
        .await;
        assert_refused(
            &audit(&suite, database),
            "differ first in the entry at index 1",
        );
        alter(&suite, database, "DELETE FROM entries WHERE position = 1").await;
        assert_refused(&audit(&suite, database), "an entry from 0 on is missing");
        alter(&suite, database, "UPDATE log_head SET size = 1").await;
        assert_refused(&audit(&suite, database), "it lost what was there");
    }
}

/// Turns the lowest bit of the first hash that the database keeps of the tree.
fn one_bit_of_a_tile(database: Database) -> &'static str {
    match database {
        Database::Sqlite => {
            "UPDATE tiles SET hashes = unhex(substr(hex(hashes), 1, 63)
             || substr('1032547698BADCFE', instr('0123456789ABCDEF', substr(hex(hashes), 64, 1)), 1)
             || substr(hex(hashes), 65)) WHERE level = 0 AND place = 0"
        }
        Database::Postgres => {
            "UPDATE tiles SET hashes = set_byte(hashes, 31, get_byte(hashes, 31) # 1)
             WHERE level = 0 AND place = 0"
        }
    }
}

/// Audits until everything that was signed is published.
async fn agreed(suite: &Suite, database: Database) -> (Option<i32>, String) {
    let published = async {
        loop {
            let (code, said) = audit(suite, database);
            if code == Some(0) && !said.contains("not") {
                return (code, said);
            }
            assert!(matches!(code, Some(0 | 1)), "{said}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let published = tokio::time::timeout(PATIENCE, published).await;
    published.unwrap_or_else(|_| audit(suite, database))
}

fn assert_refused((code, said): &(Option<i32>, String), words: &str) {
    assert_eq!(*code, Some(3), "{said}");
    assert!(said.contains(words), "{words:?} is not in: {said}");
}

/// What the audit said, and with which code it ended.
fn audit(suite: &Suite, database: Database) -> (Option<i32>, String) {
    let mut program = Command::new(VOW);
    program.args(["log", "audit", "--database-url", &url(suite, database)]);
    program
        .arg("--tiles")
        .arg(suite.material().join("data/log"));
    program.arg("--key").arg(suite.material().join("log.vkey"));
    let Output {
        status,
        stdout,
        stderr,
    } = program.output().expect("the program runs");
    let said = String::from_utf8([stdout, stderr].concat()).expect("it is text");
    (status.code(), said)
}

fn url(suite: &Suite, database: Database) -> String {
    let file = suite.material().join("data/disclosure-audit.db");
    match database {
        Database::Sqlite => format!("sqlite://{}", file.display()),
        Database::Postgres => suite.database_urls()[0].clone(),
    }
}

/// What somebody does who has the database and no scruples.
async fn alter(suite: &Suite, database: Database, statement: &str) {
    match database {
        Database::Sqlite => {
            let file = suite.material().join("data/disclosure-audit.db");
            sqlite::execute(&file, statement).await;
        }
        Database::Postgres => {
            let server = postgres::cluster().expect("it was asked for");
            server.ask(&url(suite, database), statement);
        }
    }
}
