//! `protect.channel-and-signatures`: both ends of every call prove who they are, and what counts is signed.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use client::{Clients, Material};
use grant::{Action, Grant, KeyBundle, Scope, SigningKey};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use tonic::Code;
use uuid::Uuid;

use crate::suite::{Suite, VOW, acts::*, databases};

const SHOP: &str = "spiffe://vow.local/workload/shop";

#[tokio::test]
async fn permits_a_caller_the_authority_vouches_for() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        register(&mut suite.shop()).await;
    }
}

#[tokio::test]
async fn refuses_a_caller_without_a_certificate_or_with_a_strangers() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let authority = fs::read_to_string(suite.material().join("ca.pem")).expect("init made it");
        let own_authority =
            fs::read_to_string(suite.material().join("ca.key")).expect("init made it");
        let own = issuer(&own_authority);
        let foreign = KeyPair::generate().expect("a key can be made");
        let foreign = issuer(&foreign.serialize_pem());
        let day = time::Duration::days(1);

        for (what, issuer, uris, valid_from) in [
            ("a foreign authority", &foreign, vec![SHOP], -1),
            ("an expired certificate", &own, vec![SHOP], -3),
            ("a certificate of tomorrow", &own, vec![SHOP], 1),
        ] {
            let now = time::OffsetDateTime::now_utc();
            let material = signed(issuer, &authority, &uris, now + day * valid_from);
            let code = first_call(&suite, &material).await;
            assert_eq!(
                code,
                Code::Unavailable,
                "{what} must not get through the handshake"
            );
        }
        for (what, uris) in [
            ("no SPIFFE id", vec![]),
            (
                "two SPIFFE ids",
                vec![SHOP, "spiffe://vow.local/workload/other"],
            ),
            ("another scheme", vec!["https://vow.local/workload/shop"]),
        ] {
            let yesterday = time::OffsetDateTime::now_utc() - day;
            let material = signed(&own, &authority, &uris, yesterday);
            assert_eq!(
                first_call(&suite, &material).await,
                Code::Unauthenticated,
                "{what}"
            );
        }
        let yesterday = time::OffsetDateTime::now_utc() - day;
        let unknown = signed(
            &own,
            &authority,
            &["spiffe://vow.local/workload/mallory"],
            yesterday,
        );
        assert_eq!(
            first_call(&suite, &unknown).await,
            Code::PermissionDenied,
            "an unlisted caller"
        );
    }
}

#[tokio::test]
async fn refuses_plaintext() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let address = suite.addresses().identity.replace("https://", "http://");
        let channel = tonic::transport::Endpoint::from_shared(address).expect("it is an address");
        let connected = channel.connect().await;
        if let Ok(channel) = connected {
            let mut identity =
                proto::identity::identity_service_client::IdentityServiceClient::new(channel);
            let request = proto::identity::GetSubjectRequest::default();
            let status = identity
                .get_subject(request)
                .await
                .expect_err("there is no plaintext");
            // The answer is a TLS alert, which says nothing to HTTP/2; no service was reached.
            assert_eq!(client::reason(&status), None, "{status}");
        }
    }
}

#[tokio::test]
async fn refuses_a_grant_that_is_altered_expired_stolen_or_elsewhere() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let mut shop = suite.shop();
        let subject = register(&mut shop).await;
        collect_typed(&mut shop, &subject, &[(NAME, "Ada")]).await;
        let key = fs::read_to_string(suite.material().join("consent/signing.key"));
        let key = SigningKey::from_pkcs8_pem(&key.expect("init made it")).expect("it is a key");
        let sound = sound_grant(&subject);
        let stranger = SigningKey::generate();

        let mut wrong = vec![("GRANT_INVALID", grant::issue(&stranger, &sound))];
        let mut vary = |reason, change: &dyn Fn(&mut Grant)| {
            let mut varied = sound.clone();
            change(&mut varied);
            wrong.push((reason, grant::issue(&key, &varied)));
        };
        vary("GRANT_EXPIRED", &|it| {
            it.iat -= 120;
            it.exp -= 120;
        });
        vary("GRANT_INVALID", &|it| {
            it.iat += 60;
            it.exp += 60;
        });
        vary("GRANT_WRONG_HOLDER", &|it| {
            it.holder = "spiffe://vow.local/workload/other".into()
        });
        vary("GRANT_WRONG_AUDIENCE", &|it| {
            it.aud = "payments-data".into()
        });
        vary("GRANT_WRONG_TENANT", &|it| it.tenant = "clinic".into());
        vary("GRANT_INVALID", &|it| it.iss = "identity".into());
        let token = grant::issue(&key, &sound);
        for position in (0..token.len()).step_by(17) {
            let mut altered = token.clone().into_bytes();
            altered[position] = if altered[position] == b'A' {
                b'B'
            } else {
                b'A'
            };
            wrong.push((
                "GRANT_INVALID",
                String::from_utf8(altered).expect("it is ASCII"),
            ));
        }
        for (reason, token) in wrong {
            let answer = reveal(&mut shop, &token).await;
            assert_refused(answer, Code::PermissionDenied, reason);
        }
        assert_eq!(
            account(&mut shop, &subject)
                .await
                .expect("she may know")
                .len(),
            0
        );
    }
}

