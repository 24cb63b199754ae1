//! The decision: one pure function from rulebooks, a person's state and a request to an answer.

mod condition;
mod question;
mod reason;

use crate::request::{Request, Subject};
use crate::rulebook::Rulebook;
use question::{Question, Refusal};

pub use reason::Reason;

/// Whether a request may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It may.
    Permit,
    /// It may not.
    Deny,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision<'r> {
    /// Permit or deny.
    pub effect: Effect,
    /// Permit: the clauses that permitted it and those whose conditions it met.
    /// Deny: the clauses that refused it; none when no clause speaks of it.
    pub clauses: Vec<&'r str>,
    /// Why it was refused; none on a permit.
    pub reason: Option<Reason>,
    /// Which of the rulebooks refused it; none on a permit, and when no rulebook had to be asked.
    pub refused_by: Option<usize>,
    /// With [`Reason::CategoryRefused`]: what the person cannot do for want of what was refused.
    pub unavailable_activities: Vec<&'r str>,
}

/// Decides a request.
///
/// `rulebooks` are the current policy and, when the person has not accepted it, the last one the
/// person did accept: all of them must permit, and no rulebook at all permits nothing.
/// `subject` is none for somebody unknown; only an aggregate request may do without.
/// `now` is in Unix seconds.
#[must_use]
pub fn decide<'r>(
    rulebooks: &[&'r Rulebook],
    subject: Option<&Subject<'_>>,
    request: &Request<'_>,
    now: u64,
) -> Decision<'r> {
    let question = match Question::new(subject, request, now) {
        Ok(question) => question,
        Err(refusal) => return Decision::deny(refusal, None),
    };
    if let Some(reason) = question.state_refusal() {
        let mut decision = Decision::deny(Refusal::of(reason), None);
        if reason == Reason::CategoryRefused {
            decision.unavailable_activities = question.unavailable_activities(rulebooks);
        }
        return decision;
    }
    if rulebooks.is_empty() {
        return Decision::deny(Refusal::of(Reason::NoRule), None);
    }
    let mut clauses = Vec::new();
    for (index, rulebook) in rulebooks.iter().enumerate() {
        if let Err(refusal) = question.ask(rulebook, &mut clauses) {
            return Decision::deny(refusal, Some(index));
        }
    }
    Decision {
        effect: Effect::Permit,
        clauses,
        reason: None,
        refused_by: None,
        unavailable_activities: Vec::new(),
    }
}

impl<'r> Decision<'r> {
    fn deny(refusal: Refusal<'r>, refused_by: Option<usize>) -> Self {
        Self {
            effect: Effect::Deny,
            clauses: refusal.clause.into_iter().collect(),
            reason: Some(refusal.reason),
            refused_by,
            unavailable_activities: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::language::AgeBand;
    use crate::request::{
        Action, ConsentEntry, ConsentState, Recipient, RecipientId, Standing, Subject,
    };
    use crate::rulebook::compile;
    use crate::vocabulary::{CATEGORIES, PURPOSES, TermSet};

    /// A policy with a rule for each sort of condition.
    const TEXT: &str = r#"
        [policy]
        name = "test"
        title = "Every condition"
        revised = 2024-01-01
        contact = "privacy@example.org"
        storage_region = "US"
        [[collection_point]]
        key = "form"
        side = "site"
        categories = ["user.contact"]
        [[recipient_kind]]
        key = "partner"
        falls_under = "share.figures"
        [[recipient_kind]]
        key = "carrier"
        falls_under = "share.delivery"
        [[activity]]
        key = "call_back"
        needs = ["user.contact.phone_number"]
        [[activity]]
        key = "write"
        needs = ["user.contact.email"]
        [[clause]]
        key = "take.form"
        title = ""
        says = ""
        enforced = "by rules"
        [[clause.permit]]
        action = "collect"
        points = ["form"]
        purposes = ["essential"]
        categories = ["user.contact.email", "user.contact.phone_number"]
        basis = "CONTRACT"
        [[clause.forbid]]
        action = "collect"
        unless = { acts = ["typed"] }
        [[clause]]
        key = "use.all"
        title = ""
        says = ""
        enforced = "by rules"
        [[clause.permit]]
        action = "use"
        purposes = ["marketing.communications"]
        categories = ["user.contact"]
        when = { consent = "for this purpose", ages = ["13 to 17", "adult"], regions = ["US"] }
        basis = "CONSENT"
        [[clause.forbid]]
        action = "use"
        purposes = ["marketing.communications.survey"]
        [[clause]]
        key = "share.figures"
        title = ""
        says = ""
        enforced = "by rules"
        [[clause.permit]]
        action = "disclose"
        recipient_kinds = ["partner"]
        purposes = ["analytics"]
        categories = ["user.demographic"]
        when = { aggregate_only = true }
        basis = "LEGITIMATE_INTERESTS"
        [[clause]]
        key = "share.delivery"
        title = ""
        says = ""
        enforced = "by rules"
        [[clause.permit]]
        action = "disclose"
        recipient_kinds = ["carrier"]
        purposes = ["essential.service"]
        categories = ["user.contact.address"]
        when = { order = true }
        basis = "CONTRACT"
    "#;

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
            expires_at,
        }]
    }

    fn adult(consents: &[ConsentEntry]) -> Subject<'_> {
        Subject {
            standing: Standing::Active,
            age_band: Some(AgeBand::Adult),
            region: Some("US"),
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
            (age(Some(AgeBand::From13To17)), mail(), None),
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
        assert_eq!(names.len(), 21, "every reason has its case: {names:?}");
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
}
