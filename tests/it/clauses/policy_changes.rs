//! `policy.changes`: versions are immutable, digested and dated, and each decision names its version.

use client::Clients;
use proto::consent::{
    AcceptPolicyRequest, Effect, GetPolicyRequest, ListPolicyVersionsRequest, PublishPolicyRequest,
    PublishPolicyResponse,
};
use sha2::{Digest, Sha256};
use tonic::{Code, Status};

use crate::suite::{Database, Suite, acts::*, databases, postgres, sqlite};

const POLICY: &str = include_str!("../../../policies/gupshup-bots.toml");
/// The place of consent's database among a suite's.
const CONSENT: usize = 1;

#[tokio::test]
async fn permits_a_new_version_that_is_digested_dated_and_compared() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let mut operator = suite.operator();
        let text = without_registration_email();
        let preview = publish(&mut operator, &text, true)
            .await
            .expect("it compiles");
        assert_eq!(preview.revision, 0);
        let changed: Vec<_> = preview
            .changes
            .iter()
            .map(|it| it.clause.as_str())
            .collect();
        assert_eq!(changed, ["policy", "collect.declared-only"]);
        let listed = "no longer lists user.contact.email at the point site_registration";
        assert_eq!(preview.changes[0].lines, [listed]);
        let loss = "the point site_registration may no longer take user.contact.email for \
                    essential.service";
        assert_eq!(preview.changes[1].lines, [loss]);

        let published = publish(&mut operator, &text, false)
            .await
            .expect("it compiles");
        let version = published.version.expect("it is returned");
        assert_eq!(version.policy_version, "v2");
        assert_eq!(version.digest, Sha256::digest(&text).to_vec());
        assert_eq!(version.revised_on, "2016-06-21");
        assert!(version.published_at.is_some());
        assert_eq!(published.changes, preview.changes);

        let again = publish(&mut operator, &text, false)
            .await
            .expect("it is the same");
        assert_eq!(again.version.expect("it is returned").policy_version, "v2");

        let request = ListPolicyVersionsRequest::default();
        let answer = operator
            .consent
            .list_policy_versions(operator.request(request))
            .await;
        let versions = answer.expect("there are some").into_inner().versions;
        let names: Vec<_> = versions
            .iter()
            .map(|it| it.policy_version.as_str())
            .collect();
        assert_eq!(names, ["v1", "v2"]);
        let request = GetPolicyRequest {
            policy_version: "v1".into(),
        };
        let answer = operator.consent.get_policy(operator.request(request)).await;
        assert_eq!(answer.expect("it is kept").into_inner().text, POLICY);
    }
}

#[tokio::test]
async fn permits_by_the_new_version_only_what_the_accepted_one_permits_too() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let (mut shop, mut operator) = (suite.shop(), suite.operator());
        let subject = register(&mut shop).await;
        let question = collect(&subject, "typed", &[EMAIL]);
        authorize(&mut shop, question.clone())
            .await
            .expect("v1 declares it");

        let narrower = without_registration_email();
        publish(&mut operator, &narrower, false)
            .await
            .expect("it compiles");
        let answer = authorize(&mut shop, question.clone()).await;
        assert_refused(answer, Code::InvalidArgument, "CATEGORY_NOT_DECLARED");

        // Wide again, but she accepts the narrow one in between: now the narrow one refuses.
        let request = AcceptPolicyRequest {
            request_id: new_id(),
            subject_id: subject.clone(),
            policy_version: "v2".into(),
            ..Default::default()
        };
        shop.consent
            .accept_policy(shop.request(request))
            .await
            .expect("it is published");
        let wide = POLICY.replacen(
            "title = \"Only what is declared comes in\"",
            "title = \"Wide\"",
            1,
        );
        publish(&mut operator, &wide, false)
            .await
            .expect("it compiles");
        let answer = authorize(&mut shop, question.clone()).await;
        let status = assert_refused(answer, Code::InvalidArgument, "CATEGORY_NOT_DECLARED");
        let info = client::error_info(&status).expect("it has a reason");
        assert_eq!(
            info.metadata.get("policy_version").map(String::as_str),
            Some("v2")
        );
        let name = collect(&subject, "typed", &[NAME]);
        let (_, decision) = authorize(&mut shop, name).await.expect("both declare it");
        assert_eq!(decision.policy_version, "v3");
    }
}

#[tokio::test]
async fn refuses_to_judge_by_a_version_before_its_day() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let (mut shop, mut operator) = (suite.shop(), suite.operator());
        let subject = register(&mut shop).await;
        let revised = "revised = 2016-06-21\n";
        let narrower = without_registration_email();
        assert!(narrower.contains(revised));
        let later = narrower.replace(revised, &format!("{revised}effective = 2099-01-01\n"));
        let published = publish(&mut operator, &later, false)
            .await
            .expect("it compiles");
        let version = published.version.expect("it is returned");
        assert_eq!(version.policy_version, "v2");
        assert_eq!(version.effective_on, "2099-01-01");

        let mut question = collect(&subject, "typed", &[EMAIL]);
        let (_, decision) = authorize(&mut shop, question.clone())
            .await
            .expect("v1 declares it");
        assert_eq!(decision.policy_version, "v1");
        question.policy_version = "v2".into();
        let seen = check(&mut shop, question, 0)
            .await
            .expect("a check answers");
        assert_eq!(seen.reason, "POLICY_VERSION_SUPERSEDED");
        assert_eq!(seen.policy_version, "v1");
    }
}

