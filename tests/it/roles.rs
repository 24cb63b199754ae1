//! One role brings the schema to its version, another one serves: who waits for whom, and who may do what.

use std::process::{Command, Output};

use crate::suite::{
    VOW, postgres,
    separate::{SERVICES, Separate, http_get},
};

const MIGRATOR: &str = "vow_migrator";
const RUNTIME: &str = "vow_runtime";

#[tokio::test]
async fn a_service_waits_for_its_schema_and_may_not_change_it() {
    let Some(cluster) = postgres::cluster() else {
        return;
    };
    let urls = SERVICES.map(|service| (service, cluster.new_database()));
    let first = &urls[0].1;
    for role in [MIGRATOR, RUNTIME] {
        cluster.ask(first, &format!("CREATE ROLE {role} LOGIN"));
    }
    cluster.ask(first, &format!("GRANT {RUNTIME} TO {MIGRATOR}"));
    for (_, url) in &urls {
        let name = url
            .rsplit('/')
            .next()
            .expect("a URL ends with the database");
        cluster.ask(url, &format!("ALTER DATABASE {name} OWNER TO {MIGRATOR}"));
    }
    let as_role = |url: &str, role: &str| url.replace("postgres@", &format!("{role}@"));
    let runtime = urls
        .clone()
        .map(|(service, url)| (service, as_role(&url, RUNTIME)));
    let mut suite = Separate::begin(runtime.into(), 1, &[("VOW_MIGRATIONS", "wait")]);
    for service in SERVICES {
        suite.wait_until(0, service, "/livez", "HTTP/1.1 200").await;
        suite
            .wait_until(0, service, "/readyz", "migrations are pending")
            .await;
    }

    for (service, url) in &urls {
        // Two at once do not disturb each other.
        let migrator = as_role(url, MIGRATOR);
        let both = [(); 2].map(|()| migrate(service, &migrator).spawn().expect("it starts"));
        for mut it in both {
            assert!(it.wait().expect("it was started here").success());
        }
    }
    suite.wait_until_all_ready().await;

    // One person's life, to the erasure, again and again.
    for _ in 0..2 {
        tour(&suite);
    }
    for (_, url) in &urls {
        for forbidden in [
            "CREATE TABLE more (id BIGINT)",
            "ALTER TABLE migrations ADD COLUMN more BIGINT",
            "DELETE FROM migrations",
            "DELETE FROM key_migrations",
        ] {
            let mut program = cluster.program("psql");
            let ran = program
                .args(["-qc", forbidden, &as_role(url, RUNTIME)])
                .output();
            assert!(!ran.expect("it runs").status.success(), "{forbidden}");
        }
    }

    // Whoever may not drive a destroyed key out of the files must not promise to.
    let (service, url) = &urls[3];
    suite.kill(0, service);
    cluster.ask(url, &format!("ALTER TABLE data_keys OWNER TO {MIGRATOR}"));
    cluster.ask(
        url,
        &format!("GRANT SELECT, INSERT, UPDATE, DELETE ON data_keys TO {RUNTIME}"),
    );
    let refused = suite.run_to_its_end(0, service);
    assert!(refused.contains("would stay in the database"), "{refused}");
    let migrated = migrate(service, &as_role(url, MIGRATOR)).status();
    assert!(migrated.expect("it runs").success());
    suite.restart(0, service).await;

    let answer = http_get(suite.admin(0, service), "/metrics").await;
    let pending = "vow_schema_migrations_pending 0";
    assert!(answer.expect("it answers").contains(pending));
}

fn migrate(service: &str, url: &str) -> Command {
    let mut command = Command::new(VOW);
    command.args(["migrate", service, "--database-url", url]);
    command.args(["--runtime-role", RUNTIME]);
    command
}

fn tour(suite: &Separate) {
    let at = suite.addresses(0);
    let receipts = tempfile::TempDir::new().expect("a folder");
    let mut command = Command::new(VOW);
    command.arg("tour").arg("--dir").arg(suite.material());
    command.arg("--receipts").arg(receipts.path());
    command.env("VOW_DISCLOSURE_AUDIT", at.disclosure_audit);
    command.env("VOW_CONSENT", at.consent);
    command.env("VOW_PAYMENTS_DATA", at.payments_data);
    command.env("VOW_IDENTITY", at.identity);
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("the program runs");
    let said = String::from_utf8_lossy(&stdout);
    let complained = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{said}{complained}");
    assert!(said.contains("Every answer was as promised."));
    assert!(receipts.path().join("erasure.jwt").exists());
}