#[tokio::test]
async fn permits_anybody_to_verify_receipts_offline_and_refuses_forged_ones() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let (mut shop, mut operator) = (suite.shop(), suite.operator());
        register_recipient(
            &mut operator,
            "letterpress",
            "service_provider",
            NEWSLETTER,
            &[NAME],
        )
        .await
        .expect("it is a provider");
        let subject = register(&mut shop).await;
        collect_typed(&mut shop, &subject, &[(NAME, "Ada")]).await;
        let yes = grant_consent(&mut shop, scope(&subject, NEWSLETTER, "letterpress")).await;
        let yes = yes.expect("anybody may agree");
        let keys =
            fs::read_to_string(suite.material().join("grant-keys.jwks")).expect("init made it");
        let bundle = KeyBundle::parse(&keys).expect("it is a bundle");
        let receipt_of_consent =
            grant::ConsentReceipt::verify(&yes.receipt, &bundle).expect("it is signed");
        assert_eq!(receipt_of_consent.revision, yes.revision);

        let question = disclose(&subject, "letterpress", NEWSLETTER, &[NAME]);
        let (token, _) = authorize(&mut shop, question).await.expect("she agreed");
        let record = reveal(&mut shop, &token)
            .await
            .expect("it is granted")
            .record;
        let proof = receipt(&mut shop, &record.expect("it is recorded").entry_id).await;
        let proof = proof.expect("it can be proved");
        assert!(verifies(&suite, &proof), "it can be proved");
        for position in (0..proof.len()).step_by(13) {
            let mut forged = proof.clone().into_bytes();
            forged[position] = if forged[position] == b'1' { b'2' } else { b'1' };
            let forged = String::from_utf8_lossy(&forged).into_owned();
            assert!(!verifies(&suite, &forged), "byte {position} was altered");
        }
    }
}

/// `vow verify`, as a stranger runs it.
fn verifies(suite: &Suite, proof: &str) -> bool {
    let file = suite.folder().join("receipt.tlog-proof");
    fs::write(&file, proof).expect("the folder can be written");
    let mut verify = Command::new(VOW);
    verify
        .arg("verify")
        .arg(&file)
        .arg("--key")
        .arg(suite.material().join("log.vkey"));
    let code = verify.output().expect("the program runs").status.code();
    assert!(matches!(code, Some(0 | 3)), "{code:?}");
    code == Some(0)
}

fn sound_grant(subject: &str) -> Grant {
    let now = seconds_from_now(0).seconds as u64;
    Grant {
        iss: "consent".into(),
        aud: "identity".into(),
        holder: SHOP.into(),
        tenant: "default".into(),
        scope: Scope::Subject(subject.parse().expect("it is a UUID")),
        action: Action::Use,
        purpose: NEWSLETTER.into(),
        categories: vec![NAME.into()],
        clauses: vec!["disclose.providers-with-permission".into()],
        basis: None,
        policy_version: "v1".into(),
        revision: 1_000,
        iat: now,
        exp: now + 60,
        jti: Uuid::new_v4(),
    }
}

async fn first_call(suite: &Suite, material: &Material) -> Code {
    let mut caller = Clients::connect(&suite.addresses(), material, "default").expect("it is PEM");
    let request = proto::identity::GetSubjectRequest {
        subject_id: Uuid::new_v4().into(),
    };
    let answer = caller.identity.get_subject(caller.request(request)).await;
    answer.expect_err("nobody is registered").code()
}

fn issuer(key: &str) -> Issuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "Vow development authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    Issuer::new(params, KeyPair::from_pem(key).expect("it is a key"))
}

/// A client certificate, valid for a day from a moment.
fn signed(
    issuer: &Issuer<'static, KeyPair>,
    authority: &str,
    uris: &[&str],
    valid_from: time::OffsetDateTime,
) -> Material {
    let mut params = CertificateParams::default();
    params.not_before = valid_from;
    params.not_after = valid_from + time::Duration::days(2);
    for uri in uris {
        params
            .subject_alt_names
            .push(SanType::URI((*uri).try_into().expect("it is ASCII")));
    }
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().expect("a key can be made");
    let certificate = params.signed_by(&key, issuer).expect("it can be signed");
    Material {
        certificate_pem: certificate.pem().into_bytes(),
        key_pem: key.serialize_pem().into_bytes(),
        authority_pem: authority.as_bytes().to_vec(),
    }
}

#[tokio::test]
async fn permits_the_development_material_only_to_its_owner() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        for secret in [
            "ca.key",
            "clients/shop.key",
            "identity/signing.key",
            "identity/key-encryption.keys",
        ] {
            let file = fs::metadata(suite.material().join(secret)).expect("init made it");
            assert_eq!(file.permissions().mode() & 0o077, 0, "{secret}");
        }
    }
}
