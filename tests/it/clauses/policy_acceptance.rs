//! `policy.acceptance`: explicit, continued use and a guardian's word are different evidence, none is
//! consent, and who has not accepted the current version is judged by the last accepted one too.

use client::Clients;
use proto::consent::{
    AcceptPolicyRequest, Acceptance, AcceptanceKind, GetConformanceRequest, ListAcceptancesRequest,
    ListConsentsRequest, PublishPolicyRequest, RecordNoticeRequest, RecordUseRequest,
    RecordUseResponse,
};
use tonic::{Code, Status};

use super::policy_changes::refusal;
use crate::suite::{Suite, acts::*, databases};

const POLICY: &str = include_str!("../../../policies/gupshup-bots.toml");

/// A clause that wants its own text accepted.
const ASKS_FOR_ACCEPTANCE: &str = r#"
[[clause]]
key = "policy.acceptance-of-this-text"
enforced = "by rules"
title = "This text is accepted first"
says = "Nothing is collected from anybody who has not said yes to this text."

[[clause.forbid]]
action = "collect"
unless = { acceptance = ["explicit"] }
"#;

/// Registration takes a name by both versions, and by the first one an e-mail address too.
#[tokio::test]
async fn permits_what_only_the_new_version_permits_once_its_acceptance_is_on_record() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let (mut shop, mut operator) = (suite.shop(), suite.operator());
        let wide = register(&mut shop).await;
        publish(&mut operator, &without_registration_email()).await;
        accept(&mut shop, &wide, "v2", AcceptanceKind::Explicit)
            .await
            .expect("it is published");
        publish(&mut operator, POLICY_AGAIN).await;
        let question = collect(&wide, "typed", &[EMAIL]);

        // The newest version permits it, but the accepted one does not.
        let answer = authorize(&mut shop, question.clone()).await;
        assert_refused(answer, Code::InvalidArgument, "CATEGORY_NOT_DECLARED");

        // A use without a notice accepts nothing, and a notice alone does not either.
        let used = go_on(&mut shop, &wide).await.expect("she is known");
        assert_eq!(used.accepted_policy_version, "");
        let noticed_in = notify(&mut shop, &wide, "v3").await.expect("it is known");
        let answer = authorize(&mut shop, question.clone()).await;
        assert_refused(answer, Code::InvalidArgument, "CATEGORY_NOT_DECLARED");

        let used = go_on(&mut shop, &wide).await.expect("she is known");
        assert_eq!(used.accepted_policy_version, "v3");
        let (_, decision) = authorize(&mut shop, question)
            .await
            .expect("v3 declares it");
        assert_eq!(decision.policy_version, "v3");
        let again = go_on(&mut shop, &wide).await.expect("she is known");
        assert_eq!(again.accepted_policy_version, "");
        assert_eq!(again.revision, used.revision);

        let kept = acceptances(&mut shop, &wide).await;
        let told: Vec<_> = kept
            .iter()
            .map(|it| (it.policy_version.as_str(), it.kind(), it.notice_revision))
            .collect();
        let expected = [
            ("v1", AcceptanceKind::Explicit, 0),
            ("v2", AcceptanceKind::Explicit, 0),
            ("v3", AcceptanceKind::ContinuedUse, noticed_in),
        ];
        assert_eq!(told, expected);
        assert!(kept.is_sorted_by_key(|it| it.revision), "{kept:?}");
        assert!(kept.iter().all(|it| it.accepted_at.is_some()));
    }
}

#[tokio::test]
async fn permits_a_guardian_to_accept_and_never_reports_acceptance_as_consent() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let (mut shop, mut operator) = (suite.shop(), suite.operator());
        let subject = register(&mut shop).await;
        publish(&mut operator, &without_registration_email()).await;
        accept(&mut shop, &subject, "v2", AcceptanceKind::Guardian)
            .await
            .expect("a guardian can say so");
        let kept = acceptances(&mut shop, &subject).await;
        assert_eq!(
            kept.last().map(Acceptance::kind),
            Some(AcceptanceKind::Guardian)
        );

        let request = ListConsentsRequest {
            subject_id: subject.clone(),
            ..Default::default()
        };
        let answer = shop.consent.list_consents(shop.request(request)).await;
        let consents = answer.expect("she is known").into_inner().consents;
        assert_eq!(consents, []);
    }
}

#[tokio::test]
async fn refuses_to_be_told_that_use_was_continued() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let mut shop = suite.shop();
        let subject = register(&mut shop).await;
        let answer = accept(&mut shop, &subject, "v1", AcceptanceKind::ContinuedUse).await;
        assert_refused(answer, Code::InvalidArgument, "QUESTION_INVALID");
        let answer = accept(&mut shop, &subject, "v9", AcceptanceKind::Explicit).await;
        assert_refused(answer, Code::FailedPrecondition, "POLICY_VERSION_UNKNOWN");
        let answer = notify(&mut shop, &subject, "v9").await;
        assert_refused(answer, Code::FailedPrecondition, "POLICY_VERSION_UNKNOWN");
        let nobody = new_id();
        let answer = notify(&mut shop, &nobody, "v1").await;
        assert_refused(answer, Code::FailedPrecondition, "SUBJECT_UNKNOWN");
        let answer = go_on(&mut shop, &nobody).await;
        assert_refused(answer, Code::FailedPrecondition, "SUBJECT_UNKNOWN");
    }
}

