//! A process that stops sends its callers away in peace, whatever they are waiting for.

use std::{fs, process::Stdio, time::Duration};

use tokio::process::Command;
use tonic::Request;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::suite::{Database, Suite, VOW, acts::*, client_material, separate::Separate};

#[tokio::test]
async fn a_watcher_of_health_is_told_and_does_not_hold_the_process() {
    let mut suite = Separate::start(Database::Sqlite, 1).await;
    let material = client_material(&suite.material(), "shop");
    let address = suite.addresses(0).consent;
    let connection = client::connect(&address, &material).expect("init made the material");
    let mut watched = Request::new(HealthCheckRequest::default());
    // Longer than a stopping process waits for calls in progress.
    watched.set_timeout(Duration::from_secs(60));
    let mut health = HealthClient::new(connection)
        .watch(watched)
        .await
        .expect("it serves")
        .into_inner();
    let mut told = Vec::new();
    let first = health.message().await.expect("it serves");
    told.extend(first.map(|it| it.status()));
    let (rest, ()) = tokio::join!(
        async {
            let mut rest = Vec::new();
            while let Some(change) = health.message().await.expect("the watch is ended, not cut") {
                rest.push(change.status());
            }
            rest
        },
        suite.stop(0, "consent"),
    );
    told.extend(rest);
    assert_eq!(told, [ServingStatus::Serving, ServingStatus::NotServing]);
}

#[tokio::test]
async fn a_suite_of_which_one_cannot_serve_ends_and_says_why() {
    let mut suite = Suite::start_on(Database::Sqlite).await;
    register(&mut suite.shop()).await;
    let data = suite.material().join("data");
    while !data.join("log/checkpoint").exists() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    suite.kill();
    // The log is published, and its database is not there any more.
    for file in fs::read_dir(&data).expect("it is there").flatten() {
        if file.path().is_file() {
            fs::remove_file(file.path()).expect("it can be removed");
        }
    }
    let mut up = Command::new(VOW);
    up.args(["up", "--port", "0", "--dir"])
        .arg(suite.material());
    up.stdout(Stdio::null()).kill_on_drop(true);
    let ended = tokio::time::timeout(Duration::from_secs(30), up.output()).await;
    let ended = ended.expect("it ends").expect("the program starts");
    assert_eq!(ended.status.code(), Some(1));
    let said = String::from_utf8_lossy(&ended.stderr);
    let why = "the log does not continue the checkpoint that it published";
    assert!(said.contains(why), "{said}");
}
