//! Small policies in full: every one of at most three rules, every state of three purposes, every
//! request.

use policy::{ConsentState, RecipientId, Standing, compile, decide};

use crate::case::{Asked, Consent, NOW, Person};
use crate::differential::in_words;
use crate::file::Policy;
use crate::model;

/// A purpose, one below it, and one apart.
const PURPOSES: [&str; 3] = ["essential", "essential.service", "functional"];
const CATEGORIES: [&str; 2] = ["user.contact", "user.contact.email"];

const HEAD: &str = "[policy]\nname = \"small\"\ntitle = \"\"\nrevised = 2024-01-01\n\
                    contact = \"privacy@example.org\"\nstorage_region = \"US\"\n\
                    [[recipient_kind]]\nkey = \"carrier\"\nfalls_under = \"c0\"\n\
                    [[recipient_kind]]\nkey = \"partner\"\nfalls_under = \"c0\"\n\
                    [[clause]]\nkey = \"c0\"\ntitle = \"\"\nsays = \"\"\nenforced = \"by rules\"\n";

#[test]
fn small_policies_of_use_are_decided_as_the_model_says() {
    let states = [
        None,
        Some(ConsentState::Given),
        Some(ConsentState::Withdrawn),
    ];
    let mut people = Vec::new();
    for one in states {
        for other in states {
            for third in states {
                let states = [one, other, third];
                people.push(person(states.map(|it| (it, None))));
            }
        }
    }
    let rules = rules("use", "", "\"for this purpose\"");
    let asked = requests("use", None);
    assert_eq!(try_all(&rules, &people, &asked), 376_488);
}

#[test]
fn small_policies_of_disclosure_are_decided_as_the_model_says() {
    let to = [None, Some(RecipientId(1)), Some(RecipientId(2))];
    let states = [None, Some(ConsentState::Given), Some(ConsentState::Refused)];
    let mut people = Vec::new();
    for wide in states {
        for narrow in states {
            for recipient in to {
                people.push(person([(wide, None), (narrow, recipient), (None, None)]));
            }
        }
    }
    let kinds = "recipient_kinds = [\"carrier\"]\n";
    let rules = rules("disclose", kinds, "\"for this purpose and recipient\"");
    let mut asked = requests("disclose", Some(1));
    asked.extend(requests("disclose", None));
    assert_eq!(try_all(&rules, &people, &asked), 752_976);
}

/// Every rule: permitting or forbidding, for each purpose and category, with and without consent.
fn rules(action: &str, place: &str, consent: &str) -> Vec<String> {
    let mut rules = Vec::new();
    for (block, rest, word) in [
        ("permit", "basis = \"CONTRACT\"\n", "when"),
        ("forbid", "", "unless"),
    ] {
        for purpose in PURPOSES {
            for category in CATEGORIES {
                for asks in [false, true] {
                    let condition = if asks {
                        format!("{word} = {{ consent = {consent} }}\n")
                    } else {
                        String::new()
                    };
                    rules.push(format!(
                        "[[clause.{block}]]\naction = \"{action}\"\npurposes = [\"{purpose}\"]\n\
                         categories = [\"{category}\"]\n{place}{rest}{condition}"
                    ));
                }
            }
        }
    }
    rules
}

fn requests(action: &'static str, recipient: Option<u32>) -> Vec<Asked> {
    let mut requests = Vec::new();
    for purpose in PURPOSES {
        for category in CATEGORIES {
            requests.push(Asked {
                action,
                point: "",
                act: "",
                kind: "carrier",
                recipient,
                purpose,
                categories: vec![category],
                order: false,
                approved: false,
                aggregate: false,
            });
        }
    }
    requests
}

/// An adult with at most one consent for each purpose.
fn person(states: [(Option<ConsentState>, Option<RecipientId>); 3]) -> Person {
    let said = PURPOSES.iter().zip(states);
    let consents = said.filter_map(|(purpose, (state, recipient))| {
        state.map(|state| Consent {
            purpose,
            recipient,
            state,
            expires_at: None,
            confirmed: false,
        })
    });
    Person {
        standing: Standing::Active,
        age: None,
        region: None,
        acceptance: None,
        transfer_agreed: false,
        refused: Vec::new(),
        consents: consents.collect(),
    }
}

/// Every policy of one to three of the rules, in their order; answers how many decisions it took.
fn try_all(rules: &[String], people: &[Person], asked: &[Asked]) -> u64 {
    let mut tried = 0;
    for first in 0..rules.len() {
        for second in first..rules.len() {
            for third in second..rules.len() {
                let mut chosen = vec![first, second, third];
                chosen.dedup();
                if chosen.len() == 2 && second == first {
                    continue; // The same two come again as first, second, second.
                }
                let chosen: Vec<_> = chosen.iter().map(|it| rules[*it].as_str()).collect();
                tried += try_policy(&format!("{HEAD}{}", chosen.concat()), people, asked);
            }
        }
    }
    tried
}

fn try_policy(text: &str, people: &[Person], asked: &[Asked]) -> u64 {
    let rulebook = compile(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let policy: Policy = toml::from_str(text).expect("what compiles is readable");
    for person in people {
        let entries = person.entries();
        let subject = person.subject(&entries);
        for asked in asked {
            let decision = decide(&[&rulebook], Some(&subject), &asked.request(), NOW);
            let answer = model::decide(&[&policy], Some(person), &asked.request(), NOW);
            assert_eq!(
                in_words(&decision),
                answer,
                "{text}\n{person:#?}\n{asked:#?}"
            );
        }
    }
    (people.len() * asked.len()) as u64
}
