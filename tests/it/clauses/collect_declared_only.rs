//! `collect.declared-only`: nothing enters but what a collection point declares.

use tonic::Code;

use crate::suite::{Suite, acts::*, databases};

const CLAUSE: &str = "collect.declared-only";

#[tokio::test]
async fn permits_what_a_point_declares() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let mut shop = suite.shop();
        let subject = register(&mut shop).await;
        for (point, act, category) in [
            ("site_registration", "typed", EMAIL),
            ("api_connection", "retrieved", "system.authentication"),
            ("rss_feed", "retrieved", "system.operations"),
            (
                "team_installation",
                "supplied_by_installer",
                "user.contact.organization",
            ),
            ("explicit_request", "sent", "user.content.private"),
        ] {
            let question = collect_at(&subject, point, act, &[category]);
            let (grant, decision) = authorize(&mut shop, question).await.expect(point);
            assert!(
                decision.clauses.contains(&CLAUSE.to_owned()),
                "{:?}",
                decision.clauses
            );
            let value = if category == EMAIL {
                "ada@example.org"
            } else {
                "something declared"
            };
            store(&mut shop, &grant, &[(category, value)])
                .await
                .expect(point);
        }
    }
}

#[tokio::test]
async fn refuses_what_a_point_does_not_declare() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let mut shop = suite.shop();
        let subject = register(&mut shop).await;
        for (point, act, category) in [
            ("site_registration", "typed", CARD),
            ("site_registration", "typed", "user.biometric"),
            ("rss_feed", "retrieved", EMAIL),
            ("api_connection", "retrieved", NAME),
            ("team_installation", "supplied_by_installer", ADDRESS),
            ("explicit_request", "sent", PHONE),
            ("nowhere", "typed", NAME),
        ] {
            let question = collect_at(&subject, point, act, &[category]);
            let answer = authorize(&mut shop, question).await;
            let status = assert_refused(answer, Code::InvalidArgument, "CATEGORY_NOT_DECLARED");
            assert_eq!(clauses_of(&status), CLAUSE, "{point} {category}");
        }
    }
}

#[tokio::test]
async fn refuses_a_value_outside_the_grant_and_stores_nothing_of_the_call() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let mut shop = suite.shop();
        let subject = register(&mut shop).await;
        let question = collect(&subject, "typed", &[EMAIL]);
        let (grant, _) = authorize(&mut shop, question)
            .await
            .expect("it is declared");
        let values = [(EMAIL, "ada@example.org"), (NAME, "Ada")];
        let answer = store(&mut shop, &grant, &values).await;
        assert_refused(answer, Code::InvalidArgument, "CATEGORY_NOT_DECLARED");

        let request = proto::identity::GetSubjectRequest {
            subject_id: subject,
        };
        let answer = shop.identity.get_subject(shop.request(request)).await;
        assert_eq!(answer.expect("it is registered").into_inner().values, []);
    }
}
