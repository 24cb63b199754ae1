//! The shipped policy's clauses: each is there and says what keeps it, and nothing is wrong.

use policy::{
    Action, Decision, Effect, Enforced, Recipient, Request, Rulebook, Severity, Standing, Subject,
    TermSet, check, compile, decide,
};

const TEXT: &str = include_str!("../../../policies/gupshup-bots.toml");

#[test]
fn it_compiles_and_has_no_fault() {
    let faults = check(TEXT)
        .into_iter()
        .filter(|it| it.severity != Severity::Note);
    assert_eq!(faults.collect::<Vec<_>>(), []);
    let rulebook = compile(TEXT).expect("the shipped policy compiles");
    assert_eq!(rulebook.name(), "gupshup-bots");
    assert_eq!(rulebook.revised(), "2016-06-21");
    assert_eq!(rulebook.storage_region(), "US");
}

#[test]
fn it_has_every_clause_and_says_what_keeps_it() {
    use Enforced::{ByRules, ByServices, ByTheLanguage, NotYet};
    let expected = [
        ("collect.declared-only", ByRules),
        ("collect.interactions-aggregate", NotYet),
        ("collect.voluntary", ByRules),
        ("collect.refusal-costs-only-what-needs-it", NotYet),
        ("collect.anonymous-visit", NotYet),
        ("collect.technical-apart", NotYet),
        ("collect.cookies", NotYet),
        ("use.customer-service", ByRules),
        ("use.personalize-in-aggregate", NotYet),
        ("use.improve-site", ByRules),
        ("use.payment-only-for-its-order", ByRules),
        ("use.promotions-agreed", NotYet),
        ("use.periodic-email", NotYet),
        ("protect.storage", ByServices),
        ("protect.channel-and-signatures", ByServices),
        ("disclose.legal-grounds", NotYet),
        ("disclose.objections-reserved", NotYet),
        ("disclose.business-transfer", NotYet),
        ("disclose.never-sold", ByTheLanguage),
        ("disclose.aggregates-only-to-partners", NotYet),
        ("disclose.providers-with-permission", ByRules),
        ("disclose.third-party-sites", NotYet),
        ("disclose.advertising-cookies", NotYet),
        ("disclose.anonymized", NotYet),
        ("children.under-13", NotYet),
        ("international.transfer", NotYet),
        ("policy.changes", ByServices),
        ("policy.acceptance", ByServices),
        ("policy.lawful-use", NotYet),
        ("policy.contact", NotYet),
    ];
    let rulebook = compile(TEXT).expect("the shipped policy compiles");
    let clauses: Vec<_> = rulebook
        .clauses()
        .iter()
        .map(|it| (it.key.as_str(), it.enforced))
        .collect();
    assert_eq!(clauses, expected);
}

#[test]
fn what_rules_can_keep_has_rules() {
    let rulebook = compile(TEXT).expect("the shipped policy compiles");
    for clause in rulebook.clauses() {
        let has_rules = !clause.rules.is_empty();
        let is_kept_otherwise = matches!(
            clause.enforced,
            Enforced::ByServices | Enforced::ByTheLanguage
        );
        assert_eq!(has_rules, !is_kept_otherwise, "{}", clause.key);
    }
}

#[test]
fn each_legal_ground_rests_on_what_fits_it() {
    let rulebook = policy::compile_with_drafts(TEXT).expect("the shipped policy compiles");
    for (purpose, basis) in [
        ("essential.legal_obligation", "LEGAL_OBLIGATION"),
        ("essential.legal_claims", "LEGITIMATE_INTERESTS"),
        ("essential.service.security", "LEGITIMATE_INTERESTS"),
        ("essential.fraud_detection", "LEGITIMATE_INTERESTS"),
        ("essential.emergency", "VITAL_INTERESTS"),
    ] {
        for approved in [true, false] {
            let decision = decided(
                &rulebook,
                "authority",
                purpose,
                "user.name",
                approved,
                false,
            );
            assert_eq!(decision.clauses, ["disclose.legal-grounds"], "{purpose}");
            assert_eq!(decision.basis, approved.then_some(basis), "{purpose}");
        }
    }
}

#[test]
fn figures_go_to_all_that_the_policy_names_for_them_and_persons_to_none() {
    let rulebook = policy::compile_with_drafts(TEXT).expect("the shipped policy compiles");
    for kind in ["partner", "affiliate", "advertiser", "service_provider"] {
        for category in ["user.behavior", "user.demographic"] {
            for aggregate in [true, false] {
                let purpose = "analytics.reporting";
                let decision = decided(&rulebook, kind, purpose, category, false, aggregate);
                let is_permit = decision.effect == Effect::Permit;
                assert_eq!(is_permit, aggregate, "{kind} {category}");
            }
        }
    }
}

fn decided<'r>(
    rulebook: &'r Rulebook,
    kind: &str,
    purpose: &str,
    category: &str,
    approved: bool,
    aggregate: bool,
) -> Decision<'r> {
    let recipient = Recipient { id: None, kind };
    let request = Request {
        action: Action::Disclose { recipient },
        purpose,
        categories: &[category],
        order: false,
        approved,
        aggregate,
    };
    let person = Subject {
        standing: Standing::Active,
        age_band: None,
        region: None,
        acceptance: None,
        transfer_agreed: false,
        refused: TermSet::NONE,
        consents: &[],
    };
    decide(
        &[rulebook],
        Some(&person).filter(|_| !aggregate),
        &request,
        0,
    )
}
