//! What the next question is answered after each change.

use std::mem;

use uuid::Uuid;

use super::*;
use crate::{
    book::Book,
    consent::{Choice, Scope},
    question::Action,
    store::fixture::{
        GIVE, NEWSLETTER, POLICY, accept, choose, enrol, first_version, forget, publish,
    },
    wish::Wish,
};

const ANN: Uuid = Uuid::from_u128(1);
const NOW: u64 = 1_800_000_000;
const PERMIT: Result<Option<&str>, Error> = Ok(None);

/// A tenant whose wishes reach a snapshot as the store would hand them over.
struct Told {
    book: Book,
    tenant: String,
}

impl Told {
    fn of(tenant: &str) -> Self {
        Self::inheriting(tenant, 0)
    }

    fn inheriting(tenant: &str, inherited: u64) -> Self {
        Self {
            book: Book::open(tenant, 0, 0).with_inherited(inherited),
            tenant: tenant.to_owned(),
        }
    }

    fn tell(&mut self, snapshot: &Snapshot, wishes: Vec<Wish>) {
        for wish in wishes {
            self.book.fulfil(wish, Uuid::from_u128(77)).unwrap();
        }
        let entries = mem::take(&mut self.book.entries);
        let delta = Delta {
            tenant: self.tenant.clone(),
            revision: self.book.revision(),
            policies: entries.policies,
            subjects: entries.subjects.into_values().collect(),
            consents: entries.consents.into_values().collect(),
        };
        snapshot.apply(delta).unwrap();
    }
}

fn newsletter() -> Question {
    Question {
        subject: ANN,
        action: Action::Disclose {
            recipient: "mailer".to_owned(),
        },
        purpose: NEWSLETTER.to_owned(),
        categories: vec!["user.contact.email".to_owned()],
        order: None,
        pinned: None,
    }
}

/// The policy with the newsletter taken out of what providers may get.
fn without_newsletter() -> String {
    let both = r#"["marketing.communications.email", "marketing.communications.survey"]"#;
    assert!(POLICY.contains(both));
    POLICY.replace(both, r#"["marketing.communications.survey"]"#)
}

/// What Ann says about a purpose, to whomever the data would go.
fn choose_in_general(purpose: &str, choice: Choice) -> Wish {
    Wish::Choose {
        scope: Scope {
            subject: ANN,
            purpose: purpose.to_owned(),
            recipient: None,
        },
        choice,
        policy: first_version(),
    }
}

/// No reason on a permit.
fn ask(
    snapshot: &Snapshot,
    tenant: &str,
    question: &Question,
) -> Result<Option<&'static str>, Error> {
    let decided = snapshot.decide(tenant, question, Some("service_provider"), NOW);
    decided.map(|it| it.refusal.map(Reason::as_str))
}

#[test]
fn each_change_is_obeyed_by_the_next_question() {
    let (snapshot, mut told) = (Snapshot::default(), Told::of("default"));
    let until = |seconds: u64| Choice::Give {
        expires_at: Some(seconds as i64 * 1_000),
    };
    let renewed = || choose(ANN, GIVE);
    for (wishes, expected) in [
        (vec![], Some("POLICY_NOT_PUBLISHED")),
        (vec![publish(POLICY)], Some("SUBJECT_UNKNOWN")),
        (vec![enrol(ANN, "US")], Some("NO_CONSENT")),
        (vec![choose(ANN, GIVE)], None),
        (vec![choose(ANN, Choice::Withdraw)], Some("NO_CONSENT")),
        (vec![choose(ANN, Choice::Refuse)], Some("NO_CONSENT")),
        (vec![choose(ANN, until(NOW))], Some("CONSENT_EXPIRED")),
        (vec![choose(ANN, until(NOW + 1))], None),
        (
            vec![publish(&without_newsletter())],
            Some("RECIPIENT_PURPOSE"),
        ),
        (vec![publish(POLICY), renewed()], None),
        (vec![Wish::Quarantine { subject: ANN }], Some("QUARANTINED")),
    ] {
        told.tell(&snapshot, wishes);
        assert_eq!(ask(&snapshot, "default", &newsletter()), Ok(expected));
    }
}

