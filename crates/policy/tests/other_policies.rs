//! The other shipped policies, of a hospital and of a shop, each asked from both sides.

use policy::{
    Acceptance, Action, AgeBand, ConsentEntry, ConsentState, PURPOSES, Recipient, RecipientId,
    Request, Rulebook, Severity, Standing, Subject, TermSet, check, compile, decide,
};

const PORTAL: &str = include_str!("../../../policies/patient-portal.toml");
const SHOP: &str = include_str!("../../../policies/web-shop-gdpr.toml");

const TREATMENT: &str = "essential.service.health_care";
const PAYMENT: &str = "essential.service.payment_processing";
const RESEARCH: &str = "functional.research";
const NEWSLETTER: &str = "marketing.communications.email";
const LAW: &str = "essential.legal_obligation";
const EMAIL: &str = "user.contact.email";
const FINDINGS: &str = "user.health_and_medical";
const GENES: &str = "user.health_and_medical.genetic";
const RECIPIENT: RecipientId = RecipientId(1);

/// A person of age who accepted the policy, with what a case changes about them.
const PERSON: Subject<'static> = Subject {
    standing: Standing::Active,
    age_band: Some(AgeBand::Adult),
    region: Some("DE"),
    acceptance: Some(Acceptance::Explicit),
    transfer_agreed: false,
    refused: TermSet::NONE,
    consents: &[],
};

fn aged(age: AgeBand, acceptance: Acceptance) -> Subject<'static> {
    Subject {
        age_band: Some(age),
        acceptance: Some(acceptance),
        ..PERSON
    }
}

fn yes(purpose: &str, recipient: Option<RecipientId>, confirmed: bool) -> [ConsentEntry; 1] {
    [ConsentEntry {
        purpose: PURPOSES.term(purpose).expect("it is a purpose"),
        recipient,
        state: ConsentState::Given,
        confirmed,
        expires_at: None,
    }]
}

fn agreeing(consents: &[ConsentEntry]) -> Subject<'_> {
    Subject { consents, ..PERSON }
}

fn ask<'a>(action: Action<'a>, purpose: &'a str, categories: &'a [&'a str]) -> Request<'a> {
    Request {
        action,
        purpose,
        categories,
        order: false,
        approved: false,
        aggregate: false,
    }
}

fn take<'a>(point: &'a str, purpose: &'a str, categories: &'a [&'a str]) -> Request<'a> {
    ask(
        Action::Collect {
            point,
            act: "typed",
        },
        purpose,
        categories,
    )
}

fn within<'a>(purpose: &'a str, categories: &'a [&'a str]) -> Request<'a> {
    ask(Action::Use, purpose, categories)
}

