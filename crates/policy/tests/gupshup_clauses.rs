//! The shipped policy's clauses: each is there and says what keeps it, and nothing is wrong.

use policy::{Code, Enforced, check, compile};

const TEXT: &str = include_str!("../../../policies/gupshup-bots.toml");

#[test]
fn it_compiles_and_only_drafts_are_noted() {
    let faults = check(TEXT)
        .into_iter()
        .filter(|it| it.code != Code::ClauseNotYet);
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
        ("policy.acceptance", NotYet),
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