#[test]
fn a_category_outside_the_vocabulary_is_refused_by_its_clause() {
    let (snapshot, mut told) = (Snapshot::default(), Told::of("default"));
    told.tell(&snapshot, vec![publish(POLICY), enrol(ANN, "US")]);
    let question = Question {
        action: Action::Collect {
            point: "site_registration".to_owned(),
            act: "typed".to_owned(),
        },
        purpose: "essential.service".to_owned(),
        categories: vec!["user.fingerprint".to_owned()],
        ..newsletter()
    };
    let decided = snapshot.decide("default", &question, None, NOW).unwrap();
    let reason = decided.refusal.map(Reason::as_str);
    assert_eq!(reason, Some("CATEGORY_NOT_DECLARED"));
    assert_eq!(decided.clauses, ["collect.declared-only"]);
}

#[test]
fn an_erased_person_is_refused_and_nothing_of_it_is_kept() {
    let (snapshot, mut told) = (Snapshot::default(), Told::of("default"));
    told.tell(&snapshot, vec![publish(POLICY), enrol(ANN, "US")]);
    let quarantined = Wish::Quarantine { subject: ANN };
    told.tell(&snapshot, vec![quarantined, forget(ANN, 0)]);
    assert_eq!(
        ask(&snapshot, "default", &newsletter()),
        Ok(Some("SUBJECT_ERASED"))
    );
}

#[test]
fn the_current_and_the_accepted_version_must_both_permit() {
    let (snapshot, mut told) = (Snapshot::default(), Told::of("default"));
    let accept = |number| accept(ANN, number);
    let begun = vec![
        publish(&without_newsletter()),
        enrol(ANN, "US"),
        choose(ANN, GIVE),
        accept(1),
        publish(POLICY),
    ];
    told.tell(&snapshot, begun);
    let decided = snapshot.decide("default", &newsletter(), Some("service_provider"), NOW);
    let decided = decided.unwrap();
    assert_eq!(
        decided.refusal.map(Reason::as_str),
        Some("RECIPIENT_PURPOSE")
    );
    assert_eq!(decided.policy_version, "v1");
    told.tell(&snapshot, vec![accept(2)]);
    assert_eq!(ask(&snapshot, "default", &newsletter()), PERMIT);
}

#[test]
fn a_pinned_version_has_to_be_the_current_one() {
    let (snapshot, mut told) = (Snapshot::default(), Told::of("default"));
    let begun = vec![
        publish(&without_newsletter()),
        publish(POLICY),
        enrol(ANN, "US"),
        choose(ANN, GIVE),
    ];
    told.tell(&snapshot, begun);
    for (pinned, expected) in [
        ("v2", PERMIT),
        ("v1", Ok(Some("POLICY_VERSION_SUPERSEDED"))),
        ("v3", Err(Error::PolicyVersionUnknown)),
        ("latest", Err(Error::PolicyVersionUnknown)),
    ] {
        let question = Question {
            pinned: Some(pinned.to_owned()),
            ..newsletter()
        };
        assert_eq!(ask(&snapshot, "default", &question), expected);
    }
}

#[test]
fn a_tenant_is_judged_by_the_default_policy_until_it_has_its_own() {
    let snapshot = Snapshot::default();
    let (mut default, mut acme) = (Told::of("default"), Told::of("acme"));
    default.tell(&snapshot, vec![publish(POLICY)]);
    acme.tell(&snapshot, vec![enrol(ANN, "US"), choose(ANN, GIVE)]);
    assert_eq!(ask(&snapshot, "acme", &newsletter()), PERMIT);
    assert_eq!(
        ask(&snapshot, "default", &newsletter()),
        Ok(Some("SUBJECT_UNKNOWN"))
    );
    acme.tell(&snapshot, vec![publish(&without_newsletter())]);
    assert_eq!(
        ask(&snapshot, "acme", &newsletter()),
        Ok(Some("RECIPIENT_PURPOSE"))
    );
}

