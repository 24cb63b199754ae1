//! The shipped policy, asked about each clause it enforces, from both sides.

use policy::{
    ACTS, Action, CATEGORIES, ConsentEntry, ConsentState, Decision, Enforced, PURPOSES, Recipient,
    RecipientId, Request, Rulebook, Standing, Subject, TermSet, check, compile, decide,
};

const TEXT: &str = include_str!("../../../policies/gupshup-bots.toml");
const NOW: u64 = 1_700_000_000;
const NAME: &str = "user.name";
const EMAIL: &str = "user.contact.email";
const ADDRESS: &str = "user.contact.address";
const PHONE: &str = "user.contact.phone_number";
const CARD: &str = "user.financial.credit_card";
const PAYMENT: &str = "essential.service.payment_processing";
const NEWSLETTER: &str = "marketing.communications.email";
const SURVEY: &str = "marketing.communications.survey";
const MAILER: RecipientId = RecipientId(7);

fn rulebook() -> Rulebook {
    compile(TEXT).expect("the shipped policy compiles")
}

fn consent(purpose: &str, recipient: Option<RecipientId>, state: ConsentState) -> ConsentEntry {
    let purpose = PURPOSES.term(purpose).expect("a purpose of the vocabulary");
    ConsentEntry {
        purpose,
        recipient,
        state,
        expires_at: None,
    }
}

fn subject(consents: &[ConsentEntry]) -> Subject<'_> {
    Subject {
        standing: Standing::Active,
        age_band: None,
        region: None,
        refused: TermSet::default(),
        consents,
    }
}

fn collect<'a>(point: &'a str, act: &'a str, categories: &'a [&'a str]) -> Request<'a> {
    let (purpose, order) = match point {
        "order" => (PAYMENT, true),
        "site_registration" => ("essential.service", false),
        _ => ("essential.service.operations", false),
    };
    Request {
        action: Action::Collect { point, act },
        purpose,
        categories,
        order,
        aggregate: false,
    }
}

fn inside<'a>(purpose: &'a str, categories: &'a [&'a str], order: bool) -> Request<'a> {
    Request {
        action: Action::Use,
        purpose,
        categories,
        order,
        aggregate: false,
    }
}

