//! What must hold for every policy, person and request, tried on random ones.

use std::sync::LazyLock;

use policy::{
    ACTS, Action, CATEGORIES, ConsentEntry, ConsentState, Effect, PURPOSES, Recipient, RecipientId,
    Request, Rulebook, Standing, Subject, TermSet, compile, decide,
};
use proptest::prelude::*;
use proptest::sample::select;

const POINTS: [&str; 2] = ["desk", "form"];
const KINDS: [&str; 2] = ["carrier", "insurer"];
const REGISTERED: [&str; 3] = ["user.contact", "user.contact.email", "user.name"];
const SOUGHT: [&str; 2] = ["essential", "essential.service"];
const NOW: u64 = 1_000;
const REFUSALS: [ConsentState; 4] = [
    ConsentState::Refused,
    ConsentState::Withdrawn,
    ConsentState::Revoked,
    ConsentState::Invalidated,
];

const HEAD: &str = r#"
[policy]
name = "random"
title = ""
revised = 2024-01-01
contact = "privacy@example.org"
storage_region = "US"
[[collection_point]]
key = "desk"
side = "site"
categories = ["user.contact"]
[[collection_point]]
key = "form"
side = "site"
categories = ["user"]
[[recipient_kind]]
key = "carrier"
falls_under = "the.clause"
[[recipient_kind]]
key = "insurer"
falls_under = "the.clause"
[[clause]]
key = "the.clause"
title = ""
says = ""
enforced = "by rules"
[[clause.forbid]]
action = "collect"
unless = { acts = ["chosen", "retrieved", "sent", "typed"] }
"#;

/// A rule of the file: its words are those of the language, so that every draw compiles.
fn rule(is_permit: bool) -> impl Strategy<Value = String> {
    let action = select(vec!["collect", "use", "disclose"]);
    // Consent comes up often, because it takes a matching entry too to make a difference.
    let condition = prop_oneof![
        3 => Just("consent = C"),
        1 => select(vec!["", "order = true", "aggregate_only = true"]),
    ];
    (
        action,
        condition,
        select(&POINTS[..]),
        select(&KINDS[..]),
        select(&SOUGHT[..]),
        select(&REGISTERED[..]),
    )
        .prop_map(move |(action, condition, point, kind, purpose, category)| {
            let (block, word) = if is_permit {
                ("permit", "when")
            } else {
                ("forbid", "unless")
            };
            let consent = match action {
                "disclose" => "\"for this purpose and recipient\"",
                _ => "\"for this purpose\"",
            };
            // Each of the categories names people, and no figure that is disclosed may.
            let condition = match condition {
                "aggregate_only = true" if is_permit && action == "disclose" => "order = true",
                other => other,
            };
            let mut text = format!(
                "[[clause.{block}]]\naction = \"{action}\"\npurposes = [\"{purpose}\"]\n\
                 categories = [\"{category}\"]\n"
            );
            match action {
                "collect" => text += &format!("points = [\"{point}\"]\n"),
                "disclose" => text += &format!("recipient_kinds = [\"{kind}\"]\n"),
                _ => {}
            }
            if !condition.is_empty() {
                let condition = condition.replace('C', consent);
                text += &format!("{word} = {{ {condition} }}\n");
            }
            if is_permit {
                text += "basis = \"CONTRACT\"\n";
            }
            text
        })
}

fn policy_text() -> impl Strategy<Value = String> {
    let permits = prop::collection::vec(rule(true), 1..6);
    let forbids = prop::collection::vec(rule(false), 0..2);
    (permits, forbids)
        .prop_map(|(permits, forbids)| format!("{HEAD}{}{}", permits.concat(), forbids.concat()))
}

/// A request whose words live as long as the test.
#[derive(Debug, Clone)]
struct Asked {
    action: u8,
    point: &'static str,
    act: &'static str,
    kind: &'static str,
    purpose: &'static str,
    categories: Vec<&'static str>,
    order: bool,
    aggregate: bool,
}

impl Asked {
    fn request(&self) -> Request<'_> {
        let action = match self.action {
            0 => Action::Collect {
                point: self.point,
                act: self.act,
            },
            1 => Action::Use,
            _ => {
                let recipient = Recipient {
                    id: Some(RecipientId(1)),
                    kind: self.kind,
                };
                Action::Disclose { recipient }
            }
        };
        let Self {
            purpose,
            order,
            aggregate,
            ..
        } = *self;
        Request {
            action,
            purpose,
            categories: &self.categories,
            order,
            approved: false,
            aggregate,
        }
    }
}

