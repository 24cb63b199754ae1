//! Pairs of small policies that hardly differ: when the difference tells nothing, every request of
//! everybody is answered as before.

use policy::{Decision, Effect, PURPOSES, Rulebook, compile, decide, diff};

use crate::case::{Asked, Consent, NOW, Person};
use crate::dice::Dice;

const PAIRS: u64 = 400;

const ACTIONS: [&str; 3] = ["collect", "use", "disclose"];
/// A purpose, one below it, and one apart; and so of categories.
const ASKED_FOR: [&str; 3] = ["essential", "essential.service", "analytics"];
const CATEGORIES: [&str; 3] = ["user.contact", "user.contact.email", "user.name"];
const BASES: [&str; 2] = ["CONTRACT", "PUBLIC_TASK"];
const AGES: [&str; 2] = ["16 to 17", "adult"];

/// One rule as it is drawn and changed.
#[derive(Clone)]
struct Drawn {
    is_permit: bool,
    clause: usize,
    action: &'static str,
    purposes: Vec<&'static str>,
    categories: Vec<&'static str>,
    basis: &'static str,
    ages: Vec<&'static str>,
    consent: bool,
    order: bool,
}

impl Drawn {
    fn new(dice: &mut Dice) -> Self {
        Self {
            is_permit: !dice.one_in(5),
            clause: dice.below(2),
            action: dice.pick(&ACTIONS),
            purposes: some(&ASKED_FOR, dice),
            categories: some(&CATEGORIES, dice),
            basis: dice.pick(&BASES),
            ages: match dice.one_in(2) {
                true => some(&AGES, dice),
                false => Vec::new(),
            },
            consent: dice.one_in(4),
            order: dice.one_in(4),
        }
    }

    fn text(&self) -> String {
        let Self {
            action,
            purposes,
            categories,
            basis,
            ..
        } = self;
        let place = match (*action, self.is_permit) {
            ("collect", true) => "points = [\"form\"]\n",
            ("disclose", true) => "recipient_kinds = [\"carrier\"]\n",
            _ => "",
        };
        let mut asks = Vec::new();
        asks.extend((!self.ages.is_empty()).then(|| format!("ages = {:?}", self.ages)));
        asks.extend(
            self.consent
                .then(|| "consent = \"for this purpose\"".to_owned()),
        );
        asks.extend(self.order.then(|| "order = true".to_owned()));
        let (block, word) = match self.is_permit {
            true => ("permit", "when"),
            false => ("forbid", "unless"),
        };
        let mut text = format!(
            "[[clause.{block}]]\naction = \"{action}\"\npurposes = {purposes:?}\n\
             categories = {categories:?}\n{place}"
        );
        if self.is_permit {
            text += &format!("basis = \"{basis}\"\n");
        }
        if !asks.is_empty() {
            text += &format!("{word} = {{ {} }}\n", asks.join(", "));
        }
        text
    }
}

