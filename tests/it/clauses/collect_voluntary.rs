//! `collect.voluntary`: only an act that the point accepts brings a value in, and the value keeps it.

use tonic::Code;

use crate::suite::{Suite, acts::*, databases};

const CLAUSE: &str = "collect.voluntary";

#[tokio::test]
async fn permits_the_persons_own_act_and_keeps_the_provenance() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let mut shop = suite.shop();
        for act in ["typed", "chosen", "sent"] {
            let subject = register(&mut shop).await;
            let question = collect(&subject, act, &[NAME]);
            let (grant, decision) = authorize(&mut shop, question).await.expect(act);
            assert!(
                decision.clauses.contains(&CLAUSE.to_owned()),
                "{:?}",
                decision.clauses
            );
            store(&mut shop, &grant, &[(NAME, "Ada")]).await.expect(act);

            let request = proto::identity::GetSubjectRequest {
                subject_id: subject,
            };
            let answer = shop.identity.get_subject(shop.request(request)).await;
            let values = answer.expect("it is registered").into_inner().values;
            let provenance = values[0].provenance.as_ref().expect("each value has one");
            assert_eq!(provenance.point, "site_registration");
            assert_eq!(provenance.act, act);
            assert_eq!(provenance.collected_by, "spiffe://vow.local/workload/shop");
            assert_eq!(provenance.policy_version, "v1");
            assert!(provenance.collected_at.is_some());
        }
    }
}

#[tokio::test]
async fn refuses_a_value_that_came_by_another_act() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let mut shop = suite.shop();
        let subject = register(&mut shop).await;
        for (point, act, category) in [
            ("site_registration", "retrieved", EMAIL),
            ("site_registration", "supplied_by_installer", NAME),
            ("site_registration", "", NAME),
            ("site_registration", "bought", NAME),
            ("team_installation", "typed", NAME),
            ("rss_feed", "typed", "system.operations"),
        ] {
            let question = collect_at(&subject, point, act, &[category]);
            let answer = authorize(&mut shop, question).await;
            let status = assert_refused(answer, Code::PermissionDenied, "NOT_VOLUNTARY");
            assert_eq!(clauses_of(&status), CLAUSE, "{point} {act}");
        }
    }
}
