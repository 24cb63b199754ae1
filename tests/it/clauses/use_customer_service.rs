//! `use.customer-service`: the request and how to reach the person serve to answer it, and no more.

use tonic::Code;

use crate::suite::{Suite, acts::*, databases};

const CLAUSE: &str = "use.customer-service";
const SUPPORT: &str = "essential.service.operations.support";
const QUESTION: &str = "user.content.private";

#[tokio::test]
async fn permits_the_desk_to_read_the_question_and_how_to_answer() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let (mut shop, subject) = asker(&suite).await;
        let question = use_within(&subject, SUPPORT, &[EMAIL, QUESTION]);
        let (grant, decision) = authorize(&mut shop, question).await.expect("it is support");
        assert_eq!(decision.clauses, [CLAUSE]);
        let revealed = reveal(&mut shop, &grant).await.expect("it is granted");
        let mut texts: Vec<_> = revealed.values.iter().map(|it| it.text.as_str()).collect();
        texts.sort_unstable();
        assert_eq!(texts, ["Where is my bot?", "ada@example.org"]);
    }
}

#[tokio::test]
async fn refuses_the_desk_what_no_answer_needs() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let (mut shop, subject) = asker(&suite).await;
        for beyond in [ADDRESS, "user.content.feedback", "user.contact"] {
            let question = use_within(&subject, SUPPORT, &[QUESTION, beyond]);
            let answer = authorize(&mut shop, question).await;
            let reason = "PURPOSE_EXCEEDS_CATEGORIES";
            let status = assert_refused(answer, Code::PermissionDenied, reason);
            assert_eq!(clauses_of(&status), CLAUSE, "{beyond}");
        }
    }
}

/// A person who sent a question and left an e-mail address.
async fn asker(suite: &Suite) -> (client::Clients, String) {
    let mut shop = suite.shop();
    let subject = register(&mut shop).await;
    collect_typed(&mut shop, &subject, &[(EMAIL, "ada@example.org")]).await;
    let question = collect_at(&subject, "explicit_request", "sent", &[QUESTION]);
    let (grant, _) = authorize(&mut shop, question)
        .await
        .expect("it is declared");
    let sent = store(&mut shop, &grant, &[(QUESTION, "Where is my bot?")]).await;
    sent.expect("the grant covers it");
    (shop, subject)
}
