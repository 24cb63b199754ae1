//! `disclose.never-sold`: no policy, registration or question can express a sale, a trade or a rental.

use tonic::Code;

use crate::suite::{Suite, acts::*, databases};

#[tokio::test]
async fn permits_a_registration_that_is_no_sale() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let mut operator = suite.operator();
        register_recipient(
            &mut operator,
            "letterpress",
            "service_provider",
            NEWSLETTER,
            &[EMAIL],
        )
        .await
        .expect("a newsletter is no sale");
    }
}

#[tokio::test]
async fn refuses_a_recipient_that_buys_trades_or_rents() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let mut operator = suite.operator();
        for (kind, purpose) in [
            ("data_broker", NEWSLETTER),
            ("service_provider", "third_party_sharing.sale"),
            ("service_provider", "third_party_sharing.rent"),
            ("service_provider", "third_party_sharing.trade"),
        ] {
            let answer = register_recipient(&mut operator, "broker", kind, purpose, &[EMAIL]).await;
            assert_refused(answer, Code::PermissionDenied, "SALE_FORBIDDEN");
        }
    }
}

#[tokio::test]
async fn refuses_to_publish_a_policy_that_sells() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let mut operator = suite.operator();
        let policy = include_str!("../../../policies/gupshup-bots.toml");
        let sale = policy.replacen(
            "\"marketing.communications.survey\"",
            "\"third_party_sharing.sale\"",
            1,
        );
        assert_ne!(policy, sale);
        let request = proto::consent::PublishPolicyRequest {
            request_id: new_id(),
            text: sale,
            validate_only: false,
        };
        let answer = operator
            .consent
            .publish_policy(operator.request(request))
            .await;
        assert_refused(answer, Code::InvalidArgument, "SALE_FORBIDDEN");
    }
}

#[tokio::test]
async fn refuses_to_publish_a_trade_by_another_name() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let mut operator = suite.operator();
        let policy = include_str!("../../../policies/gupshup-bots.toml");
        // Partners, affiliates and advertisers would see persons instead of figures.
        let (before, after) = policy
            .split_once("recipient_kinds = [\"partner\", \"affiliate\", \"advertiser\"]")
            .expect("figures go to partners");
        let persons = after.replacen("aggregate_only = true", "order = true", 1);
        let trade = format!("{before}recipient_kinds = [\"advertiser\"]{persons}");
        let request = proto::consent::PublishPolicyRequest {
            request_id: new_id(),
            text: trade,
            validate_only: true,
        };
        let answer = operator
            .consent
            .publish_policy(operator.request(request))
            .await;
        assert_refused(answer, Code::InvalidArgument, "SALE_FORBIDDEN");
    }
}

#[tokio::test]
async fn refuses_a_question_about_a_sale() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let (mut shop, mut operator) = (suite.shop(), suite.operator());
        register_recipient(
            &mut operator,
            "letterpress",
            "service_provider",
            NEWSLETTER,
            &[EMAIL],
        )
        .await
        .expect("a newsletter is no sale");
        let subject = register(&mut shop).await;
        let question = disclose(
            &subject,
            "letterpress",
            "third_party_sharing.sale",
            &[EMAIL],
        );
        let answer = authorize(&mut shop, question).await;
        assert_refused(answer, Code::PermissionDenied, "SALE_FORBIDDEN");
    }
}
