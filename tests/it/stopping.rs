//! A process that stops sends its callers away in peace, whatever they are waiting for.

use std::time::Duration;

use tonic::Request;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::suite::{Database, client_material, separate::Separate};

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
