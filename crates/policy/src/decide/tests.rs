//! `decide` asked for each of its reasons.

use std::collections::HashSet;

use super::*;
use crate::language::{Acceptance, AgeBand};
use crate::request::{
    Action, ConsentEntry, ConsentState, Recipient, RecipientId, Standing, Subject,
};
use crate::rulebook::compile;
use crate::vocabulary::{CATEGORIES, PURPOSES, TermSet};

/// A policy with a rule for each sort of condition.
const TEXT: &str = include_str!("every_condition.toml");

const NOW: u64 = 1_000;
const EMAIL: &[&str] = &["user.contact.email"];
const MAIL: &str = "marketing.communications.email";

fn consents() -> [ConsentEntry; 1] {
    let purpose = PURPOSES.term(MAIL).unwrap();
    let expires_at = Some(NOW + 1);
    [ConsentEntry {
        purpose,
        recipient: None,
        state: ConsentState::Given,
        confirmed: false,
        expires_at,
    }]
}

fn adult(consents: &[ConsentEntry]) -> Subject<'_> {
    Subject {
        standing: Standing::Active,
        age_band: Some(AgeBand::Adult),
        region: Some("US"),
        acceptance: None,
        transfer_agreed: false,
        refused: TermSet::default(),
        consents,
    }
}

fn mail() -> Request<'static> {
    request(Action::Use, MAIL, EMAIL)
}

