//! The shipped policy, asked about each clause it enforces, from both sides.

use std::sync::LazyLock;

use policy::{
    ACTS, Action, CATEGORIES, ConsentEntry, ConsentState, Decision, PURPOSES, Recipient,
    RecipientId, Request, Rulebook, Standing, Subject, TermSet, compile, decide,
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
const SUPPORT: &str = "essential.service.operations.support";
const FEEDBACK: &str = "functional.service.improve";
const MAILER: RecipientId = RecipientId(7);

fn rulebook() -> &'static Rulebook {
    static COMPILED: LazyLock<Rulebook> =
        LazyLock::new(|| compile(TEXT).expect("the shipped policy compiles"));
    &COMPILED
}

fn consent(purpose: &str, recipient: Option<RecipientId>, state: ConsentState) -> ConsentEntry {
    let purpose = PURPOSES.term(purpose).expect("a purpose of the vocabulary");
    ConsentEntry {
        purpose,
        recipient,
        state,
        confirmed: false,
        expires_at: None,
    }
}

fn subject(consents: &[ConsentEntry]) -> Subject<'_> {
    Subject {
        standing: Standing::Active,
        age_band: None,
        region: None,
        acceptance: None,
        transfer_agreed: false,
        refused: TermSet::default(),
        consents,
    }
}

fn collect<'a>(point: &'a str, act: &'a str, categories: &'a [&'a str]) -> Request<'a> {
    let (purpose, order) = match point {
        "order" => (PAYMENT, true),
        "feedback_form" => (FEEDBACK, false),
        "site_registration" => ("essential.service", false),
        _ => ("essential.service.operations", false),
    };
    Request {
        action: Action::Collect { point, act },
        purpose,
        categories,
        order,
        approved: false,
        aggregate: false,
    }
}

fn inside<'a>(purpose: &'a str, categories: &'a [&'a str], order: bool) -> Request<'a> {
    Request {
        action: Action::Use,
        purpose,
        categories,
        order,
        approved: false,
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
        approved: false,
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
    let decision = decide(&[rulebook], Some(&subject(consents)), &request, NOW);
    let clauses = clauses.iter().map(ToString::to_string).collect::<Vec<_>>();
    let expected = (reason, clauses);
    let (reason, clauses) = answer(&decision);
    assert_eq!((reason, clauses), expected, "{request:?}");
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
fn a_point_takes_what_it_declares_and_nothing_else() {
    let own_acts = |point: &str| match point {
        "team_installation" => "supplied_by_installer",
        "api_connection" | "rss_feed" => "retrieved",
        _ => "sent",
    };
    let both = ["collect.declared-only", "collect.voluntary"];
    let rulebook = rulebook();
    let in_force = |key: &str| rulebook.purpose_of_point(key).is_some();
    let points: Vec<_> = rulebook
        .points()
        .iter()
        .filter(|it| in_force(&it.key))
        .collect();
    assert_eq!(points.len(), 7);
    for point in points {
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
fn support_uses_the_request_and_how_to_reach_the_person() {
    let clause = ["use.customer-service"];
    let all = [
        NAME,
        EMAIL,
        PHONE,
        "user.contact.organization",
        "user.content.private",
    ];
    expect(inside(SUPPORT, &all, false), &[], "PERMIT", &clause);
    for beyond in [
        ADDRESS,
        "user.content.feedback",
        "system",
        "user.contact",
        "user",
    ] {
        let reason = match beyond {
            "user" => "ORDER_REQUIRED", // It asks for the card too.
            _ => "PURPOSE_EXCEEDS_CATEGORIES",
        };
        let request = [EMAIL, beyond];
        let decision = inside(SUPPORT, &request, false);
        let clause = match beyond {
            "user" => ["use.payment-only-for-its-order"],
            _ => clause,
        };
        expect(decision, &[], reason, &clause);
    }
}

#[test]
fn improvement_uses_feedback_of_one_person_and_figures_of_many() {
    let clause = ["use.improve-site"];
    let exceeds = "PURPOSE_EXCEEDS_CATEGORIES";
    expect(
        inside(FEEDBACK, &["user.content.feedback"], false),
        &[],
        "PERMIT",
        &clause,
    );
    expect(
        inside(FEEDBACK, &["user.behavior"], false),
        &[],
        "AGGREGATE_ONLY",
        &clause,
    );
    let figures = Request {
        aggregate: true,
        ..inside(FEEDBACK, &["user.behavior"], false)
    };
    expect(figures, &[], "PERMIT", &clause);
    for beyond in [NAME, EMAIL, "user.content.private", "user.content"] {
        expect(
            inside(FEEDBACK, &["user.content.feedback", beyond], false),
            &[],
            exceeds,
            &clause,
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