/// What a receipt or an acceptance names stays the same text: the tenant's numbers go on after the
/// inherited ones, and what `default` publishes later is not the tenant's.
#[test]
fn the_name_of_an_inherited_version_keeps_its_meaning() {
    let snapshot = Snapshot::default();
    let (mut default, mut acme) = (Told::of("default"), Told::inheriting("acme", 2));
    let pinned = |number: u64| Question {
        pinned: Some(format!("v{number}")),
        ..newsletter()
    };
    let inherited = vec![publish(&without_newsletter()), publish(POLICY)];
    default.tell(&snapshot, inherited);
    acme.tell(&snapshot, vec![enrol(ANN, "US"), choose(ANN, GIVE)]);
    assert_eq!(ask(&snapshot, "acme", &pinned(2)), PERMIT);
    let second = snapshot.numbered("acme", 2).unwrap();

    let own = format!("{POLICY}# of acme\n");
    acme.tell(&snapshot, vec![publish(&own)]);
    for _ in ["before the default tenant goes on", "after it"] {
        let listed = snapshot.versions("acme").into_iter();
        let listed: Vec<_> = listed.map(|it| (it.name.tenant, it.name.number)).collect();
        let expected = [("default", 1), ("default", 2), ("acme", 3)];
        assert_eq!(listed, expected.map(|(it, number)| (it.to_owned(), number)));
        let named = snapshot.numbered("acme", 2).unwrap();
        assert_eq!(named.rulebook.digest(), second.rulebook.digest());
        for (number, expected) in [
            (2, Ok(Some("POLICY_VERSION_SUPERSEDED"))),
            (3, PERMIT),
            (4, Err(Error::PolicyVersionUnknown)),
        ] {
            assert_eq!(ask(&snapshot, "acme", &pinned(number)), expected);
        }
        let later = vec![publish(&without_newsletter()), publish(POLICY)];
        default.tell(&snapshot, later);
    }
}

#[test]
fn a_consent_is_for_its_recipient_and_ends_what_rests_on_it() {
    let (snapshot, mut told) = (Snapshot::default(), Told::of("default"));
    let expires_at = Some((NOW as i64 + 30) * 1_000 + 999);
    let begun = vec![
        publish(POLICY),
        enrol(ANN, "US"),
        choose(ANN, Choice::Give { expires_at }),
    ];
    told.tell(&snapshot, begun);
    let other = Question {
        action: Action::Disclose {
            recipient: "other".to_owned(),
        },
        ..newsletter()
    };
    for (question, expected, ends_at) in [
        (newsletter(), None, Some(NOW + 30)),
        (other, Some("NO_CONSENT"), None),
    ] {
        let decided = snapshot.decide("default", &question, Some("service_provider"), NOW);
        let decided = decided.unwrap();
        assert_eq!(decided.refusal.map(Reason::as_str), expected);
        assert_eq!(decided.ends_at, ends_at);
        assert_eq!(decided.clauses, ["disclose.providers-with-permission"]);
    }
}

#[test]
fn a_refusal_of_a_wider_purpose_is_obeyed_by_the_next_question() {
    for refused in ["marketing", "marketing.communications", NEWSLETTER] {
        let (snapshot, mut told) = (Snapshot::default(), Told::of("default"));
        let begun = vec![publish(POLICY), enrol(ANN, "US"), choose(ANN, GIVE)];
        told.tell(&snapshot, begun);
        assert_eq!(ask(&snapshot, "default", &newsletter()), PERMIT);
        told.tell(
            &snapshot,
            vec![choose_in_general(refused, Choice::Withdraw)],
        );
        assert_eq!(
            ask(&snapshot, "default", &newsletter()),
            Ok(Some("NO_CONSENT")),
            "{refused}"
        );
    }
}

#[test]
fn a_consent_that_has_ended_does_not_end_what_another_one_carries() {
    let (snapshot, mut told) = (Snapshot::default(), Told::of("default"));
    let ended = Choice::Give {
        expires_at: Some(NOW as i64 * 1_000),
    };
    let begun = vec![
        publish(POLICY),
        enrol(ANN, "US"),
        choose_in_general(NEWSLETTER, ended),
        choose(ANN, GIVE),
    ];
    told.tell(&snapshot, begun);
    let decided = snapshot.decide("default", &newsletter(), Some("service_provider"), NOW);
    let decided = decided.unwrap();
    assert_eq!((decided.refusal, decided.ends_at), (None, None));
}