fn some(words: &[&'static str], dice: &mut Dice) -> Vec<&'static str> {
    let count = 1 + dice.below(words.len());
    let mut list = Vec::new();
    for _ in 0..count {
        let word = dice.pick(words);
        if !list.contains(&word) {
            list.push(word);
        }
    }
    list
}

/// The rules of both clauses, one of which may come first.
fn text(rules: &[Drawn], clauses: [usize; 2]) -> String {
    let mut text = "[policy]\nname = \"small\"\ntitle = \"\"\nrevised = 2024-01-01\n\
        contact = \"privacy@example.org\"\nstorage_region = \"US\"\n\
        [[collection_point]]\nkey = \"form\"\nside = \"site\"\ncategories = [\"user\"]\n\
        [[recipient_kind]]\nkey = \"carrier\"\nfalls_under = \"c0\"\n"
        .to_owned();
    for clause in clauses {
        text += &format!(
            "[[clause]]\nkey = \"c{clause}\"\ntitle = \"\"\nsays = \"\"\nenforced = \"by rules\"\n"
        );
        let own = rules.iter().filter(|it| it.clause == clause);
        text.extend(own.map(Drawn::text));
        text += "[[clause.forbid]]\naction = \"collect\"\nunless = { acts = [\"typed\"] }\n";
    }
    text
}

/// Changes that may or may not mean something.
fn edit(rules: &mut Vec<Drawn>, clauses: &mut [usize; 2], dice: &mut Dice) {
    let index = dice.below(rules.len());
    let rule = rules[index].clone();
    match dice.below(10) {
        0 => {
            let rule = rules.remove(index);
            rules.insert(dice.below(rules.len() + 1), rule);
        }
        1 => rules.insert(dice.below(rules.len() + 1), rule),
        2 if rules.len() > 1 => drop(rules.remove(index)),
        3 => clauses.reverse(),
        4 => rules[index].purposes.reverse(),
        5 => rules[index].basis = dice.pick(&BASES),
        6 => rules[index].categories = some(&CATEGORIES, dice),
        7 => part(rules, index, |it| &mut it.categories),
        8 => part(rules, index, |it| &mut it.ages),
        _ => part(rules, index, |it| &mut it.purposes),
    }
}

/// One rule as two, each with a part of a list.
fn part(rules: &mut Vec<Drawn>, index: usize, list: impl Fn(&mut Drawn) -> &mut Vec<&'static str>) {
    let mut second = rules[index].clone();
    let words = list(&mut second);
    if words.len() < 2 {
        return;
    }
    let first = vec![words.remove(0)];
    *list(&mut rules[index]) = first;
    rules.insert(index + 1, second);
}

fn people() -> Vec<Person> {
    let mut people = Vec::new();
    for age in [
        None,
        Some(policy::AgeBand::From16To17),
        Some(policy::AgeBand::Adult),
    ] {
        for agreed in [0b000, 0b001, 0b010, 0b111] {
            let purposes = ASKED_FOR.iter().enumerate();
            let purposes = purposes.filter(|(bit, _)| agreed & (1 << bit) != 0);
            let consents = purposes.map(|(_, purpose)| Consent {
                purpose,
                recipient: None,
                state: policy::ConsentState::Given,
                expires_at: None,
                confirmed: false,
            });
            people.push(Person {
                standing: policy::Standing::Active,
                age,
                region: None,
                acceptance: None,
                transfer_agreed: false,
                refused: Vec::new(),
                consents: consents.collect(),
            });
        }
    }
    people
}

/// Every request; an empty purpose stands for none.
fn requests() -> Vec<Asked> {
    let mut requests = Vec::new();
    for action in ACTIONS {
        let unnamed = (action == "collect").then_some("");
        for purpose in ASKED_FOR.into_iter().chain(unnamed) {
            for chosen in 1..1 << CATEGORIES.len() {
                let categories = CATEGORIES.iter().enumerate();
                let categories = categories.filter(|(bit, _)| chosen & (1 << bit) != 0);
                let categories: Vec<_> = categories.map(|(_, it)| *it).collect();
                for order in [false, true] {
                    requests.push(Asked {
                        action,
                        point: "form",
                        act: "typed",
                        kind: "carrier",
                        recipient: None,
                        purpose,
                        categories: categories.clone(),
                        order,
                        approved: false,
                        aggregate: false,
                    });
                }
            }
        }
    }
    requests
}

/// What counts of an answer: whether, by which clause, and on what basis.
fn answer<'r>(
    rulebook: &'r Rulebook,
    subject: &policy::Subject<'_>,
    asked: &Asked,
) -> (bool, Option<&'r str>, Option<&'static str>) {
    let mut request = asked.request();
    if asked.purpose.is_empty() {
        let any = PURPOSES.keys().next();
        request.purpose = rulebook
            .purpose_of_point(asked.point)
            .or(any)
            .unwrap_or_default();
    }
    let Decision {
        effect,
        clauses,
        basis,
        ..
    } = decide(&[rulebook], Some(subject), &request, NOW);
    let is_permit = effect == Effect::Permit;
    let clause = clauses.first().copied().filter(|_| is_permit);
    (is_permit, clause, basis)
}

#[test]
fn where_nothing_is_told_every_answer_stays() {
    let (people, requests) = (people(), requests());
    let (mut silent, mut told) = (0, 0);
    for seed in 0..PAIRS {
        let dice = &mut Dice::new(seed);
        let mut rules: Vec<_> = (0..1 + dice.below(4)).map(|_| Drawn::new(dice)).collect();
        let mut clauses = [0, 1];
        let before = text(&rules, clauses);
        for _ in 0..1 + dice.below(3) {
            edit(&mut rules, &mut clauses, dice);
        }
        let after = text(&rules, clauses);
        let (Ok(old), Ok(new)) = (compile(&before), compile(&after)) else {
            continue;
        };
        if !diff(&old, &new).is_empty() {
            told += 1;
            continue;
        }
        silent += 1;
        for person in &people {
            let entries = person.entries();
            let subject = person.subject(&entries);
            for asked in &requests {
                let [was, is] = [&old, &new].map(|it| answer(it, &subject, asked));
                assert_eq!(
                    was, is,
                    "seed {seed}\n{before}\n-- and --\n{after}\n{person:#?}\n{asked:#?}"
                );
            }
        }
    }
    assert!(
        silent > 50 && told > 50,
        "{silent} told nothing, {told} something"
    );
}