#[tokio::test]
async fn refuses_a_pinned_version_that_is_unknown_or_superseded() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let (mut shop, mut operator) = (suite.shop(), suite.operator());
        let subject = register(&mut shop).await;
        let mut question = collect(&subject, "typed", &[NAME]);
        question.policy_version = "v1".into();
        authorize(&mut shop, question.clone())
            .await
            .expect("it is the current one");
        question.policy_version = "v9".into();
        let answer = authorize(&mut shop, question.clone()).await;
        assert_refused(answer, Code::FailedPrecondition, "POLICY_VERSION_UNKNOWN");
        let answer = check(&mut shop, question.clone(), 0).await;
        assert_refused(answer, Code::FailedPrecondition, "POLICY_VERSION_UNKNOWN");

        publish(&mut operator, &without_registration_email(), false)
            .await
            .expect("it compiles");
        question.policy_version = "v1".into();
        let seen = check(&mut shop, question, 0)
            .await
            .expect("a check answers");
        assert_eq!(seen.effect, i32::from(Effect::Deny));
        assert_eq!(seen.reason, "POLICY_VERSION_SUPERSEDED");
    }
}

#[tokio::test]
async fn refuses_a_policy_that_does_not_compile_and_names_the_line() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let mut operator = suite.operator();
        let broken = POLICY.replacen("basis = \"CONTRACT\"", "basis = \"BECAUSE\"", 1);
        let line = 1 + broken
            .lines()
            .position(|it| it.contains("BECAUSE"))
            .expect("it is there");
        let status = assert_refused(
            publish(&mut operator, &broken, false).await,
            Code::InvalidArgument,
            "POLICY_INVALID",
        );
        let violations = tonic_types::StatusExt::get_details_bad_request(&status);
        let violations = violations
            .expect("each finding is a violation")
            .field_violations;
        assert!(
            violations
                .iter()
                .any(|it| format!("{} {}", it.field, it.description).contains(&line.to_string())),
            "{violations:?}"
        );
    }
}

#[tokio::test]
async fn refuses_to_alter_a_published_version_even_by_sql() {
    let replace = "INSERT OR REPLACE INTO policies \
                   SELECT tenant, number, digest, 'x', published_at, revision FROM policies";
    let replace_by_place = "REPLACE INTO policies (rowid, tenant, number, digest, text, published_at, revision) \
                            SELECT rowid, tenant, 78, digest, 'x', published_at, revision FROM policies";
    let replace_conflicting = "INSERT INTO policies SELECT * FROM policies \
                               ON CONFLICT (tenant, number) DO UPDATE SET text = 'x'";
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let (last, more) = match database {
            Database::Sqlite => (replace, replace_by_place),
            Database::Postgres => (replace_conflicting, "TRUNCATE policies"),
        };
        for sql in [
            "UPDATE policies SET text = 'x'",
            "UPDATE policies SET published_at = 0 WHERE number = 1",
            "DELETE FROM policies",
            more,
            last,
        ] {
            let said = refusal(&suite, database, sql).await;
            assert!(
                said.contains("a published policy version is immutable"),
                "{sql}: {said}"
            );
        }
        // All the same as before, and a new version still comes after it.
        let mut operator = suite.operator();
        let request = operator.request(GetPolicyRequest::default());
        let kept = operator.consent.get_policy(request).await;
        assert_eq!(kept.expect("it is kept").into_inner().text, POLICY);
        let text = without_registration_email();
        let published = publish(&mut operator, &text, false).await;
        let version = published.expect("it compiles").version;
        assert_eq!(version.expect("it is returned").policy_version, "v2");
    }
}

/// What consent's database says when it refuses a statement of whoever may write to it.
pub async fn refusal(suite: &Suite, database: Database, sql: &str) -> String {
    match database {
        Database::Sqlite => sqlite::refusal(&suite.material().join("data/consent.db"), sql).await,
        Database::Postgres => {
            let url = &suite.database_urls()[CONSENT];
            let server = postgres::cluster().expect("it was asked for");
            server.refusal(url, sql)
        }
    }
}

/// The shipped policy, but the registration no longer declares the e-mail address.
fn without_registration_email() -> String {
    let (before, point) = POLICY
        .split_once("key = \"site_registration\"")
        .expect("it is declared");
    let narrower = point.replacen("    \"user.contact.email\",\n", "", 1);
    assert_ne!(narrower, point);
    format!("{before}key = \"site_registration\"{narrower}")
}

async fn publish(
    operator: &mut Clients,
    text: &str,
    validate_only: bool,
) -> Result<PublishPolicyResponse, Status> {
    let request = PublishPolicyRequest {
        request_id: new_id(),
        text: text.into(),
        validate_only,
    };
    Ok(operator
        .consent
        .publish_policy(operator.request(request))
        .await?
        .into_inner())
}
