//! `use.improve-site`: feedback guides improvements, and nothing else that is known of one person.

use tonic::Code;

use crate::suite::{Suite, acts::*, databases};

const CLAUSE: &str = "use.improve-site";
const IMPROVE: &str = "functional.service.improve";
const FEEDBACK: &str = "user.content.feedback";

#[tokio::test]
async fn permits_to_read_the_feedback_a_person_gave() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let mut shop = suite.shop();
        let subject = register(&mut shop).await;
        let question = collect_at(&subject, "feedback_form", "typed", &[FEEDBACK]);
        let (grant, _) = authorize(&mut shop, question)
            .await
            .expect("it is declared");
        let given = store(&mut shop, &grant, &[(FEEDBACK, "More colours, please.")]).await;
        given.expect("the grant covers it");

        let question = use_within(&subject, IMPROVE, &[FEEDBACK]);
        let (grant, decision) = authorize(&mut shop, question)
            .await
            .expect("it is feedback");
        assert_eq!(decision.clauses, [CLAUSE]);
        let revealed = reveal(&mut shop, &grant).await.expect("it is granted");
        assert_eq!(revealed.values.len(), 1);
        assert_eq!(revealed.values[0].text, "More colours, please.");
    }
}

#[tokio::test]
async fn refuses_everything_else_about_the_person() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let mut shop = suite.shop();
        let subject = register(&mut shop).await;
        let cases = [
            (NAME, "PURPOSE_EXCEEDS_CATEGORIES"),
            (EMAIL, "PURPOSE_EXCEEDS_CATEGORIES"),
            ("user.content.private", "PURPOSE_EXCEEDS_CATEGORIES"),
            ("user.content", "PURPOSE_EXCEEDS_CATEGORIES"),
            // Of what people do, only counts that are about nobody.
            ("user.behavior", "AGGREGATE_ONLY"),
        ];
        for (category, reason) in cases {
            let answer = authorize(&mut shop, use_within(&subject, IMPROVE, &[category])).await;
            let status = assert_refused(answer, Code::PermissionDenied, reason);
            assert_eq!(clauses_of(&status), CLAUSE, "{category}");
        }
        let unspoken = collect_at(&subject, "feedback_form", "retrieved", &[FEEDBACK]);
        let answer = authorize(&mut shop, unspoken).await;
        assert_refused(answer, Code::PermissionDenied, "NOT_VOLUNTARY");
    }
}