#[test]
fn a_version_judges_from_its_day_on_and_not_before() {
    let (snapshot, mut told) = (Snapshot::default(), Told::of("default"));
    let day = NOW / 86_400 * 86_400;
    let dated = |text: &str| {
        let revised = "revised = 2016-06-21\n";
        assert!(text.contains(revised));
        text.replace(revised, &format!("{revised}effective = 2027-01-15\n"))
    };
    told.tell(
        &snapshot,
        vec![publish(POLICY), enrol(ANN, "US"), choose(ANN, GIVE)],
    );
    told.tell(&snapshot, vec![publish(&dated(&without_newsletter()))]);
    let second = snapshot.numbered("default", 2).unwrap();
    assert_eq!(
        second.rulebook.effective_from(),
        day,
        "2027-01-15 is the day of NOW"
    );
    for (now, version, refusal) in [
        (day - 1, "v1", None),
        (day, "v2", Some("RECIPIENT_PURPOSE")),
        (day + 1, "v2", Some("RECIPIENT_PURPOSE")),
    ] {
        let kind = Some("service_provider");
        let decided = snapshot
            .decide("default", &newsletter(), kind, now)
            .unwrap();
        assert_eq!(decided.policy_version, version);
        assert_eq!(decided.refusal.map(Reason::as_str), refusal);
        let current = snapshot.current("default", now).unwrap();
        assert_eq!(current.name.to_string(), version);
    }
}

#[test]
fn nobody_is_judged_without_the_accepted_version() {
    let snapshot = Snapshot::default();
    let (mut default, mut acme) = (Told::of("default"), Told::of("acme"));
    default.tell(&snapshot, vec![publish(POLICY)]);
    let begun = vec![enrol(ANN, "US"), choose(ANN, GIVE), accept(ANN, 2)];
    acme.tell(&snapshot, begun);
    assert_eq!(ask(&snapshot, "acme", &newsletter()), Err(Error::NotFresh));
    default.tell(&snapshot, vec![publish(&without_newsletter())]);
    assert_eq!(
        ask(&snapshot, "acme", &newsletter()),
        Ok(Some("RECIPIENT_PURPOSE"))
    );
}

#[test]
fn a_recipient_is_refused_by_the_clause_of_its_kind() {
    let (snapshot, mut told) = (Snapshot::default(), Told::of("default"));
    told.tell(&snapshot, vec![publish(POLICY)]);
    for (kind, clause) in [
        (Some("payment_processor"), "use.payment-only-for-its-order"),
        (
            Some("service_provider"),
            "disclose.providers-with-permission",
        ),
        (None, "disclose.providers-with-permission"),
    ] {
        let refused = snapshot.refuse_recipient("default", kind, Reason::RecipientExpired, NOW);
        assert_eq!(refused.refusal, Some(Reason::RecipientExpired));
        assert_eq!(refused.clauses, [clause]);
    }
}

#[test]
fn persons_of_whom_the_same_is_known_are_counted_together() {
    let (snapshot, mut default) = (Snapshot::default(), Told::of("default"));
    let people: Vec<Uuid> = (1..=5).map(Uuid::from_u128).collect();
    let until = |ends_at: u64| Choice::Give {
        expires_at: Some(ends_at as i64 * 1_000),
    };
    let mut wishes = vec![publish(POLICY)];
    wishes.extend(people.iter().map(|it| enrol(*it, "US")));
    // Two whose yes ends at different times, one whose yes has ended, one from elsewhere.
    wishes.push(choose(people[0], until(NOW + 1)));
    wishes.push(choose(people[1], until(NOW + 2)));
    wishes.push(choose(people[2], until(NOW)));
    default.tell(&snapshot, wishes);
    default.tell(&snapshot, vec![enrol(Uuid::from_u128(6), "DE")]);

    let mut census = Census::default();
    snapshot.count("default", &snapshot.persons("default"), NOW, &mut census);
    snapshot.count("acme", &snapshot.persons("acme"), NOW, &mut census);
    let mut counts: Vec<_> = census
        .alike()
        .map(|(alike, count)| {
            let subject = alike.subject();
            (subject.region, subject.consents.len(), count)
        })
        .collect();
    counts.sort_unstable();
    let (us, de) = (Some("US"), Some("DE"));
    assert_eq!(counts, [(de, 0, 1), (us, 0, 2), (us, 1, 1), (us, 1, 2)]);
}