#[tokio::test]
async fn refuses_where_another_version_was_accepted_than_the_one_that_asks() {
    let asks = format!("{POLICY}{ASKS_FOR_ACCEPTANCE}");
    let revised = "revised = 2016-06-21\n";
    assert!(asks.contains(revised));
    let later = asks.replace(revised, &format!("{revised}effective = 2099-01-01\n"));
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let (mut shop, mut operator) = (suite.shop(), suite.operator());
        let subject = register(&mut shop).await;
        let question = collect(&subject, "typed", &[EMAIL]);
        publish(&mut operator, &asks).await;
        let answer = authorize(&mut shop, question.clone()).await;
        let status = assert_refused(answer, Code::FailedPrecondition, "NOT_ACCEPTED");
        assert_eq!(clauses_of(&status), "policy.acceptance-of-this-text");

        accept(&mut shop, &subject, "v2", AcceptanceKind::Explicit)
            .await
            .expect("it is published");
        authorize(&mut shop, question.clone())
            .await
            .expect("it is accepted");
        // Neither an older version nor one whose day is to come takes that back.
        publish(&mut operator, &later).await;
        for version in ["v1", "v3"] {
            accept(&mut shop, &subject, version, AcceptanceKind::Explicit)
                .await
                .expect("it is published");
            let (_, decision) = authorize(&mut shop, question.clone())
                .await
                .expect("v2 is accepted");
            assert_eq!(decision.policy_version, "v2");
        }
    }
}

/// A refusal by the accepted version stands in the count of its clause.
#[tokio::test]
async fn refuses_by_a_clause_that_conformance_then_counts() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let (mut shop, mut operator) = (suite.shop(), suite.operator());
        let subject = register(&mut shop).await;
        for (act, is_permit) in [("typed", true), ("retrieved", false)] {
            let answer = authorize(&mut shop, collect(&subject, act, &[NAME])).await;
            assert_eq!(answer.is_ok(), is_permit);
        }
        let request = operator.request(GetConformanceRequest {});
        let answer = operator.consent.get_conformance(request).await;
        let conformance = answer.expect("a policy is published").into_inner();
        assert_eq!(conformance.policy_version, "v1");
        assert!(conformance.counted_since.is_some());
        let clause = |key: &str| {
            let mut clauses = conformance.clauses.iter();
            clauses.find(|it| it.clause == key).expect("a clause of it")
        };
        for (key, permitted, refused) in [
            ("collect.declared-only", 1, 0),
            ("collect.voluntary", 1, 1),
            ("disclose.never-sold", 0, 0),
        ] {
            let clause = clause(key);
            assert_eq!(
                (clause.permitted, clause.refused),
                (permitted, refused),
                "{key}"
            );
            assert_eq!(clause.last_decided_at.is_some(), permitted > 0, "{key}");
        }
        let collecting = clause("collect.voluntary");
        assert!(!collecting.rules.is_empty());
        assert!(collecting.methods.iter().any(|it| it.ends_with("/Collect")));
    }
}

#[tokio::test]
async fn refuses_to_alter_an_acceptance_even_by_sql() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let mut shop = suite.shop();
        let subject = register(&mut shop).await;
        let before = acceptances(&mut shop, &subject).await;
        assert_eq!(before.len(), 1);
        for sql in [
            "UPDATE acceptances SET kind = 'guardian'",
            "UPDATE acceptances SET accepted_at = 0 WHERE policy_number = 1",
            "INSERT INTO acceptances SELECT * FROM acceptances WHERE true \
             ON CONFLICT (tenant, subject, revision) DO UPDATE SET kind = 'guardian'",
        ] {
            let said = refusal(&suite, database, sql).await;
            assert!(said.contains("an acceptance is immutable"), "{sql}: {said}");
        }
        assert_eq!(acceptances(&mut shop, &subject).await, before);
    }
}

/// The shipped policy with a further comment: a new version that permits the same.
const POLICY_AGAIN: &str = concat!(
    include_str!("../../../policies/gupshup-bots.toml"),
    "\n# The same rules again.\n"
);

/// The shipped policy, but the registration no longer declares the e-mail address.
fn without_registration_email() -> String {
    let (before, point) = POLICY
        .split_once("key = \"site_registration\"")
        .expect("it is declared");
    let narrower = point.replacen("    \"user.contact.email\",\n", "", 1);
    assert_ne!(narrower, point);
    format!("{before}key = \"site_registration\"{narrower}")
}

async fn publish(operator: &mut Clients, text: &str) {
    let request = PublishPolicyRequest {
        request_id: new_id(),
        text: text.into(),
        validate_only: false,
    };
    let request = operator.request(request);
    let answer = operator.consent.publish_policy(request).await;
    answer.expect("it compiles");
}

async fn accept(
    shop: &mut Clients,
    subject: &str,
    version: &str,
    kind: AcceptanceKind,
) -> Result<u64, Status> {
    let request = AcceptPolicyRequest {
        request_id: new_id(),
        subject_id: subject.into(),
        policy_version: version.into(),
        kind: kind.into(),
    };
    let answer = shop.consent.accept_policy(shop.request(request)).await?;
    Ok(answer.into_inner().revision)
}

async fn notify(shop: &mut Clients, subject: &str, version: &str) -> Result<u64, Status> {
    let request = RecordNoticeRequest {
        request_id: new_id(),
        subject_id: subject.into(),
        policy_version: version.into(),
    };
    let answer = shop.consent.record_notice(shop.request(request)).await?;
    Ok(answer.into_inner().revision)
}

async fn go_on(shop: &mut Clients, subject: &str) -> Result<RecordUseResponse, Status> {
    let request = RecordUseRequest {
        request_id: new_id(),
        subject_id: subject.into(),
    };
    let answer = shop.consent.record_use(shop.request(request)).await?;
    Ok(answer.into_inner())
}

async fn acceptances(shop: &mut Clients, subject: &str) -> Vec<Acceptance> {
    let request = ListAcceptancesRequest {
        subject_id: subject.into(),
    };
    let answer = shop.consent.list_acceptances(shop.request(request)).await;
    answer.expect("she is known").into_inner().acceptances
}
