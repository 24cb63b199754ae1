//! `protect.storage`: values lie sealed, look-ups go through a keyed index, and each caller may do the least.

use tonic::Code;

use crate::{
    canaries::search,
    suite::{Suite, acts::*, databases},
};

#[tokio::test]
async fn permits_a_look_up_by_a_value_that_is_stored_nowhere_in_clear() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let mut shop = suite.shop();
        let subject = register(&mut shop).await;
        let values = [
            (NAME, "Quillon Sealed"),
            (EMAIL, "quillon.sealed@example.org"),
            (PHONE, "+14155550123"),
            (ADDRESS, "77 Locked Lane"),
        ];
        collect_typed(&mut shop, &subject, &values).await;
        for (category, text) in [
            (EMAIL, " Quillon.Sealed@Example.ORG "),
            (PHONE, "+1 (415) 555-0123"),
        ] {
            let request = proto::identity::FindSubjectRequest {
                category: category.into(),
                text: text.into(),
            };
            let answer = shop.identity.find_subject(shop.request(request)).await;
            let found = answer.expect("it is indexed").into_inner().subject_ids;
            assert_eq!(found, std::slice::from_ref(&subject), "{category}");
        }
        let request = proto::identity::FindSubjectRequest {
            category: EMAIL.into(),
            text: "nobody@example.org".into(),
        };
        let answer = shop.identity.find_subject(shop.request(request)).await;
        assert_refused(answer, Code::NotFound, "SUBJECT_UNKNOWN");

        let files = search::written(&suite, database);
        // The control: what is stored in the clear, where the values came from, is found.
        assert!(files.iter().any(|it| it.contains("site_registration")));
        for (_, text) in values {
            for file in &files {
                assert!(!file.contains(text), "a value stands in {}", file.name);
            }
        }
    }
}

#[tokio::test]
async fn refuses_a_caller_a_method_a_tenant_and_a_purpose_that_is_not_listed() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let mut shop = suite.shop();
        let subject = register(&mut shop).await;

        let mut newsletter = suite.client("newsletter", "default");
        let request = proto::identity::GetSubjectRequest {
            subject_id: subject.clone(),
        };
        let answer = newsletter
            .identity
            .get_subject(newsletter.request(request.clone()))
            .await;
        assert_refused(answer, Code::PermissionDenied, "CALLER_NOT_ALLOWED");

        let mut elsewhere = suite.client("shop", "clinic");
        let answer = elsewhere
            .identity
            .get_subject(elsewhere.request(request))
            .await;
        assert_refused(answer, Code::PermissionDenied, "CALLER_NOT_ALLOWED");

        let question = use_within(&subject, PAYMENT, &[NAME]);
        let answer = authorize(&mut newsletter, question).await;
        assert_refused(answer, Code::PermissionDenied, "CALLER_NOT_ALLOWED");

        // A service may only do what its part needs: payments-data may not erase.
        let request = proto::disclosure_audit::ShredSubjectRequest {
            subject_id: subject,
        };
        let answer = shop.audit.shred_subject(shop.request(request)).await;
        assert_refused(answer, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
    }
}

#[tokio::test]
async fn refuses_one_tenant_the_persons_of_another() {
    for database in databases() {
        let suite = Suite::start_on(database).await;
        let mut shop = suite.shop();
        let subject = register(&mut shop).await;
        collect_typed(&mut shop, &subject, &[(EMAIL, "ada@example.org")]).await;

        let mut clinic = suite.client("clinic", "clinic");
        let request = proto::identity::GetSubjectRequest {
            subject_id: subject.clone(),
        };
        let answer = clinic.identity.get_subject(clinic.request(request)).await;
        assert_refused(answer, Code::NotFound, "SUBJECT_UNKNOWN");
        let request = proto::identity::FindSubjectRequest {
            category: EMAIL.into(),
            text: "ada@example.org".into(),
        };
        let answer = clinic.identity.find_subject(clinic.request(request)).await;
        assert_refused(answer, Code::NotFound, "SUBJECT_UNKNOWN");
        let answer = authorize(&mut clinic, collect(&subject, "typed", &[NAME])).await;
        assert_refused(answer, Code::FailedPrecondition, "SUBJECT_UNKNOWN");
    }
}