fn asked() -> impl Strategy<Value = Asked> {
    let acts: Vec<_> = ACTS.keys().collect();
    let categories = prop::sample::subsequence(REGISTERED.to_vec(), 1..=2);
    let place = (
        0..3u8,
        select(&POINTS[..]),
        select(acts),
        select(&KINDS[..]),
    );
    let rest = (
        select(&SOUGHT[..]),
        categories,
        any::<bool>(),
        any::<bool>(),
    );
    (place, rest).prop_map(
        |((action, point, act, kind), (purpose, categories, order, aggregate))| Asked {
            action,
            point,
            act,
            kind,
            purpose,
            categories,
            order,
            aggregate,
        },
    )
}

fn consents() -> impl Strategy<Value = Vec<ConsentEntry>> {
    use ConsentState::{Expired, Given, Refused, Renewed, Unknown, Withdrawn};
    let state = select(vec![
        Given, Given, Renewed, Unknown, Refused, Withdrawn, Expired,
    ]);
    let recipient = prop::option::of((1..3u32).prop_map(RecipientId));
    let expires_at = prop::option::of(NOW - 1..NOW + 2);
    let entry = (select(&SOUGHT[..]), recipient, state, expires_at).prop_map(
        |(purpose, recipient, state, expires_at)| {
            let purpose = PURPOSES.term(purpose).expect("a purpose of the vocabulary");
            ConsentEntry {
                purpose,
                recipient,
                state,
                confirmed: false,
                expires_at,
            }
        },
    );
    prop::collection::vec(entry, 1..4)
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

/// The purposes for which data of one person may be disclosed at all.
fn disclosable() -> Vec<&'static str> {
    let others = "marketing.advertising.third_party";
    let touches = |it: &str| others.starts_with(it) || it.starts_with(others);
    PURPOSES.keys().filter(|it| !touches(it)).collect()
}

/// A policy that permits every such purpose to whoever said yes to it.
static CONSENT_FOR_EVERYTHING: LazyLock<Rulebook> = LazyLock::new(|| {
    let purposes = disclosable();
    let text = format!(
        "{HEAD}[[clause.permit]]\naction = \"disclose\"\nrecipient_kinds = [\"insurer\"]\n\
         purposes = {purposes:?}\ncategories = [\"user.name\"]\nbasis = \"CONSENT\"\n\
         when = {{ consent = \"for this purpose and recipient\" }}\n"
    );
    compile(&text).expect("the text is sound")
});

fn disclosure(purpose: &str) -> Request<'_> {
    let recipient = Recipient {
        id: Some(RecipientId(1)),
        kind: "insurer",
    };
    Request {
        action: Action::Disclose { recipient },
        purpose,
        categories: &["user.name"],
        order: false,
        approved: false,
        aggregate: false,
    }
}