fn to<'a>(kind: &'a str, purpose: &'a str, categories: &'a [&'a str]) -> Request<'a> {
    let id = Some(RECIPIENT);
    let recipient = Recipient { id, kind };
    ask(Action::Disclose { recipient }, purpose, categories)
}

fn of_order(request: Request<'_>) -> Request<'_> {
    Request {
        order: true,
        ..request
    }
}

fn approved(request: Request<'_>) -> Request<'_> {
    Request {
        approved: true,
        ..request
    }
}

fn figures(request: Request<'_>) -> Request<'_> {
    Request {
        aggregate: true,
        ..request
    }
}

/// Asks a policy, and compares the reason (`PERMIT` on a permit) and the first clause named.
#[track_caller]
fn expect(text: &str, subject: Subject<'_>, request: Request<'_>, reason: &str, clause: &str) {
    let rulebook: Rulebook = compile(text).expect("the policy compiles");
    let decision = decide(&[&rulebook], Some(&subject), &request, 0);
    let found = decision.reason.map_or("PERMIT", |it| it.as_str());
    let by = decision.clauses.first().copied().unwrap_or_default();
    assert_eq!((found, by), (reason, clause), "{request:?}");
}

#[test]
fn nothing_is_wrong_with_them() {
    for text in [PORTAL, SHOP] {
        let mut findings = check(text);
        findings.retain(|it| it.severity != Severity::Note);
        assert_eq!(findings, []);
    }
}

#[test]
fn the_hospital_treats_and_bills_with_what_each_needs() {
    expect(
        PORTAL,
        PERSON,
        within(TREATMENT, &[FINDINGS, EMAIL]),
        "PERMIT",
        "use.for-treatment",
    );
    let bill = [
        "user.name",
        "user.health_and_medical.insurance_beneficiary_id",
    ];
    expect(
        PORTAL,
        PERSON,
        within(PAYMENT, &bill),
        "PERMIT",
        "use.for-billing",
    );
    let exceeds = "PURPOSE_EXCEEDS_CATEGORIES";
    expect(
        PORTAL,
        PERSON,
        within(PAYMENT, &[FINDINGS]),
        exceeds,
        "use.for-billing",
    );
    let never = "use.never-for-marketing";
    expect(
        PORTAL,
        PERSON,
        within(NEWSLETTER, &[EMAIL]),
        "FORBIDDEN",
        never,
    );
}

#[test]
fn findings_leave_the_hospital_for_treatment_by_law_or_as_figures() {
    let next = |categories| to("care_provider", TREATMENT, categories);
    let record = ["user.health_and_medical.record_id"];
    let (law, treatment) = ("share.required-by-law", "share.for-treatment");
    expect(PORTAL, PERSON, next(&record), "PERMIT", treatment);
    expect(PORTAL, PERSON, next(&[GENES]), "NO_CONSENT", treatment);
    let agreed = yes(TREATMENT, Some(RECIPIENT), false);
    expect(
        PORTAL,
        agreeing(&agreed),
        next(&[GENES]),
        "PERMIT",
        treatment,
    );

    let court = to("authority", LAW, &[FINDINGS]);
    expect(PORTAL, PERSON, court, "NOT_APPROVED", law);
    expect(PORTAL, PERSON, approved(court), "PERMIT", law);
    let payer = to("insurer", PAYMENT, &record);
    expect(PORTAL, PERSON, payer, "NO_CONSENT", "share.for-payment");

    let university = to("partner", RESEARCH, &[FINDINGS]);
    expect(
        PORTAL,
        PERSON,
        university,
        "AGGREGATE_ONLY",
        "share.research-figures",
    );
    expect(
        PORTAL,
        PERSON,
        figures(university),
        "PERMIT",
        "share.research-figures",
    );
}

#[test]
fn research_asks_patients_of_age_for_a_confirmed_yes() {
    let research = within(RESEARCH, &[GENES]);
    let (said, confirmed) = (yes(RESEARCH, None, false), yes(RESEARCH, None, true));
    expect(PORTAL, PERSON, research, "NO_CONSENT", "use.research");
    expect(
        PORTAL,
        agreeing(&said),
        research,
        "NOT_CONFIRMED",
        "use.research",
    );
    expect(
        PORTAL,
        agreeing(&confirmed),
        research,
        "PERMIT",
        "use.research",
    );
    let minor = Subject {
        age_band: Some(AgeBand::From16To17),
        ..agreeing(&confirmed)
    };
    expect(PORTAL, minor, research, "UNDER_AGE", "use.research");
}

#[test]
fn a_child_is_registered_by_a_guardian() {
    use Acceptance::{Explicit, Guardian};
    let (child, adult) = (AgeBand::Under13, AgeBand::Adult);
    let desk = take("registration_desk", "essential.service", &["user.name"]);
    let (by_desk, minors) = ("take.at-the-desk", "minors.guardian");
    expect(PORTAL, aged(adult, Explicit), desk, "PERMIT", by_desk);
    expect(PORTAL, aged(child, Guardian), desk, "PERMIT", minors);
    expect(PORTAL, aged(child, Explicit), desk, "UNDER_AGE", by_desk);
    let message = take("portal_message", TREATMENT, &["user.content.private"]);
    expect(PORTAL, aged(adult, Explicit), message, "PERMIT", by_desk);
    expect(PORTAL, aged(child, Guardian), message, "PERMIT", minors);
    expect(PORTAL, aged(child, Explicit), message, "UNDER_AGE", by_desk);
    let account = take("account", "essential.service.authentication", &[EMAIL]);
    expect(
        SHOP,
        aged(adult, Explicit),
        account,
        "PERMIT",
        "take.what-the-form-asks",
    );
    expect(
        SHOP,
        aged(AgeBand::From13To15, Guardian),
        account,
        "PERMIT",
        "policy.acceptance",
    );
    let alone = aged(AgeBand::From13To15, Explicit);
    expect(SHOP, alone, account, "UNDER_AGE", "take.what-the-form-asks");
}

#[test]
fn the_shop_serves_the_order_and_the_books() {
    let card = ["user.financial.credit_card"];
    let charge = to("payment_processor", PAYMENT, &card);
    expect(
        SHOP,
        PERSON,
        of_order(charge),
        "PERMIT",
        "share.to-fulfil-the-order",
    );
    expect(
        SHOP,
        PERSON,
        charge,
        "ORDER_REQUIRED",
        "share.to-fulfil-the-order",
    );
    expect(
        SHOP,
        PERSON,
        within(PAYMENT, &card),
        "ORDER_REQUIRED",
        "use.the-order",
    );
    let parcel = to("carrier", PAYMENT, &[EMAIL]);
    expect(
        SHOP,
        PERSON,
        of_order(parcel),
        "FIELD_NOT_NECESSARY",
        "share.to-fulfil-the-order",
    );
    let invoice = within(LAW, &["user.name", "user.contact.address"]);
    expect(SHOP, PERSON, invoice, "PERMIT", "use.the-books");
    expect(
        SHOP,
        PERSON,
        within(LAW, &[EMAIL]),
        "PURPOSE_EXCEEDS_CATEGORIES",
        "use.the-books",
    );
}

#[test]
fn the_newsletter_takes_two_steps() {
    let letter = within(NEWSLETTER, &[EMAIL]);
    let (said, confirmed) = (yes(NEWSLETTER, None, false), yes(NEWSLETTER, None, true));
    expect(SHOP, PERSON, letter, "NO_CONSENT", "use.newsletter");
    expect(
        SHOP,
        agreeing(&said),
        letter,
        "NOT_CONFIRMED",
        "use.newsletter",
    );
    expect(
        SHOP,
        agreeing(&confirmed),
        letter,
        "PERMIT",
        "use.newsletter",
    );
    let sender = to("service_provider", NEWSLETTER, &[EMAIL]);
    expect(
        SHOP,
        agreeing(&confirmed),
        sender,
        "NO_CONSENT",
        "share.newsletter-provider",
    );
    let by_provider = yes(NEWSLETTER, Some(RECIPIENT), false);
    expect(
        SHOP,
        agreeing(&by_provider),
        sender,
        "PERMIT",
        "share.newsletter-provider",
    );
}
