//! The restore drill: after any restore the erased stay erased, and a log that lost entries is not served.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use client::Clients;
use proto::disclosure_audit::GetCheckpointRequest;
use tonic::Code;
use uuid::Uuid;

use crate::suite::{
    Database, Suite, VOW,
    acts::*,
    databases,
    postgres::{self, succeed},
    separate::{SERVICES, http_get},
    sqlite,
};

const LOG: &str = "disclosure-audit";

#[tokio::test]
async fn a_restore_revives_nobody_and_a_log_that_lost_entries_is_not_served() {
    for database in databases() {
        let mut suite = Suite::start_on(database).await;
        let folder = suite.folder().to_owned();
        let [yesterday, today] = ["yesterday", "today"].map(|it| folder.join(it));
        let (mut shop, mut operator) = (suite.shop(), suite.operator());
        let categories = [EMAIL];
        let kind = "service_provider";
        register_recipient(&mut operator, "letterpress", kind, NEWSLETTER, &categories)
            .await
            .expect("it may be");
        let ada = Person::join(&mut shop, "ada@example.org").await;
        let grace = Person::join(&mut shop, "grace@example.org").await;

        for service in SERVICES {
            back_up(&suite, database, service, &yesterday).await;
        }
        let her_key = wrapped_key(&suite, database, "identity", &ada.subject).await;
        let her_key = her_key.expect("she has a key yet");

        // The day goes on: a person is erased, an order is paid, and values leave.
        erase(&mut shop, &ada.subject).await;
        settle(&mut shop, &grace.order).await.expect("it is open");
        let entry = grace.reveal(&mut shop).await;
        let proof = receipt(&mut shop, &entry).await.expect("it can be proved");
        let known = folder.join("known-checkpoint");
        let kept = checkpoint(&suite, database, &mut shop).await;
        fs::write(&known, kept).expect("the folder can be written");

        // The vaults and consent are lost, and come back as they were yesterday.
        suite.kill();
        for service in SERVICES.into_iter().filter(|it| *it != LOG) {
            restore(&suite, database, service, &yesterday);
        }
        suite.restart().await;
        shop = suite.shop();
        let erased_again = erase(&mut shop, &ada.subject).await;
        assert!(!erased_again.certificate.is_empty());
        assert_eq!(values_of(&mut shop, &ada.subject).await, 0);
        let question = disclose(&ada.subject, "letterpress", NEWSLETTER, &[EMAIL]);
        let answer = authorize(&mut shop, question).await;
        assert_refused(answer, Code::FailedPrecondition, "SUBJECT_ERASED");
        for (service, owner) in [
            ("identity", &ada.subject),
            ("payments-data", &ada.order),
            ("payments-data", &grace.order),
        ] {
            let key = wrapped_key(&suite, database, service, owner).await;
            assert_eq!(key, None, "{service} destroyed it again");
        }
        if database == Database::Sqlite {
            let files = fs::read_dir(suite.material().join("data")).expect("it is there");
            for file in files.flatten().filter(|it| it.path().is_file()) {
                let bytes = fs::read(file.path()).expect("it can be read");
                let found = memchr::memmem::find(&bytes, &her_key);
                assert_eq!(found, None, "her key is in {:?}", file.file_name());
            }
        }
        // Who was not erased is served as before, and what was proved is proved.
        grace.reveal(&mut shop).await;
        assert_holds(&suite, &proof);

        suite.kill();
        back_up(&suite, database, LOG, &today).await;
        assert_eq!(serve_log(&suite, Some(&known)).await, Ok(()));
        restore(&suite, database, LOG, &yesterday);
        for (known, said) in [
            (
                Some(known.as_path()),
                "the log does not continue the known checkpoint",
            ),
            // What it published itself is known as well.
            (
                None,
                "the log does not continue the checkpoint that it published",
            ),
        ] {
            let refused = serve_log(&suite, known).await.expect_err("it lost entries");
            assert!(refused.contains(said), "{refused}");
        }
        // Every entry is there; the checkpoints that were signed after the backup began are not.
        restore(&suite, database, LOG, &today);
        forget_checkpoints(&suite, database).await;
        assert_eq!(serve_log(&suite, Some(&known)).await, Ok(()));
    }
}

