//! The balancer against real servers that come, go, drain, die and say nothing.

mod server;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use tonic::{Code, Request, Status};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::*;
use crate::{Connection, address::Address, retry};
use server::{Authority, ID};

/// More than a look-up takes to come round.
const ROUND: Duration = Duration::from_secs(6);

/// What a host's name leads to, as the test says. `None` is a DNS that does not answer.
#[derive(Clone, Default)]
struct Names(Arc<Mutex<Option<Vec<SocketAddr>>>>);

impl Names {
    fn of(addresses: &[SocketAddr]) -> Names {
        let names = Names::default();
        names.set(addresses);
        names
    }

    fn set(&self, addresses: &[SocketAddr]) {
        *self.0.lock().expect("nobody panicked") = Some(addresses.to_vec());
    }

    fn fall_silent(&self) {
        *self.0.lock().expect("nobody panicked") = None;
    }

    fn connect(&self, authority: &Authority) -> Connection {
        let names = self.clone();
        let resolve: Resolve = Arc::new(move || {
            let found = names.0.lock().expect("nobody panicked").clone();
            Box::pin(async move { found.ok_or(io::ErrorKind::TimedOut.into()) })
        });
        let address = Address::parse(&format!("https://vow.test:1#{ID}")).expect("an address");
        let material = watch::channel(authority.material(&[ID])).1;
        let dialer = Dialer::new(address.clone(), material).expect("good material");
        Connection::new(address.authority, Balancer::start(resolve, dialer))
    }
}

async fn call(connection: &Connection) -> Result<(), Status> {
    let mut health = HealthClient::new(connection.clone());
    health.check(HealthCheckRequest::default()).await.map(drop)
}

/// As many calls as that, some at a time, and the codes of those that failed.
async fn calls(connection: &Connection, amount: usize, attempts: u32) -> Vec<Code> {
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let connection = connection.clone();
        tasks.spawn(async move {
            let mut failed = Vec::new();
            for _ in 0..amount / 8 {
                let answer = retry(attempts, || call(&connection)).await;
                failed.extend(answer.err().map(|it| it.code()));
                sleep(Duration::from_millis(1)).await;
            }
            failed
        });
    }
    tasks.join_all().await.concat()
}