fn to<'a>(kind: &'a str, purpose: &'a str, categories: &'a [&'a str], order: bool) -> Request<'a> {
    let recipient = Recipient {
        id: Some(MAILER),
        kind,
    };
    Request {
        action: Action::Disclose { recipient },
        purpose,
        categories,
        order,
        aggregate: false,
    }
}

/// The reason and the clauses of the answer, the reason being `PERMIT` on a permit.
fn answer(decision: &Decision<'_>) -> (&'static str, Vec<String>) {
    let clauses = decision.clauses.iter().map(ToString::to_string).collect();
    (decision.reason.map_or("PERMIT", |it| it.as_str()), clauses)
}

#[track_caller]
fn expect(request: Request<'_>, consents: &[ConsentEntry], reason: &str, clauses: &[&str]) {
    let rulebook = rulebook();
    let decision = decide(&[&rulebook], Some(&subject(consents)), &request, NOW);
    let clauses = clauses.iter().map(ToString::to_string).collect::<Vec<_>>();
    let expected = (reason, clauses);
    let (reason, clauses) = answer(&decision);
    assert_eq!((reason, clauses), expected, "{request:?}");
}

#[test]
fn it_compiles_without_a_finding() {
    assert_eq!(check(TEXT), []);
    let rulebook = rulebook();
    assert_eq!(rulebook.name(), "gupshup-bots");
    assert_eq!(rulebook.revised(), "2016-06-21");
    assert_eq!(rulebook.storage_region(), "US");
}

#[test]
fn a_point_that_is_declared_says_what_it_collects_for() {
    for (point, purpose) in [
        ("rss_feed", Some("essential.service.operations")),
        ("site_registration", Some("essential.service")),
        ("order", Some(PAYMENT)),
        ("elsewhere", None),
    ] {
        assert_eq!(rulebook().purpose_of_point(point), purpose);
    }
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
        ("use.customer-service", NotYet),
        ("use.personalize-in-aggregate", NotYet),
        ("use.improve-site", NotYet),
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
    let rulebook = rulebook();
    let clauses: Vec<_> = rulebook
        .clauses()
        .iter()
        .map(|it| (it.key.as_str(), it.enforced))
        .collect();
    assert_eq!(clauses, expected);
}

#[test]
fn a_point_takes_what_it_declares_and_nothing_else() {
    let own_acts = |point: &str| match point {
        "team_installation" => "supplied_by_installer",
        "api_connection" | "rss_feed" => "retrieved",
        _ => "sent",
    };
    let both = ["collect.declared-only", "collect.voluntary"];
    let rulebook = rulebook();
    assert_eq!(rulebook.points().len(), 6);
    for point in rulebook.points() {
        let act = own_acts(&point.key);
        for category in CATEGORIES.keys() {
            let request_categories = [category];
            let request = collect(&point.key, act, &request_categories);
            if point
                .categories
                .contains(CATEGORIES.term(category).unwrap())
            {
                expect(request, &[], "PERMIT", &both);
            } else {
                expect(request, &[], "CATEGORY_NOT_DECLARED", &both[..1]);
            }
        }
    }
}

#[test]
fn registration_takes_four_kinds_of_data_and_an_order_the_card_too() {
    let clauses = ["collect.declared-only", "collect.voluntary"];
    let four = [NAME, EMAIL, ADDRESS, PHONE];
    let five = [NAME, EMAIL, ADDRESS, PHONE, CARD];
    expect(
        collect("site_registration", "typed", &four),
        &[],
        "PERMIT",
        &clauses,
    );
    expect(collect("order", "typed", &five), &[], "PERMIT", &clauses);
    let undeclared = "CATEGORY_NOT_DECLARED";
    expect(
        collect("site_registration", "typed", &five),
        &[],
        undeclared,
        &clauses[..1],
    );
    expect(
        collect("site_registration", "typed", &[]),
        &[],
        undeclared,
        &[],
    );
    expect(
        collect("back_door", "typed", &four),
        &[],
        undeclared,
        &clauses[..1],
    );
    expect(
        collect("order", "typed", &["user.shoe_size"]),
        &[],
        undeclared,
        &[],
    );
    let without_order = Request {
        order: false,
        ..collect("order", "typed", &five)
    };
    expect(without_order, &[], "ORDER_REQUIRED", &clauses[..1]);
    let other_purpose = Request {
        purpose: NEWSLETTER,
        ..collect("order", "typed", &five)
    };
    expect(other_purpose, &[], "NO_RULE", &clauses[..1]);
}

#[test]
fn a_value_arrives_by_the_acts_of_its_point_only() {
    let own = ["typed", "chosen", "sent"];
    let cases: [(&str, &str, &[&str]); 6] = [
        ("site_registration", NAME, &own),
        ("order", NAME, &own),
        ("explicit_request", "user.content.private", &["sent"]),
        ("team_installation", EMAIL, &["supplied_by_installer"]),
        ("api_connection", "system.authentication", &["retrieved"]),
        ("rss_feed", "system.operations", &["retrieved"]),
    ];
    for (point, category, accepted) in cases {
        for act in ACTS.keys().chain(["inferred", ""]) {
            let categories = [category];
            let request = collect(point, act, &categories);
            if accepted.contains(&act) {
                let clauses = ["collect.declared-only", "collect.voluntary"];
                expect(request, &[], "PERMIT", &clauses);
            } else {
                expect(request, &[], "NOT_VOLUNTARY", &["collect.voluntary"]);
            }
        }
    }
}

#[test]
fn data_of_an_order_serves_that_order() {
    let clause = ["use.payment-only-for-its-order"];
    let all = [NAME, EMAIL, ADDRESS, PHONE, CARD];
    expect(inside(PAYMENT, &all, true), &[], "PERMIT", &clause);
    expect(inside(PAYMENT, &all, false), &[], "ORDER_REQUIRED", &clause);
    expect(
        inside(PAYMENT, &[NAME], false),
        &[],
        "ORDER_REQUIRED",
        &clause,
    );
    let secret = [CARD, "user.content.private"];
    expect(
        inside(PAYMENT, &secret, true),
        &[],
        "PURPOSE_EXCEEDS_CATEGORIES",
        &clause,
    );
    expect(
        inside(NEWSLETTER, &[CARD], false),
        &[],
        "ORDER_REQUIRED",
        &clause,
    );
    expect(inside(NEWSLETTER, &[CARD], true), &[], "NO_RULE", &[]);
    expect(inside(NEWSLETTER, &[EMAIL], false), &[], "NO_RULE", &[]);
}

#[test]
fn processors_of_an_order_get_the_fields_they_need_without_consent() {
    let clause = ["use.payment-only-for-its-order"];
    let excess = "FIELD_NOT_NECESSARY";
    let cases: [(&str, &[&str], &str); 7] = [
        ("payment_processor", &[NAME, CARD], "PERMIT"),
        ("payment_processor", &[CARD], "PERMIT"),
        ("payment_processor", &[NAME, CARD, EMAIL], excess),
        ("payment_processor", &[ADDRESS], excess),
        ("carrier", &[NAME, ADDRESS], "PERMIT"),
        ("carrier", &[CARD], excess),
        ("carrier", &[NAME, ADDRESS, PHONE], excess),
    ];
    for (kind, categories, reason) in cases {
        expect(to(kind, PAYMENT, categories, true), &[], reason, &clause);
        let without_order = if reason == "PERMIT" || categories.contains(&CARD) {
            "ORDER_REQUIRED"
        } else {
            reason
        };
        expect(
            to(kind, PAYMENT, categories, false),
            &[],
            without_order,
            &clause,
        );
    }
    let other_purpose = to("payment_processor", NEWSLETTER, &[NAME], true);
    expect(other_purpose, &[], "RECIPIENT_PURPOSE", &clause);
}

#[test]
fn a_provider_needs_consent_for_its_purpose_and_for_itself() {
    let clause = ["disclose.providers-with-permission"];
    let request = to("service_provider", NEWSLETTER, &[NAME, EMAIL], false);
    let given = consent(NEWSLETTER, Some(MAILER), ConsentState::Given);
    let other = consent(NEWSLETTER, Some(RecipientId(8)), ConsentState::Given);
    let in_general = consent(NEWSLETTER, None, ConsentState::Given);
    let no_longer = consent(NEWSLETTER, None, ConsentState::Withdrawn);
    let cases: [(&[ConsentEntry], &str); 9] = [
        (&[], "NO_CONSENT"),
        (&[given], "PERMIT"),
        (&[other], "NO_CONSENT"),
        (&[in_general], "NO_CONSENT"),
        (
            &[consent(SURVEY, Some(MAILER), ConsentState::Given)],
            "NO_CONSENT",
        ),
        (&[other, given], "PERMIT"),
        (&[given, no_longer], "NO_CONSENT"),
        (
            &[ConsentEntry {
                expires_at: Some(NOW + 1),
                ..given
            }],
            "PERMIT",
        ),
        (
            &[ConsentEntry {
                expires_at: Some(NOW),
                ..given
            }],
            "CONSENT_EXPIRED",
        ),
    ];
    for (consents, reason) in cases {
        expect(request, consents, reason, &clause);
    }
    let survey = to("service_provider", SURVEY, &[EMAIL], false);
    expect(survey, &[given], "NO_CONSENT", &clause);
    let phone = to("service_provider", NEWSLETTER, &[EMAIL, PHONE], false);
    expect(phone, &[given], "FIELD_NOT_NECESSARY", &clause);
    let payment = to("service_provider", PAYMENT, &[EMAIL], true);
    expect(payment, &[given], "RECIPIENT_PURPOSE", &clause);
}

#[test]
fn only_a_given_consent_counts() {
    use ConsentState::{
        Expired, Given, Invalidated, Refused, Renewed, RequestDeferred, Requested, Revoked,
        Unknown, Withdrawn,
    };
    let request = to("service_provider", NEWSLETTER, &[EMAIL], false);
    let cases = [
        (Given, "PERMIT"),
        (Renewed, "PERMIT"),
        (Unknown, "NO_CONSENT"),
        (Requested, "NO_CONSENT"),
        (RequestDeferred, "NO_CONSENT"),
        (Refused, "NO_CONSENT"),
        (Withdrawn, "NO_CONSENT"),
        (Expired, "CONSENT_EXPIRED"),
        (Revoked, "NO_CONSENT"),
        (Invalidated, "NO_CONSENT"),
    ];
    for (state, reason) in cases {
        let consents = [consent(NEWSLETTER, Some(MAILER), state)];
        expect(
            request,
            &consents,
            reason,
            &["disclose.providers-with-permission"],
        );
    }
}

#[test]
fn a_sale_cannot_be_asked_for() {
    let never = ["disclose.never-sold"];
    for purpose in ["third_party_sharing.sale", "data_trade", "marketing.rent"] {
        expect(
            inside(purpose, &[EMAIL], false),
            &[],
            "SALE_FORBIDDEN",
            &never,
        );
        let request = to("service_provider", purpose, &[EMAIL], false);
        expect(request, &[], "SALE_FORBIDDEN", &never);
    }
    expect(
        to("data_broker", NEWSLETTER, &[EMAIL], false),
        &[],
        "SALE_FORBIDDEN",
        &never,
    );
    // The nearest thing that is no sale: a kind that is just not known.
    expect(
        to("collector", NEWSLETTER, &[EMAIL], false),
        &[],
        "RECIPIENT_KIND_UNKNOWN",
        &[],
    );
}

#[test]
fn a_kind_whose_clause_is_not_enforced_yet_gets_nothing() {
    let cases = [
        ("advertiser", "disclose.aggregates-only-to-partners"),
        ("authority", "disclose.legal-grounds"),
        ("acquirer", "disclose.business-transfer"),
    ];
    for (kind, clause) in cases {
        expect(
            to(kind, "third_party_sharing", &[EMAIL], false),
            &[],
            "NO_RULE",
            &[clause],
        );
    }
}

#[test]
fn an_unknown_purpose_is_refused_everywhere() {
    for purpose in ["", "marketing.", "essential.service.payment_processing.x"] {
        let categories = [NAME];
        let collecting = Request {
            purpose,
            ..collect("order", "typed", &categories)
        };
        expect(collecting, &[], "PURPOSE_UNKNOWN", &[]);
        expect(
            inside(purpose, &categories, true),
            &[],
            "PURPOSE_UNKNOWN",
            &[],
        );
        expect(
            to("carrier", purpose, &categories, true),
            &[],
            "PURPOSE_UNKNOWN",
            &[],
        );
    }
}
