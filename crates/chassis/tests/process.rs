//! A process through its front door: real certificates, real ports, health and metrics.

use std::{fs, io, net::SocketAddr, path::PathBuf, time::Duration};

use chassis::{Config, Databases, Migrations, Process, Stop, Tenant};
use client::{Connection, Material};
use proto::consent::{CheckRequest, WatchRequest, consent_service_client::ConsentServiceClient};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};
use tonic::{Code, service::Routes};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use vault::{FileKeySource, Key, KeyEncryptionKey};

const SHOP: &str = "spiffe://vow.local/workload/shop";
const SERVICE: &str = "vow.consent.v1.ConsentService";

/// An authority that signs certificates.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A running process with nothing in it but what every process has.
struct Running {
    folder: TempDir,
    authority: Authority,
    address: SocketAddr,
    admin_address: SocketAddr,
    stop: Stop,
    served: JoinHandle<anyhow::Result<()>>,
}

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Authority {
            pem,
            issuer: Issuer::new(params, key),
        }
    }

    /// Material for a peer of this name, which believes `believed`.
    fn material(&self, spiffe_id: Option<&str>, believed: &Authority) -> Material {
        let names = vec!["127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).expect("a name");
        if let Some(id) = spiffe_id {
            params
                .subject_alt_names
                .push(SanType::URI(id.try_into().expect("ASCII")));
        }
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Material {
            certificate_pem: certificate.pem().into_bytes(),
            key_pem: key.serialize_pem().into_bytes(),
            authority_pem: believed.pem.clone().into_bytes(),
        }
    }
}

impl Running {
    async fn start() -> Running {
        Running::start_draining(0).await
    }

    /// A process that goes on taking calls for so long when it is to stop.
    async fn start_draining(drain_seconds: u64) -> Running {
        let folder = TempDir::new().expect("a folder");
        let authority = Authority::new();
        let own = authority.material(Some("spiffe://vow.local/workload/consent"), &authority);
        let write = |name: &str, bytes: &[u8]| -> PathBuf {
            let path = folder.path().join(name);
            fs::write(&path, bytes).expect("the folder can be written");
            path
        };
        let callers = format!(
            "[[caller]]\nid = \"{SHOP}\"\nkind = \"workload\"\ntenants = [\"default\"]\n\
             methods = [\"{SERVICE}/Check\"]\n"
        );
        let wrapping = KeyEncryptionKey::new("1", Key::generate());
        let any_port = "127.0.0.1:0".parse().expect("an address");
        let config = Config {
            listen: any_port,
            admin_listen: any_port,
            databases: Databases {
                database_url: Some(
                    format!("sqlite://{}", folder.path().join("it.db").display()).into(),
                ),
                ..Databases::default()
            },
            migrations: Migrations::Apply,
            database_connections: 8,
            tls_certificate: write("certificate.pem", &own.certificate_pem),
            tls_key: write("certificate.key", &own.key_pem),
            tls_authority: write("ca.pem", &own.authority_pem),
            callers: write("callers.toml", callers.as_bytes()),
            key_encryption_keys: write("keys", FileKeySource::line(&wrapping).expose()),
            grace_period_seconds: 20,
            drain_seconds,
            connection_age_seconds: 3_600,
        };
        let stop = Stop::new();
        let process = Process::open("consent", config, stop.clone()).expect("the material is good");
        let address = process.local_addr().expect("it is bound");
        let admin_address = process.admin_addr().expect("it is bound");
        let mut ready = process.ready();
        for (path, status) in [("/livez", "200"), ("/readyz", "503"), ("/metrics", "200")] {
            let answer = admin(admin_address, path).await;
            let expected = format!("HTTP/1.1 {status}");
            assert!(answer.starts_with(&expected), "{path} before it serves");
        }
        let served = tokio::spawn(run(process));
        ready.wait_for(|it| *it).await.expect("the process runs");
        Running {
            folder,
            authority,
            address,
            admin_address,
            stop,
            served,
        }
    }

    fn connect(&self, material: &Material) -> Connection {
        client::connect(&format!("https://{}", self.address), material).expect("good material")
    }

    fn shop(&self) -> Connection {
        self.connect(&self.authority.material(Some(SHOP), &self.authority))
    }

    async fn admin(&self, path: &str) -> String {
        admin(self.admin_address, path).await
    }
}

