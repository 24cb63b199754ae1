//! What the linter takes for a sale in disguise, and what not.

use policy::{Code, check};

use crate::{SOUND, is_found};

#[test]
fn what_is_of_no_person_may_go_where_what_is_of_persons_may_not() {
    let shared = "purposes = [\"essential.service.payment_processing\"]\n\
                  categories = [\"user.contact.address\"]\n";
    let used = "purposes = [\"essential.service.operations.support\"]\n\
                categories = [\"user.name\", \"user.contact.email\"]\n";
    for (rule, purpose) in [
        (shared, "third_party_sharing"),
        (used, "marketing.advertising.third_party"),
    ] {
        for (categories, is_sale) in [
            ("\"system\"", false),
            ("\"system.operations\", \"system.authentication\"", false),
            ("\"user\"", true),
            ("\"system.operations\", \"user.name\"", true),
        ] {
            let other = format!("purposes = [\"{purpose}\"]\ncategories = [{categories}]\n");
            let found = is_found(Code::SaleInDisguise, rule, &other);
            assert_eq!(found, is_sale, "{purpose} {categories}");
        }
    }
}

/// A permission to disclose in a clause of its own.
fn disclosing(kinds: &str, purposes: &str, categories: &str, when: &str) -> String {
    let names: Vec<_> = kinds.split(", ").collect();
    let declared: String = names
        .iter()
        .filter(|it| **it != "\"carrier\"")
        .map(|it| format!("[[recipient_kind]]\nkey = {it}\nfalls_under = \"share.more\"\n"))
        .collect();
    format!(
        "{SOUND}\n{declared}[[clause]]\nkey = \"share.more\"\ntitle = \"More\"\nsays = \"More.\"\n\
         enforced = \"by rules\"\n[[clause.permit]]\naction = \"disclose\"\nrecipient_kinds = \
         [{kinds}]\npurposes = [{purposes}]\ncategories = [{categories}]\n{when}\
         basis = \"LEGITIMATE_INTERESTS\"\n"
    )
}

#[test]
fn what_a_person_must_be_asked_for_depends_on_who_gets_it_and_what_for() {
    let (plain, both) = (
        "when = { consent = \"for this purpose\" }\n",
        "when = { consent = \"for this purpose and recipient\" }\n",
    );
    let confirmed = "when = { consent = \"confirmed for this purpose\" }\n";
    let (figures, approved) = (
        "when = { aggregate_only = true }\n",
        "when = { approval = true }\n",
    );
    let approved_consent = "when = { approval = true, consent = \"for this purpose\" }\n";
    let (name, system, city) = (
        "\"user.name\"",
        "\"system\"",
        "\"user.contact.address.city\"",
    );
    let (provider, insurer) = ("\"service_provider\"", "\"insurer\"");
    let (authority, acquirer) = ("\"authority\"", "\"acquirer\"");
    let mixed = "\"authority\", \"service_provider\"";
    let (letters, first_party) = (
        "\"marketing.communications.email\"",
        "\"marketing.advertising.first_party\"",
    );
    let (analytics, taste) = ("\"analytics.reporting\"", "\"personalize\"");
    let (sharing, service) = ("\"third_party_sharing\"", "\"essential.service\"");
    for (kinds, purposes, categories, when, is_sale) in [
        (provider, letters, name, "", true),
        (provider, letters, name, plain, false),
        (provider, letters, name, confirmed, false),
        (provider, letters, name, both, false),
        (provider, letters, system, "", false),
        (provider, first_party, name, "", true),
        (provider, first_party, name, plain, false),
        (provider, analytics, name, "", true),
        (provider, analytics, city, figures, false),
        (provider, taste, name, "", true),
        (provider, service, name, "", false),
        (insurer, letters, name, plain, true),
        (insurer, letters, name, both, false),
        (insurer, service, name, "", false),
        (
            "\"insurer\", \"service_provider\"",
            letters,
            name,
            plain,
            true,
        ),
        (authority, letters, name, approved, true),
        (authority, letters, system, approved, false),
        (authority, "\"essential.emergency\"", name, approved, false),
        (authority, "\"essential\"", name, approved, true),
        (authority, letters, city, figures, false),
        (acquirer, sharing, name, approved, false),
        (acquirer, analytics, name, approved, true),
        (mixed, sharing, name, approved, true),
        (mixed, sharing, name, approved_consent, true),
        (provider, sharing, name, approved, true),
        (provider, sharing, name, both, false),
        (provider, sharing, name, plain, true),
        (provider, analytics, name, figures, true),
        (provider, analytics, "\"user.contact\"", figures, true),
        (
            provider,
            analytics,
            "\"user.financial.credit_card\"",
            figures,
            true,
        ),
        (provider, analytics, "\"user.demographic\"", figures, false),
    ] {
        let text = disclosing(kinds, purposes, categories, when);
        let findings = check(&text);
        let found = findings.iter().any(|it| it.code == Code::SaleInDisguise);
        assert_eq!(
            found, is_sale,
            "{kinds} {purposes} {categories} {when}: {findings:?}"
        );
    }
}

#[test]
fn what_would_be_right_is_told_of_a_sale_in_disguise() {
    let message = |kind, purpose, when| {
        let text = disclosing(kind, purpose, "\"user.name\"", when);
        let mut findings = check(&text).into_iter();
        findings
            .find(|it| it.code == Code::SaleInDisguise)
            .unwrap()
            .message
    };
    for (kind, purpose, when, told) in [
        (
            "\"service_provider\"",
            "\"analytics\"",
            "",
            "`consent = \"for this purpose\"`",
        ),
        (
            "\"insurer\"",
            "\"analytics\"",
            "",
            "`consent = \"for this purpose and recipient\"`",
        ),
        (
            "\"partner\"",
            "\"analytics\"",
            "",
            "name `service_provider`",
        ),
        (
            "\"authority\"",
            "\"analytics\"",
            "when = { approval = true }\n",
            "no case is about `analytics`: `authority` gets data for `essential.emergency`, ",
        ),
    ] {
        let message = message(kind, purpose, when);
        assert!(message.contains(told), "{message}");
    }
}

#[test]
fn a_clause_may_not_permit_under_a_word_for_a_sale() {
    for (from, to, is_sale) in [
        ("share.delivery", "share.delivery-swap", true),
        ("share.delivery", "share.no-swap", false),
        ("share.delivery", "share.never_swap", false),
        ("share.delivery", "swap.delivery", true),
        ("use.answer", "sell.your-data", true),
        ("use.answer", "never-sell.your-data", false),
        ("use.answer", "use.driving-licence", false),
    ] {
        let found = check(&SOUND.replace(from, to));
        let found = found.iter().any(|it| it.code == Code::SaleForbidden);
        assert_eq!(found, is_sale, "{to}");
    }
    let promise = "[[clause]]\nkey = \"trade.secrets\"\ntitle = \"No trade\"\nsays = \"None.\"\n\
                   enforced = \"not yet\"\n";
    let found = check(&format!("{SOUND}\n{promise}"));
    assert!(found.iter().all(|it| it.code != Code::SaleForbidden));
}