fn is_permitted(texts: &[&str], consents: &[ConsentEntry], asked: &Asked) -> bool {
    let rulebooks: Vec<_> = texts
        .iter()
        .map(|it| compile(it).expect("every draw compiles"))
        .collect();
    let rulebooks: Vec<_> = rulebooks.iter().collect();
    let decision = decide(&rulebooks, Some(&subject(consents)), &asked.request(), NOW);
    assert_eq!(decision.effect == Effect::Permit, decision.reason.is_none());
    decision.effect == Effect::Permit
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn adding_a_forbid_never_turns_deny_into_permit(
        text in policy_text(), forbid in rule(false), consents in consents(), asked in asked()
    ) {
        let more = format!("{text}{forbid}");
        let before = is_permitted(&[&text], &consents, &asked);
        prop_assert!(before || !is_permitted(&[&more], &consents, &asked));
    }

    #[test]
    fn adding_a_permit_never_turns_permit_into_deny(
        text in policy_text(), permit in rule(true), consents in consents(), asked in asked()
    ) {
        let more = format!("{text}{permit}");
        let before = is_permitted(&[&text], &consents, &asked);
        prop_assert!(!before || is_permitted(&[&more], &consents, &asked));
    }

    #[test]
    fn losing_a_consent_never_turns_deny_into_permit(
        text in policy_text(), consents in consents(), asked in asked(),
        lost in any::<prop::sample::Index>()
    ) {
        let lost = lost.index(consents.len());
        let before = is_permitted(&[&text], &consents, &asked);

        let mut withdrawn = consents.clone();
        withdrawn[lost].state = ConsentState::Withdrawn;
        prop_assert!(before || !is_permitted(&[&text], &withdrawn, &asked));

        // A refusal that is forgotten may permit again; a yes that is forgotten may not.
        if !consents[lost].state.is_refusal() {
            let mut forgotten = consents.clone();
            forgotten.remove(lost);
            prop_assert!(before || !is_permitted(&[&text], &forgotten, &asked));
        }
    }

    #[test]
    fn a_refusal_above_or_below_never_leaves_a_permit_that_needs_consent(
        asked in select(disclosable()), levels in 0..4usize,
        is_above in any::<bool>(), recipient in prop::option::of(Just(RecipientId(1))),
        state in select(REFUSALS.to_vec()), is_last in any::<bool>()
    ) {
        let wider = (0..levels).fold(asked, |it, _| it.rsplit_once('.').map_or(it, |it| it.0));
        let (refused, purpose) = if is_above { (wider, asked) } else { (asked, wider) };
        prop_assume!(disclosable().contains(&purpose));
        let entry = |purpose, recipient, state| ConsentEntry {
            purpose: PURPOSES.term(purpose).expect("a purpose of the vocabulary"),
            recipient,
            state,
            confirmed: false,
            expires_at: None,
        };
        let yes = entry(purpose, Some(RecipientId(1)), ConsentState::Given);
        let no = entry(refused, recipient, state);
        let request = disclosure(purpose);
        let effect = |consents: &[ConsentEntry]| {
            decide(&[&*CONSENT_FOR_EVERYTHING], Some(&subject(consents)), &request, NOW).effect
        };
        prop_assert_eq!(effect(&[yes]), Effect::Permit);
        let both = if is_last { [yes, no] } else { [no, yes] };
        prop_assert_eq!(effect(&both), Effect::Deny);
    }

    #[test]
    fn a_yes_to_another_purpose_permits_nothing(
        asked in select(disclosable()),
        given in select(disclosable())
    ) {
        let yes = [ConsentEntry {
            purpose: PURPOSES.term(given).expect("a purpose of the vocabulary"),
            recipient: Some(RecipientId(1)),
            state: ConsentState::Given,
            confirmed: false,
            expires_at: None,
        }];
        let rulebooks = [&*CONSENT_FOR_EVERYTHING];
        let decision = decide(&rulebooks, Some(&subject(&yes)), &disclosure(asked), NOW);
        prop_assert_eq!(decision.effect == Effect::Permit, asked == given);
    }

    #[test]
    fn two_rulebooks_permit_what_each_permits(
        one in policy_text(), two in policy_text(), consents in consents(), asked in asked()
    ) {
        let each = [&one, &two].iter().all(|it| is_permitted(&[it], &consents, &asked));
        prop_assert_eq!(is_permitted(&[&one, &two], &consents, &asked), each);
    }

    #[test]
    fn asking_for_more_is_never_easier(
        text in policy_text(), consents in consents(), asked in asked(),
        more in select(&REGISTERED[..])
    ) {
        let mut wider = asked.clone();
        wider.categories.push(more);
        let before = is_permitted(&[&text], &consents, &asked);
        prop_assert!(before || !is_permitted(&[&text], &consents, &wider));
    }

    #[test]
    fn no_text_makes_the_compiler_panic(text in ".*", at in any::<prop::sample::Index>()) {
        let _ = compile(&text);
        let at = HEAD.char_indices().map(|(it, _)| it).nth(at.index(HEAD.len())).unwrap();
        let _ = compile(&format!("{}{text}{}", &HEAD[..at], &HEAD[at..]));
    }
}

#[test]
fn every_category_and_purpose_is_refused_by_a_policy_without_a_rule_for_it() {
    let rulebook = compile(HEAD).unwrap();
    for purpose in PURPOSES.keys() {
        for category in CATEGORIES.keys() {
            for action in 0..3 {
                let (categories, act) = (vec![category], "typed");
                let (point, kind) = (POINTS[1], KINDS[0]);
                let asked = Asked {
                    action,
                    point,
                    act,
                    kind,
                    purpose,
                    categories,
                    order: true,
                    aggregate: false,
                };
                let decision = decide(&[&rulebook], Some(&subject(&[])), &asked.request(), NOW);
                assert_eq!(decision.effect, Effect::Deny, "{asked:?}");
            }
        }
    }
}
