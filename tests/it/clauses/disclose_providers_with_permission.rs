//! `disclose.providers-with-permission`: a registered provider gets what the person agreed to.

use tonic::Code;

use crate::suite::{Suite, acts::*, databases};

const CLAUSE: &str = "disclose.providers-with-permission";
const PROVIDER: &str = "letterpress";

#[tokio::test]
async fn permits_a_registered_provider_the_person_agreed_to() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let (mut shop, subject) = person_with_provider(&suite).await;
        let yes = grant_consent(&mut shop, scope(&subject, NEWSLETTER, PROVIDER)).await;
        let revision = yes.expect("anybody may agree").revision;

        let question = disclose(&subject, PROVIDER, NEWSLETTER, &[EMAIL]);
        let seen = check(&mut shop, question.clone(), revision)
            .await
            .expect("it is fresh");
        assert_eq!(seen.effect, i32::from(proto::consent::Effect::Permit));
        let (grant, decision) = authorize(&mut shop, question).await.expect("she agreed");
        assert_eq!(decision.clauses, [CLAUSE]);
        assert_eq!(decision.policy_version, "v1");

        let revealed = reveal(&mut shop, &grant).await.expect("it is granted");
        assert_eq!(revealed.values.len(), 1);
        assert_eq!(revealed.values[0].text, "ada@example.org");

        let records = account(&mut shop, &subject).await.expect("she may know");
        let release = records[0]
            .release
            .as_ref()
            .expect("every record says what left");
        assert_eq!(records.len(), 1);
        assert_eq!(
            records[0].index,
            revealed.record.expect("it is recorded").index
        );
        assert_eq!(
            (release.recipient_id.as_str(), &release.categories[..]),
            (PROVIDER, &[EMAIL.to_owned()][..])
        );
        assert_eq!(release.clauses, [CLAUSE]);
    }
}

#[tokio::test]
async fn refuses_without_the_persons_permission_for_this_provider_and_purpose() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let (mut shop, subject) = person_with_provider(&suite).await;
        let mut operator = suite.operator();
        register_recipient(
            &mut operator,
            "other",
            "service_provider",
            NEWSLETTER,
            &[EMAIL],
        )
        .await
        .expect("it is a provider");
        let question = disclose(&subject, PROVIDER, NEWSLETTER, &[EMAIL]);

        let answer = authorize(&mut shop, question.clone()).await;
        let status = assert_refused(answer, Code::FailedPrecondition, "NO_CONSENT");
        assert_eq!(clauses_of(&status), CLAUSE);
        let seen = check(&mut shop, question.clone(), 0)
            .await
            .expect("a check answers");
        assert_eq!(
            (seen.effect, seen.reason.as_str()),
            (proto::consent::Effect::Deny.into(), "NO_CONSENT")
        );

        for not_this in [
            scope(&subject, NEWSLETTER, "other"),
            scope(&subject, NEWSLETTER, ""),
        ] {
            grant_consent(&mut shop, not_this)
                .await
                .expect("anybody may agree");
            let answer = authorize(&mut shop, question.clone()).await;
            assert_refused(answer, Code::FailedPrecondition, "NO_CONSENT");
        }
    }
}

#[tokio::test]
async fn refuses_after_the_withdrawal_at_the_very_next_call() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let (mut shop, subject) = person_with_provider(&suite).await;
        let about = scope(&subject, NEWSLETTER, PROVIDER);
        let question = disclose(&subject, PROVIDER, NEWSLETTER, &[EMAIL]);
        for _ in 0..5 {
            grant_consent(&mut shop, about.clone())
                .await
                .expect("anybody may agree");
            let (grant, _) = authorize(&mut shop, question.clone())
                .await
                .expect("she agreed");
            reveal(&mut shop, &grant).await.expect("it is granted");
            withdraw_consent(&mut shop, about.clone())
                .await
                .expect("anybody may withdraw");
            let answer = reveal(&mut shop, &grant).await;
            assert_refused(answer, Code::FailedPrecondition, "GRANT_SUPERSEDED");
            let answer = authorize(&mut shop, question.clone()).await;
            assert_refused(answer, Code::FailedPrecondition, "NO_CONSENT");
        }
    }
}

#[tokio::test]
async fn refuses_an_unknown_an_ended_and_an_unfit_recipient() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let (mut shop, subject) = person_with_provider(&suite).await;
        let about = scope(&subject, NEWSLETTER, PROVIDER);
        grant_consent(&mut shop, about)
            .await
            .expect("anybody may agree");

        let answer = authorize(
            &mut shop,
            disclose(&subject, "nobody", NEWSLETTER, &[EMAIL]),
        )
        .await;
        assert_refused(answer, Code::FailedPrecondition, "RECIPIENT_UNKNOWN");
        let survey = "marketing.communications.survey";
        let answer = authorize(&mut shop, disclose(&subject, PROVIDER, survey, &[EMAIL])).await;
        assert_refused(answer, Code::PermissionDenied, "RECIPIENT_PURPOSE");

        let question = disclose(&subject, PROVIDER, NEWSLETTER, &[EMAIL]);
        let (grant, _) = authorize(&mut shop, question.clone())
            .await
            .expect("she agreed");
        let mut operator = suite.operator();
        let request = proto::disclosure_audit::EndRecipientRequest {
            recipient_id: PROVIDER.into(),
        };
        operator
            .audit
            .end_recipient(operator.request(request))
            .await
            .expect("it is registered");
        // The grant is still good: the last gate refuses, and nothing leaves.
        let answer = reveal(&mut shop, &grant).await;
        assert_refused(answer, Code::FailedPrecondition, "RECIPIENT_EXPIRED");
        let answer = authorize(&mut shop, question).await;
        assert_refused(answer, Code::FailedPrecondition, "RECIPIENT_EXPIRED");
        assert_eq!(
            account(&mut shop, &subject)
                .await
                .expect("she may know")
                .len(),
            0
        );
    }
}

async fn person_with_provider(suite: &Suite) -> (client::Clients, String) {
    let (mut shop, mut operator) = (suite.shop(), suite.operator());
    let categories = [NAME, EMAIL];
    register_recipient(
        &mut operator,
        PROVIDER,
        "service_provider",
        NEWSLETTER,
        &categories,
    )
    .await
    .expect("it is a provider");
    let subject = register(&mut shop).await;
    collect_typed(
        &mut shop,
        &subject,
        &[(EMAIL, "ada@example.org"), (NAME, "Ada")],
    )
    .await;
    (shop, subject)
}