async fn admin(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it is bound");
    let request = format!("GET {path} HTTP/1.1\r\nHost: it\r\nConnection: close\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("it reads");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .await
        .expect("it answers");
    answer
}

/// What a service does.
async fn run(process: Process) -> anyhow::Result<()> {
    process.database(&[chassis::requests::MIGRATION]).await?;
    process
        .key_store()
        .await?
        .tenant_key(&Tenant::default())
        .await?;
    process.serve(Routes::default(), &[SERVICE]).await
}

fn health_of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest {
        service: service.to_owned(),
    }
}

#[tokio::test]
async fn a_known_peer_is_answered_and_counted() {
    let running = Running::start().await;
    let mut health = HealthClient::new(running.shop());
    for service in [SERVICE, ""] {
        let answer = health
            .check(health_of(service))
            .await
            .expect("it answers")
            .into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving);
    }
    let mut consent = ConsentServiceClient::new(running.shop());
    let unimplemented = consent.check(CheckRequest::default());
    assert_eq!(
        unimplemented.await.expect_err("nobody serves it").code(),
        Code::Unimplemented
    );

    let metrics = running.admin("/metrics").await;
    for counted in [
        "rpc_server_call_duration_seconds_count{rpc_system_name=\"grpc\",\
         rpc_method=\"grpc.health.v1.Health/Check\",rpc_response_status_code=\"OK\",error_type=\"\"} 2",
        "rpc_method=\"vow.consent.v1.ConsentService/Check\",\
         rpc_response_status_code=\"UNIMPLEMENTED\",error_type=\"UNIMPLEMENTED\"} 1",
        "vow_ready 1.0",
        "vow_schema_migrations_pending 0",
        "vow_database_connections{database=\"values\",state=\"idle\"}",
        "vow_database_connections_max{database=\"keys\"}",
        "vow_database_wait_seconds_count{database=\"keys\"}",
        "vow_certificate_lifetime_seconds{certificate=\"own\"}",
    ] {
        assert!(metrics.contains(counted), "{counted} in {metrics}");
    }
    for path in ["/livez", "/readyz"] {
        assert!(
            running.admin(path).await.starts_with("HTTP/1.1 200"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn who_may_not_call_is_refused_with_the_reason() {
    let running = Running::start().await;
    let authority = &running.authority;
    let stranger = authority.material(Some("spiffe://vow.local/workload/stranger"), authority);
    let nameless = authority.material(None, authority);

    let refused = HealthClient::new(running.connect(&stranger))
        .check(health_of(""))
        .await;
    let refused = refused.expect_err("it is not in the table");
    assert_eq!(refused.code(), Code::PermissionDenied);
    let info = client::error_info(&refused).expect("every refusal has one");
    assert_eq!(
        (info.reason.as_str(), info.domain.as_str()),
        ("CALLER_NOT_ALLOWED", "consent")
    );
    assert_eq!(info.metadata["what"], "caller");

    let refused = HealthClient::new(running.connect(&nameless))
        .check(health_of(""))
        .await;
    let refused = refused.expect_err("its certificate names nobody");
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert_eq!(
        client::reason(&refused).as_deref(),
        Some("PEER_UNIDENTIFIED")
    );

    let refused = ConsentServiceClient::new(running.shop())
        .watch(WatchRequest::default())
        .await;
    let refused = refused.expect_err("the shop may only check");
    assert_eq!(
        client::error_info(&refused).expect("one").metadata["what"],
        "method"
    );

    for (tenant, code, reason) in [
        ("other", Code::PermissionDenied, "CALLER_NOT_ALLOWED"),
        ("Not a tenant", Code::InvalidArgument, "TENANT_INVALID"),
    ] {
        let request = client::request(tenant, health_of(""));
        let refused = HealthClient::new(running.shop()).check(request).await;
        let refused = refused.expect_err("the shop may act for the default tenant only");
        assert_eq!(
            (refused.code(), client::reason(&refused)),
            (code, Some(reason.to_owned()))
        );
    }
}

#[tokio::test]
async fn nobody_gets_past_the_handshake_without_a_certificate_of_the_authority() {
    let running = Running::start().await;
    let foreign = Authority::new();
    // It believes our authority, and ours does not believe it.
    let material = foreign.material(Some(SHOP), &running.authority);
    let refused = HealthClient::new(running.connect(&material))
        .check(health_of(""))
        .await;
    assert_eq!(
        refused.expect_err("a foreign certificate").code(),
        Code::Unavailable
    );

    // Ours believes it, and it does not believe our authority.
    let material = running.authority.material(Some(SHOP), &foreign);
    let refused = HealthClient::new(running.connect(&material))
        .check(health_of(""))
        .await;
    assert_eq!(
        refused.expect_err("a foreign service").code(),
        Code::Unavailable
    );

    let mut plaintext = TcpStream::connect(running.address)
        .await
        .expect("the port is open");
    plaintext
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .await
        .expect("it is sent");
    let mut answer = Vec::new();
    // The server may reset the connection, which is an answer too.
    let _ = plaintext.read_to_end(&mut answer).await;
    assert!(
        !answer.starts_with(b"\0"),
        "no HTTP/2 frame comes back in plaintext"
    );
    assert!(client::connect("http://127.0.0.1:1", &material).is_err());
}

#[tokio::test]
async fn strangers_who_say_nothing_close_the_port_to_nobody_for_long() {
    let running = Running::start().await;
    let mut idle = Vec::new();
    for _ in 0..256 {
        let stream = TcpStream::connect(running.address).await;
        idle.push(stream.expect("the port is open"));
    }
    let mut newcomer = TcpStream::connect(running.address)
        .await
        .expect("the port is open");
    let turned_away = newcomer.read(&mut [0]).await;
    assert!(matches!(turned_away, Ok(0) | Err(_)));
    // It did not have to wait until the others were given up.
    let waits = idle[0].try_read(&mut [0]).expect_err("it is still open");
    assert_eq!(waits.kind(), io::ErrorKind::WouldBlock);

    drop(idle);
    client::retry(20, async || {
        let mut health = HealthClient::new(running.shop());
        health.check(health_of("")).await
    })
    .await
    .expect("there is room again");
}

#[tokio::test]
async fn a_stopped_process_ends_and_leaves_its_port() {
    let running = Running::start().await;
    let mut health = HealthClient::new(running.shop());
    health.check(health_of("")).await.expect("it answers");
    let mut watched = health
        .watch(health_of(SERVICE))
        .await
        .expect("it answers")
        .into_inner();
    let first = watched
        .message()
        .await
        .expect("it streams")
        .expect("the state of now");
    assert_eq!(first.status(), ServingStatus::Serving);
    running.stop.request();
    let last = watched
        .message()
        .await
        .expect("it streams")
        .expect("the state has changed");
    assert_eq!(last.status(), ServingStatus::NotServing);
    drop((watched, health));
    let served = tokio::time::timeout(Duration::from_secs(15), running.served).await;
    served
        .expect("in time")
        .expect("no panic")
        .expect("it ends well");
    assert!(TcpStream::connect(running.address).await.is_err());
}

#[tokio::test]
async fn a_process_that_drains_answers_all_and_says_that_it_is_not_ready() {
    let running = Running::start_draining(2).await;
    let mut health = HealthClient::new(running.shop());
    health.check(health_of("")).await.expect("it answers");
    running.stop.request();
    let mut told = 0;
    let drained = tokio::time::timeout(Duration::from_millis(1_500), async {
        loop {
            let status = health.check(health_of(SERVICE)).await;
            let status = status.expect("it answers until it is over").into_inner();
            told += u32::from(status.status() == ServingStatus::NotServing);
            // A newcomer too: not all have heard of it yet.
            let newcomer = HealthClient::new(running.shop()).check(health_of("")).await;
            newcomer.expect("it answers until it is over");
        }
    });
    drained.await.expect_err("it goes on answering");
    assert!(told > 0, "it said that it is to stop");
    assert!(running.admin("/readyz").await.starts_with("HTTP/1.1 503"));
    assert!(running.admin("/livez").await.starts_with("HTTP/1.1 200"));
    let served = tokio::time::timeout(Duration::from_secs(15), running.served).await;
    let served = served.expect("in time").expect("no panic");
    served.expect("it ends well");
    assert!(TcpStream::connect(running.address).await.is_err());
}

#[tokio::test]
async fn a_changed_table_of_callers_is_used_and_a_broken_one_is_not() {
    let running = Running::start().await;
    let table = running.folder.path().join("callers.toml");
    let sound = fs::read_to_string(&table).expect("it was written");
    let other = "spiffe://vow.local/workload/other";
    let material = running.authority.material(Some(other), &running.authority);
    let mut health = HealthClient::new(running.connect(&material));
    let mut admitted_after = async |text: &str, wanted: bool| {
        fs::write(&table, text).expect("it can be written");
        for _ in 0..150 {
            if health.check(health_of("")).await.is_ok() == wanted {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        false
    };
    assert!(admitted_after(&sound.replace(SHOP, other), true).await);
    assert!(
        !admitted_after("nonsense", false).await,
        "the last sound one goes on"
    );
    assert!(admitted_after(&sound, false).await);
}