/// Calls until `enough` is so, all of them well.
async fn call_until(connection: &Connection, enough: impl Fn() -> bool) {
    let called = timeout(ROUND, async {
        while !enough() {
            call(connection).await.expect("somebody is well");
            sleep(Duration::from_millis(5)).await;
        }
    });
    called.await.expect("it takes one look-up");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_spread_evenly_and_a_newcomer_gets_its_share() {
    let authority = Authority::new();
    let (one, two, three) = (authority.server(), authority.server(), authority.server());
    let names = Names::of(&[one.address, two.address]);
    let connection = names.connect(&authority);
    call_until(&connection, || one.calls() > 0 && two.calls() > 0).await;
    let (before_one, before_two) = (one.calls(), two.calls());
    for _ in 0..100 {
        call(&connection).await.expect("both are well");
    }
    assert_eq!(
        (one.calls() - before_one, two.calls() - before_two),
        (50, 50)
    );

    names.set(&[one.address, two.address, three.address]);
    call_until(&connection, || three.calls() > 0).await;
    names.set(&[three.address]);
    sleep(ROUND).await;
    let (before_one, before_two) = (one.calls(), two.calls());
    assert_eq!(calls(&connection, 40, 1).await, []);
    assert_eq!(
        (one.calls(), two.calls()),
        (before_one, before_two),
        "they have left"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_costs_no_call_that_is_asked_again() {
    let authority = Authority::new();
    let (one, two) = (authority.server(), authority.server());
    let connection = Names::of(&[one.address, two.address]).connect(&authority);
    call_until(&connection, || one.calls() > 0 && two.calls() > 0).await;
    let load = tokio::spawn({
        let connection = connection.clone();
        async move { calls(&connection, 1_600, 3).await }
    });
    sleep(Duration::from_millis(100)).await;
    one.kill();
    assert_eq!(load.await.expect("no panic"), []);
    // The one that is dead stands aside: nobody has to ask twice.
    assert_eq!(calls(&connection, 400, 1).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_drains_fails_no_call_at_all() {
    let authority = Authority::new();
    let (mut one, two) = (authority.server(), authority.server());
    let connection = Names::of(&[one.address, two.address]).connect(&authority);
    call_until(&connection, || one.calls() > 0 && two.calls() > 0).await;
    let load = tokio::spawn({
        let connection = connection.clone();
        async move { calls(&connection, 1_600, 1).await }
    });
    sleep(Duration::from_millis(100)).await;
    one.drain();
    assert_eq!(load.await.expect("no panic"), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_are_gone_a_call_fails_at_once_and_finds_the_first_that_is_back() {
    let authority = Authority::new();
    let server = authority.server();
    let address = server.address;
    let connection = Names::of(&[address]).connect(&authority);
    call(&connection).await.expect("it is well");
    server.kill();
    // The call in progress may be the one that notices.
    let _ = call(&connection).await;
    for _ in 0..3 {
        let answer = timeout(Duration::from_secs(1), call(&connection)).await;
        let status = answer
            .expect("it does not wait")
            .expect_err("nobody is there");
        assert_eq!(status.code(), Code::Unavailable);
    }
    let _back = authority.server_at(address);
    call(&connection).await.expect("it is back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_address_holds_up_nobody_and_alone_is_unavailable_in_time() {
    let authority = Authority::new();
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let silent = silent.local_addr().map(|it| (silent, it)).expect("bound");
    let server = authority.server();
    let both = Names::of(&[silent.1, server.address]).connect(&authority);
    let called = timeout(Duration::from_secs(1), calls(&both, 80, 1)).await;
    assert_eq!(called.expect("nobody waits for it"), []);

    let alone = Names::of(&[silent.1]).connect(&authority);
    let mut request = Request::new(HealthCheckRequest::default());
    request.set_timeout(Duration::from_millis(300));
    let mut health = HealthClient::new(alone);
    let answer = timeout(Duration::from_secs(1), health.check(request)).await;
    let status = answer.expect("within its limit").expect_err("it is silent");
    assert_eq!(status.code(), Code::Unavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dns_that_fails_changes_nothing_for_those_who_are_known() {
    let authority = Authority::new();
    let server = authority.server();
    let names = Names::default();
    let connection = names.connect(&authority);
    let status = call(&connection).await.expect_err("nobody knows where");
    assert_eq!(status.code(), Code::Unavailable);
    names.set(&[server.address]);
    call(&connection).await.expect("now it is known");
    for outage in [Names::fall_silent, |it: &Names| it.set(&[])] {
        outage(&names);
        sleep(ROUND).await;
        call(&connection).await.expect("it is where it was");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_outlives_its_address_and_its_connection() {
    let authority = Authority::new();
    let (one, two) = (authority.server(), authority.server());
    let names = Names::of(&[one.address]);
    let connection = names.connect(&authority);
    let balancer = Arc::downgrade(connection.balancer());
    let shared = Arc::downgrade(&connection.balancer().shared);
    let mut watched = HealthClient::new(connection.clone())
        .watch(HealthCheckRequest::default())
        .await
        .expect("it is well")
        .into_inner();
    watched
        .message()
        .await
        .expect("it streams")
        .expect("the state of now");
    names.set(&[two.address]);
    call_until(&connection, || two.calls() > 0).await;
    one.change().await;
    watched
        .message()
        .await
        .expect("it streams")
        .expect("the state has changed");

    drop(connection);
    assert!(balancer.upgrade().is_none());
    one.change().await;
    watched
        .message()
        .await
        .expect("it streams")
        .expect("the state has changed");
    let ended = timeout(Duration::from_secs(1), async {
        while shared.strong_count() > 0 {
            sleep(Duration::from_millis(5)).await;
        }
    });
    ended.await.expect("no task is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_must_prove_the_one_id_that_was_asked_for() {
    let authority = Authority::new();
    let other = format!("{ID}/other");
    for (ids, answers) in [
        (&[ID][..], true),
        (&[other.as_str()], false),
        (&[ID, other.as_str()], false),
        (&[], false),
    ] {
        let server = authority.server_named(ids);
        let connection = Names::of(&[server.address]).connect(&authority);
        assert_eq!(call(&connection).await.is_ok(), answers, "{ids:?}");
    }
    // The right id, by an authority that we do not believe.
    let server = Authority::new().server();
    let connection = Names::of(&[server.address]).connect(&authority);
    assert_eq!(
        call(&connection).await.expect_err("no").code(),
        Code::Unavailable
    );
}