/// Somebody who gave an address, agreed to the newsletter, and placed an order.
struct Person {
    subject: String,
    order: String,
    email: &'static str,
}

impl Person {
    async fn join(shop: &mut Clients, email: &'static str) -> Self {
        let subject = register(shop).await;
        collect_typed(shop, &subject, &[(EMAIL, email)]).await;
        let about = scope(&subject, NEWSLETTER, "letterpress");
        grant_consent(shop, about).await.expect("anybody may agree");
        let order = open_order(shop, &subject, 1).await.order_id;
        let card = vec![order_card("4242424242424242")];
        let stored = store_order_data(shop, &subject, &order, card).await;
        stored.expect("it is open");
        Self {
            subject,
            order,
            email,
        }
    }

    /// The address goes to the printer; the answer is the entry in the log.
    async fn reveal(&self, shop: &mut Clients) -> String {
        let question = disclose(&self.subject, "letterpress", NEWSLETTER, &[EMAIL]);
        let (grant, _) = authorize(shop, question).await.expect("she agreed");
        let revealed = reveal(shop, &grant).await.expect("it is granted");
        assert_eq!(revealed.values[0].text, self.email);
        revealed.record.expect("it is recorded").entry_id
    }
}

async fn values_of(shop: &mut Clients, subject: &str) -> usize {
    let request = proto::identity::GetSubjectRequest {
        subject_id: subject.into(),
    };
    let answer = shop.identity.get_subject(shop.request(request)).await;
    answer
        .expect("she was registered")
        .into_inner()
        .values
        .len()
}

/// The newest checkpoint of the log, as an operator keeps it elsewhere: by a call, or by `psql`, which
/// adds an empty line.
async fn checkpoint(suite: &Suite, database: Database, shop: &mut Clients) -> Vec<u8> {
    let request = shop.request(GetCheckpointRequest {});
    let answer = shop.audit.get_checkpoint(request).await;
    let checkpoint = answer
        .expect("something was recorded")
        .into_inner()
        .checkpoint;
    if database == Database::Sqlite {
        return checkpoint;
    }
    let mut psql = server().program("psql");
    psql.args(["--tuples-only", "--no-align", "--command"]);
    psql.arg("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1");
    succeed(psql.arg(url(suite, LOG)))
}

async fn forget_checkpoints(suite: &Suite, database: Database) {
    let delete = "DELETE FROM checkpoints";
    match database {
        Database::Sqlite => sqlite::execute(&files(suite, LOG)[0], delete).await,
        Database::Postgres => drop(server().ask(&url(suite, LOG), delete)),
    }
}

fn assert_holds(suite: &Suite, proof: &str) {
    let file = suite.folder().join("receipt.tlog-proof");
    fs::write(&file, proof).expect("the folder can be written");
    let key = suite.material().join("log.vkey");
    succeed(
        Command::new(VOW)
            .arg("verify")
            .arg(file)
            .arg("--key")
            .arg(key),
    );
}

/// Backs up one service while it serves, by the commands of docs/operations.md.
async fn back_up(suite: &Suite, database: Database, service: &str, to: &Path) {
    fs::create_dir_all(to).expect("the folder can be written");
    match database {
        Database::Sqlite => {
            for file in files(suite, service) {
                let copy = to.join(file.file_name().expect("it is a file"));
                sqlite::vacuum_into(&file, &copy).await;
            }
        }
        Database::Postgres => {
            let mut dump = server().program("pg_dump");
            dump.arg("--format=custom")
                .arg("--file")
                .arg(to.join(service));
            succeed(dump.arg(url(suite, service)));
        }
    }
}