fn request<'a>(action: Action<'a>, purpose: &'a str, categories: &'a [&'a str]) -> Request<'a> {
    Request {
        action,
        purpose,
        categories,
        order: false,
        approved: false,
        aggregate: false,
    }
}

fn collect<'a>(point: &'a str, act: &'a str, categories: &'a [&'a str]) -> Request<'a> {
    request(
        Action::Collect { point, act },
        "essential.service",
        categories,
    )
}

fn disclose<'a>(kind: &'a str, purpose: &'a str, categories: &'a [&'a str]) -> Request<'a> {
    let recipient = Recipient {
        id: Some(RecipientId(1)),
        kind,
    };
    request(Action::Disclose { recipient }, purpose, categories)
}

#[test]
fn each_reason_is_given_for_its_fault() {
    let rulebook = compile(TEXT).unwrap();
    let consents = consents();
    let known = adult(&consents);
    let withdrawn = [ConsentEntry {
        state: ConsentState::Withdrawn,
        ..consents[0]
    }];
    let lapsed = [ConsentEntry {
        expires_at: Some(NOW),
        ..consents[0]
    }];
    let standing = |standing| Some(Subject { standing, ..known });
    let region = |region| Some(Subject { region, ..known });
    let age = |age_band| Some(Subject { age_band, ..known });
    let refused = CATEGORIES.touching(EMAIL.iter().copied()).unwrap();
    let address = ["user.contact.address"];
    let group = ["user.demographic"];
    let figures = Request {
        aggregate: true,
        ..disclose("partner", "analytics", &group)
    };
    let parcel = disclose("carrier", "essential.service", &address);
    let cases = [
        (Some(known), mail(), None),
        (Some(known), collect("form", "typed", EMAIL), None),
        (
            Some(known),
            Request {
                order: true,
                ..parcel
            },
            None,
        ),
        (Some(known), figures, None),
        (None, figures, None),
        (
            Some(known),
            collect("form", "typed", &["user.name"]),
            Some(Reason::CategoryNotDeclared),
        ),
        (
            Some(known),
            collect("form", "typed", &address),
            Some(Reason::CategoryNotDeclared),
        ),
        (
            Some(known),
            collect("form", "sent", EMAIL),
            Some(Reason::NotVoluntary),
        ),
        (
            Some(known),
            request(Action::Use, "x", EMAIL),
            Some(Reason::PurposeUnknown),
        ),
        (
            Some(known),
            request(Action::Use, MAIL, &["user.name"]),
            Some(Reason::PurposeExceedsCategories),
        ),
        (
            Some(known),
            request(Action::Use, MAIL, &["user"]),
            Some(Reason::PurposeExceedsCategories),
        ),
        (
            Some(known),
            disclose("carrier", MAIL, &address),
            Some(Reason::RecipientPurpose),
        ),
        (
            Some(known),
            disclose("carrier", "essential.service", EMAIL),
            Some(Reason::FieldNotNecessary),
        ),
        (
            Some(known),
            disclose("x", MAIL, EMAIL),
            Some(Reason::RecipientKindUnknown),
        ),
        (
            Some(known),
            disclose("acquirer", MAIL, EMAIL),
            Some(Reason::RecipientKindUnknown),
        ),
        (
            Some(known),
            disclose("x", "x.sale", EMAIL),
            Some(Reason::SaleForbidden),
        ),
        (
            Some(known),
            disclose("partner", "analytics", &group),
            Some(Reason::AggregateOnly),
        ),
        (Some(known), parcel, Some(Reason::OrderRequired)),
        (age(Some(AgeBand::From13To15)), mail(), None),
        (age(Some(AgeBand::Under13)), mail(), Some(Reason::UnderAge)),
        (age(None), mail(), Some(Reason::UnderAge)),
        (region(Some("FR")), mail(), Some(Reason::RegionNotCovered)),
        (region(None), mail(), Some(Reason::RegionNotCovered)),
        (
            Some(known),
            request(Action::Use, "marketing.communications.survey", EMAIL),
            Some(Reason::Forbidden),
        ),
        (
            Some(known),
            request(Action::Use, "marketing.communications", EMAIL),
            Some(Reason::Forbidden),
        ),
        (
            Some(known),
            request(Action::Use, "marketing", EMAIL),
            Some(Reason::Forbidden),
        ),
        (
            Some(known),
            request(Action::Use, "essential", EMAIL),
            Some(Reason::NoRule),
        ),
        (
            Some(known),
            Request {
                aggregate: true,
                ..mail()
            },
            Some(Reason::NoRule),
        ),
        (Some(adult(&[])), mail(), Some(Reason::NoConsent)),
        (Some(adult(&withdrawn)), mail(), Some(Reason::NoConsent)),
        (Some(adult(&lapsed)), mail(), Some(Reason::ConsentExpired)),
        (
            Some(Subject { refused, ..known }),
            mail(),
            Some(Reason::CategoryRefused),
        ),
        (
            Some(Subject { refused, ..known }),
            Request {
                order: true,
                ..parcel
            },
            None,
        ),
        (None, mail(), Some(Reason::SubjectUnknown)),
        (
            standing(Standing::Restricted),
            mail(),
            Some(Reason::Restricted),
        ),
        (
            standing(Standing::Quarantined),
            mail(),
            Some(Reason::Quarantined),
        ),
        (standing(Standing::Erased), mail(), Some(Reason::Erased)),
        (standing(Standing::Erased), figures, Some(Reason::Erased)),
    ];
    let mut names = HashSet::new();
    for (subject, request, reason) in cases {
        let decision = decide(&[&rulebook], subject.as_ref(), &request, NOW);
        assert_eq!(decision.reason, reason, "{subject:?} {request:?}");
        assert_eq!(decision.effect == Effect::Permit, reason.is_none());
        names.extend(reason.map(Reason::as_str));
    }
    assert_eq!(names.len(), 21, "{names:?}");
}

#[test]
fn what_is_on_record_is_asked_one_thing_after_the_other() {
    let rulebook = compile(TEXT).unwrap();
    let approved = Request {
        approved: true,
        ..request(Action::Use, "functional", EMAIL)
    };
    let at_home = Subject {
        acceptance: Some(Acceptance::Guardian),
        ..adult(&[])
    };
    let abroad = Subject {
        region: Some("FR"),
        ..at_home
    };
    let agreed = Subject {
        transfer_agreed: true,
        ..abroad
    };
    let acceptance = |acceptance| Subject {
        acceptance,
        ..at_home
    };
    let nowhere = Subject {
        region: None,
        ..at_home
    };
    let cases = [
        (at_home, true, None),
        (acceptance(Some(Acceptance::Explicit)), true, None),
        (agreed, true, None),
        (abroad, false, Some(Reason::NotApproved)),
        (abroad, true, Some(Reason::TransferNotAgreed)),
        (nowhere, true, Some(Reason::TransferNotAgreed)),
        (
            acceptance(Some(Acceptance::ContinuedUse)),
            true,
            Some(Reason::NotAccepted),
        ),
        (acceptance(None), true, Some(Reason::NotAccepted)),
    ];
    for (subject, is_approved, reason) in cases {
        let request = Request {
            approved: is_approved,
            ..approved
        };
        let decision = decide(&[&rulebook], Some(&subject), &request, NOW);
        assert_eq!(decision.reason, reason, "{subject:?}");
    }
}

#[test]
fn a_yes_that_must_be_confirmed_counts_only_then() {
    let rulebook = compile(TEXT).unwrap();
    let advertising = request(Action::Use, "marketing.advertising", EMAIL);
    let entry = |confirmed, expires_at| ConsentEntry {
        purpose: PURPOSES.term("marketing.advertising").unwrap(),
        confirmed,
        expires_at,
        ..consents()[0]
    };
    let lapsed = Some(NOW);
    let cases: [(&[ConsentEntry], Option<Reason>); 6] = [
        (&[entry(true, None)], None),
        (&[entry(false, None)], Some(Reason::NotConfirmed)),
        (&[entry(false, None), entry(true, None)], None),
        (&[entry(true, lapsed)], Some(Reason::ConsentExpired)),
        (&[entry(false, lapsed)], Some(Reason::ConsentExpired)),
        (
            &[entry(true, lapsed), entry(false, None)],
            Some(Reason::NotConfirmed),
        ),
    ];
    for (consents, reason) in cases {
        let decision = decide(&[&rulebook], Some(&adult(consents)), &advertising, NOW);
        assert_eq!(decision.reason, reason, "{consents:?}");
    }
}

#[test]
fn what_no_point_takes_is_refused_by_the_clause_that_permits_to_collect() {
    // The clause about collecting comes last in the text.
    let (head, rest) = TEXT.split_once("[[clause]]").unwrap();
    let (taking, rest) = rest.split_once("[[clause]]").unwrap();
    let text = format!("{head}[[clause]]{rest}\n[[clause]]{taking}");
    let rulebook = compile(&text).unwrap();
    for (point, categories) in [("form", ["user.name"]), ("nowhere", ["user.contact.email"])] {
        let request = collect(point, "typed", &categories);
        let decision = decide(&[&rulebook], Some(&adult(&[])), &request, NOW);
        assert_eq!(
            (decision.reason, decision.clauses),
            (Some(Reason::CategoryNotDeclared), vec!["take.form"]),
            "{point}"
        );
    }
}

#[test]
fn a_draft_neither_permits_nor_forbids() {
    let rulebook = compile(TEXT).unwrap();
    let consents = consents();
    let subject = adult(&consents);
    let personal = request(Action::Use, "personalize", EMAIL);
    let decision = decide(&[&rulebook], Some(&subject), &personal, NOW);
    assert_eq!(decision.reason, Some(Reason::NoRule));
    let decision = decide(&[&rulebook], Some(&subject), &mail(), NOW);
    assert_eq!((decision.reason, decision.clauses), (None, vec!["use.all"]));
}

#[test]
fn all_rulebooks_must_permit_and_the_refusing_one_is_told() {
    let wide = compile(TEXT).unwrap();
    let us_only = "regions = [\"US\"] }";
    assert_eq!(TEXT.matches(us_only).count(), 1);
    let narrow = compile(&TEXT.replace(us_only, "regions = [\"FR\"] }")).unwrap();
    let consents = consents();
    let subject = adult(&consents);
    let cases: [(&[&Rulebook], Option<Reason>, Option<usize>); 6] = [
        (&[], Some(Reason::NoRule), None),
        (&[&wide], None, None),
        (&[&wide, &wide], None, None),
        (&[&narrow], Some(Reason::RegionNotCovered), Some(0)),
        (&[&narrow, &wide], Some(Reason::RegionNotCovered), Some(0)),
        (&[&wide, &narrow], Some(Reason::RegionNotCovered), Some(1)),
    ];
    for (rulebooks, reason, refused_by) in cases {
        let decision = decide(rulebooks, Some(&subject), &mail(), NOW);
        assert_eq!((decision.reason, decision.refused_by), (reason, refused_by));
        let clauses: &[&str] = if rulebooks.is_empty() {
            &[]
        } else {
            &["use.all"]
        };
        assert_eq!(decision.clauses, clauses);
    }
}

#[test]
fn a_refused_category_costs_the_activities_that_need_it() {
    let rulebook = compile(TEXT).unwrap();
    let cases: [(&str, &[&str]); 4] = [
        ("user.contact.email", &["write"]),
        ("user.contact.phone_number", &[]),
        ("user.contact", &["call_back", "write"]),
        ("user.name", &[]),
    ];
    for (category, unavailable) in cases {
        let refused = CATEGORIES.touching([category]).unwrap();
        let subject = Subject {
            refused,
            ..adult(&[])
        };
        let decision = decide(&[&rulebook], Some(&subject), &mail(), NOW);
        assert_eq!(decision.unavailable_activities, unavailable, "{category}");
    }
}

#[test]
fn the_sort_of_each_reason_is_one_of_three() {
    let cases = [
        (Reason::CategoryNotDeclared, true, false),
        (Reason::NoConsent, false, true),
        (Reason::Quarantined, false, true),
        (Reason::SubjectUnknown, false, true),
        (Reason::FieldNotNecessary, false, false),
        (Reason::SaleForbidden, false, false),
    ];
    for (reason, is_request, is_state) in cases {
        assert_eq!(
            (reason.is_request(), reason.is_state()),
            (is_request, is_state)
        );
    }
}
