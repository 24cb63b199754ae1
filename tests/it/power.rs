//! The machine fails under load: the power is cut, the disk is full, the database server dies.
//!
//! The disk is `tests/power/lossy_disk.py`, which `tests/power/run` mounts; it loses what was not synced.
//! These tests have the machine for themselves: they end the one PostgreSQL that all tests share.

use std::{
    env, fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use tonic::{Code, Status};

use crate::{
    kills::{Person, outlive, register_printer},
    suite::{Database, Suite, acts::*, aloud, databases, postgres},
};

/// How often something is tried that must come in the end.
const ATTEMPTS: usize = 600;
const PAUSE: Duration = Duration::from_millis(50);

/// A disk whose switches are thrown by reading them.
struct Disk(PathBuf);

impl Disk {
    /// Where there is one.
    fn mounted() -> Option<Self> {
        let disk = env::var_os("VOW_TEST_DISK").map(PathBuf::from);
        if disk.is_none() {
            aloud("NOT RUN on a disk whose power can be cut: tests/power/run mounts one\n");
        }
        disk.map(Self)
    }

    fn throw(&self, switch: &str) {
        let said = fs::read_to_string(self.0.join(switch));
        aloud(&said.expect("the disk is mounted"));
    }
}

/// How often the power is cut on each database.
fn cuts() -> u64 {
    let named = env::var("VOW_TEST_CUTS").ok();
    named.and_then(|it| it.parse().ok()).unwrap_or(5)
}

fn server() -> &'static postgres::Postgres {
    postgres::cluster().expect("it was asked for")
}

#[tokio::test]
async fn every_acknowledged_record_survives_the_power_cut_and_is_proved() {
    let Some(disk) = Disk::mounted() else {
        return;
    };
    for database in databases() {
        let mut suite = Suite::start_on(database).await;
        outlive(&mut suite, cuts(), |suite| {
            suite.kill();
            if database == Database::Postgres {
                server().crash();
            }
            disk.throw("power-cut");
            if database == Database::Postgres {
                server().start_again();
            }
        })
        .await;
    }
}

#[tokio::test]
async fn nothing_leaves_unrecorded_when_the_disk_is_full_and_all_comes_back() {
    let Some(disk) = Disk::mounted() else {
        return;
    };
    for database in databases() {
        let suite = Suite::start_on(database).await;
        register_printer(&suite).await;
        let mut person = Person::agree(&mut suite.shop()).await;
        reveal_once(&suite, &mut person)
            .await
            .expect("there is room");
        disk.throw("full");
        // What is there already can be written over, and what finds room that way is recorded.
        let refused = until(async || reveal_once(&suite, &mut person).await.err()).await;
        assert!(
            matches!(refused.code(), Code::Unavailable | Code::Internal),
            "{refused:?}"
        );
        disk.throw("roomy");
        until(async || reveal_once(&suite, &mut person).await.ok()).await;
        person.is_all_there(&suite).await;
    }
}

#[tokio::test]
async fn nothing_leaves_while_the_database_is_gone_and_all_comes_back() {
    let (Some(_), Some(server)) = (Disk::mounted(), postgres::cluster()) else {
        return;
    };
    let suite = Suite::start_on(Database::Postgres).await;
    register_printer(&suite).await;
    let mut person = Person::agree(&mut suite.shop()).await;
    for _ in 0..3 {
        reveal_once(&suite, &mut person).await.expect("it is there");
        server.crash();
        for _ in 0..5 {
            let refused = reveal_once(&suite, &mut person).await;
            let refused = refused.expect_err("no record can be durable");
            assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
        }
        server.start_again();
        let back = Instant::now();
        until(async || reveal_once(&suite, &mut person).await.ok()).await;
        aloud(&format!(
            "back {} ms after its database\n",
            back.elapsed().as_millis()
        ));
        person.is_all_there(&suite).await;
    }
}

/// The address goes to the printer; what is acknowledged is kept in mind.
async fn reveal_once(suite: &Suite, person: &mut Person) -> Result<(), Status> {
    let mut shop = suite.shop();
    let question = disclose(&person.subject, "letterpress", NEWSLETTER, &[EMAIL]);
    let (grant, _) = authorize(&mut shop, question).await?;
    let record = reveal(&mut shop, &grant).await?.record;
    let record = record.expect("a reveal is recorded");
    person.acknowledged.insert((record.index, record.entry_id));
    Ok(())
}

/// What an attempt brings, once it brings something.
async fn until<T>(mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..ATTEMPTS {
        if let Some(found) = attempt().await {
            return found;
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("it never came");
}