/// Puts a backup in the place of what is there, by the commands of docs/operations.md.
fn restore(suite: &Suite, database: Database, service: &str, from: &Path) {
    match database {
        Database::Sqlite => {
            for file in files(suite, service) {
                let name = file
                    .file_name()
                    .expect("it is a file")
                    .to_str()
                    .expect("text");
                for old in ["", "-wal", "-shm"] {
                    let _ = fs::remove_file(file.with_file_name(format!("{name}{old}")));
                }
                fs::copy(from.join(name), &file).expect("it was backed up");
            }
        }
        Database::Postgres => {
            let mut program = server().program("pg_restore");
            program.args([
                "--clean",
                "--if-exists",
                "--single-transaction",
                "--no-owner",
            ]);
            program.arg("--dbname").arg(url(suite, service));
            succeed(program.arg(from.join(service)));
        }
    }
}

/// An owner's key as it is stored, if it is.
pub async fn wrapped_key(
    suite: &Suite,
    database: Database,
    service: &str,
    owner: &str,
) -> Option<Vec<u8>> {
    let owner = Uuid::parse_str(owner).expect("it is an id");
    match database {
        Database::Sqlite => {
            let [_, keys] = files(suite, service);
            sqlite::wrapped_key(&keys, owner.as_bytes()).await
        }
        Database::Postgres => {
            let select = format!("SELECT wrapped FROM data_keys WHERE owner = '{owner}'");
            let answer = server().ask(&url(suite, service), &select);
            Some(answer.into_bytes()).filter(|it| !it.is_empty())
        }
    }
}

/// The two files of a service: its values and its keys.
fn files(suite: &Suite, service: &str) -> [PathBuf; 2] {
    let data = suite.material().join("data");
    ["", "-keys"].map(|it| data.join(format!("{service}{it}.db")))
}

fn server() -> &'static postgres::Postgres {
    postgres::cluster().expect("it was asked for")
}

fn url(suite: &Suite, service: &str) -> String {
    let place = SERVICES.iter().position(|it| *it == service);
    suite.database_urls()[place.expect("it is a service")].clone()
}

/// Starts the log alone, with what it published and perhaps a checkpoint that it must continue: that it
/// serves, or why it does not.
async fn serve_log(suite: &Suite, known: Option<&Path>) -> Result<(), String> {
    let material = suite.material();
    let own = |name: &str| material.join(LOG).join(name);
    let database_url = match suite.database_urls().is_empty() {
        true => format!("sqlite://{}", files(suite, LOG)[0].display()),
        false => url(suite, LOG),
    };
    let admin = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
    let admin = admin.expect("a port is free");
    let mut command = Command::new(VOW);
    command.args(["serve", LOG, "--listen", "127.0.0.1:0"]);
    command.args([
        "--admin-listen",
        &admin.to_string(),
        "--database-url",
        &database_url,
    ]);
    command.arg("--tls-certificate").arg(own("certificate.pem"));
    command.arg("--tls-key").arg(own("certificate.key"));
    command.arg("--tls-authority").arg(material.join("ca.pem"));
    command.arg("--callers").arg(material.join("callers.toml"));
    command
        .arg("--key-encryption-keys")
        .arg(own("key-encryption.keys"));
    command.arg("--log-key").arg(own("signing.key"));
    let published = material.join("data/log");
    let published = format!("file://{}", published.display());
    command.args(["--tile-store", &published]);
    if let Some(known) = known {
        command.arg("--known-checkpoint").arg(known);
    }
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut process = command.spawn().expect("the program starts");
    let serves = async {
        loop {
            if process.try_wait().expect("it was started here").is_some() {
                return false;
            }
            let ready = http_get(admin.port(), "/readyz").await;
            let is_ready = ready.is_some_and(|it| it.starts_with("HTTP/1.1 200"));
            // What was published is compared once more when it is published on.
            let metrics = http_get(admin.port(), "/metrics").await.unwrap_or_default();
            let size = metrics
                .lines()
                .find_map(|it| it.strip_prefix("vow_log_published_size "));
            if is_ready && size.is_some_and(|it| it != "0") {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let serves = tokio::time::timeout(Duration::from_secs(60), serves).await;
    let _ = process.kill();
    let output = process.wait_with_output().expect("it was started here");
    match serves.expect("it serves or ends") {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}
