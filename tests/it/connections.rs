//! What becomes of connections that the database server ended while they rested.
//!
//! A pool without a service, whose own tasks would meet the ended ones before any call did.

use std::time::Duration;

use chassis::{Database, DatabaseUrl};
use tokio::time::sleep;

use crate::suite::postgres;

/// Ends all connections to a database but the one that says it.
const END_ALL: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
     WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
/// Longer than a connection is believed in without being tried.
const REST: Duration = Duration::from_millis(200);

#[tokio::test]
async fn what_ended_while_it_rested_costs_no_statement() {
    let Some(cluster) = postgres::cluster() else {
        return;
    };
    let url = cluster.new_database();
    let database = Database::open_to_read(&DatabaseUrl::from(url.clone())).await;
    let database = database.expect("the server runs");
    for _ in 0..3 {
        let begun = database.view().await.map(drop);
        assert!(
            begun.is_ok(),
            "a statement met a connection that had ended: {begun:?}"
        );
        // Back in the pool by then, where its end is not noticed by itself.
        sleep(REST).await;
        assert_eq!(cluster.ask(&url, END_ALL), "t", "there is one connection");
        sleep(REST).await;
    }
}
