//! Random cases: policies as text, people and requests, whose words meet often.

use policy::{
    ACTS, Acceptance, Action, AgeBand, CATEGORIES, ConsentEntry, ConsentState, PURPOSES,
    RECIPIENT_KINDS, Recipient, RecipientId, Registry, Request, Standing, Subject,
};

use crate::dice::Dice;
use crate::sale::{FIGURES, are_figures, needed};

/// The moment of asking.
pub const NOW: u64 = 1_000;

const AGES: [AgeBand; 4] = [
    AgeBand::Under13,
    AgeBand::From13To15,
    AgeBand::From16To17,
    AgeBand::Adult,
];
const ACCEPTANCES: [Acceptance; 3] = [
    Acceptance::Explicit,
    Acceptance::ContinuedUse,
    Acceptance::Guardian,
];
const STATES: [ConsentState; 10] = [
    ConsentState::Unknown,
    ConsentState::Requested,
    ConsentState::RequestDeferred,
    ConsentState::Refused,
    ConsentState::Given,
    ConsentState::Renewed,
    ConsentState::Withdrawn,
    ConsentState::Expired,
    ConsentState::Revoked,
    ConsentState::Invalidated,
];

/// A person in words.
#[derive(Debug)]
pub struct Person {
    pub standing: Standing,
    pub age: Option<AgeBand>,
    pub region: Option<&'static str>,
    pub acceptance: Option<Acceptance>,
    pub transfer_agreed: bool,
    /// The categories the person keeps back.
    pub refused: Vec<&'static str>,
    pub consents: Vec<Consent>,
}

/// One consent in words.
#[derive(Debug)]
pub struct Consent {
    pub purpose: &'static str,
    pub recipient: Option<RecipientId>,
    pub state: ConsentState,
    pub expires_at: Option<u64>,
    pub confirmed: bool,
}

impl Person {
    /// The consents as the product takes them.
    pub fn entries(&self) -> Vec<ConsentEntry> {
        let entry = |it: &Consent| ConsentEntry {
            purpose: PURPOSES
                .term(it.purpose)
                .expect("a purpose of the vocabulary"),
            recipient: it.recipient,
            state: it.state,
            expires_at: it.expires_at,
            confirmed: it.confirmed,
        };
        self.consents.iter().map(entry).collect()
    }

    /// The person as the product takes one.
    pub fn subject<'a>(&self, consents: &'a [ConsentEntry]) -> Subject<'a> {
        Subject {
            standing: self.standing,
            age_band: self.age,
            region: self.region,
            acceptance: self.acceptance,
            transfer_agreed: self.transfer_agreed,
            refused: CATEGORIES
                .touching(self.refused.iter().copied())
                .expect("categories of the vocabulary"),
            consents,
        }
    }
}

/// The few words that the policies, people and requests of one round share.
pub struct World {
    purposes: Vec<&'static str>,
    categories: Vec<&'static str>,
    kinds: Vec<&'static str>,
    points: Vec<&'static str>,
    acts: Vec<&'static str>,
    /// What the permissions written so far speak of, as requests that come near them.
    aims: Vec<Asked>,
}

impl World {
    pub fn new(dice: &mut Dice) -> Self {
        let purposes = family(&PURPOSES, dice);
        let categories = family(&CATEGORIES, dice);
        let listed: Vec<_> = RECIPIENT_KINDS.keys().collect();
        let kinds = (0..2).map(|_| dice.pick(&listed)).collect();
        let listed: Vec<_> = ACTS.keys().collect();
        let acts = (0..3).map(|_| dice.pick(&listed)).collect();
        let points = vec!["desk", "form", "feed"];
        Self {
            purposes,
            categories,
            kinds,
            points,
            acts,
            aims: Vec::new(),
        }
    }

    pub fn person(&self, dice: &mut Dice) -> Person {
        let standing = match dice.below(48) {
            0 => Standing::Restricted,
            1 => Standing::Quarantined,
            2 => Standing::Erased,
            _ => Standing::Active,
        };
        let refused = if dice.one_in(16) { 1 } else { 0 };
        Person {
            standing,
            age: dice.maybe(&AGES),
            region: dice.maybe(&["US", "FR", "DE"]),
            acceptance: dice.maybe(&ACCEPTANCES),
            transfer_agreed: dice.one_in(2),
            refused: (0..refused).map(|_| dice.pick(&self.categories)).collect(),
            consents: (0..dice.below(5)).map(|_| self.consent(dice)).collect(),
        }
    }

    fn consent(&self, dice: &mut Dice) -> Consent {
        let state = match dice.below(3) {
            0 => dice.pick(&STATES),
            1 => ConsentState::Renewed,
            _ => ConsentState::Given,
        };
        let aimed: Vec<_> = self.aims.iter().map(|it| it.purpose).collect();
        let is_stray = aimed.is_empty() || dice.one_in(3);
        let purpose = dice.pick(if is_stray { &self.purposes } else { &aimed });
        Consent {
            purpose,
            recipient: dice.maybe(&[RecipientId(1), RecipientId(1), RecipientId(2)]),
            state,
            expires_at: dice.maybe(&[NOW - 1, NOW, NOW + 1, NOW + 2, NOW + 3]),
            confirmed: dice.one_in(2),
        }
    }

    /// A request: mostly one that a permission was written for, give or take a word.
    pub fn asked(&self, dice: &mut Dice) -> Asked {
        let stray = self.stray(dice);
        if self.aims.is_empty() || dice.one_in(4) {
            return stray;
        }
        let aim = &self.aims[dice.below(self.aims.len())];
        let mut other = |it| if dice.one_in(12) { it } else { None };
        Asked {
            action: aim.action,
            point: other(Some(stray.point)).unwrap_or(aim.point),
            kind: other(Some(stray.kind)).unwrap_or(aim.kind),
            purpose: other(Some(stray.purpose)).unwrap_or(aim.purpose),
            categories: if dice.one_in(8) {
                stray.categories
            } else {
                aim.categories.clone()
            },
            ..stray
        }
    }

    fn stray(&self, dice: &mut Dice) -> Asked {
        let outside = ["x", "third_party_sharing.sale", "essential.service"];
        let categories = match dice.below(30) {
            0 => Vec::new(),
            1..20 => vec![dice.rarely(&self.categories, &["x", "user.name"])],
            _ => (0..2).map(|_| dice.pick(&self.categories)).collect(),
        };
        Asked {
            action: dice.pick(&ACTIONS),
            point: dice.rarely(&self.points, &["nowhere"]),
            act: dice.rarely(&self.acts, &["x", "sent"]),
            kind: dice.rarely(&self.kinds, &["x", "data_broker.broker", "authority"]),
            recipient: dice.maybe(&[1, 1, 1, 2]),
            purpose: dice.rarely(&self.purposes, &outside),
            categories,
            order: dice.one_in(2),
            approved: dice.one_in(2),
            aggregate: dice.one_in(8),
        }
    }

    /// A policy in the policy language. Most compile; the others are refused by the linter.
    pub fn policy(&mut self, dice: &mut Dice) -> String {
        let mut text = HEAD.to_owned();
        for point in &self.points {
            let narrow = some(&self.categories, dice);
            let categories = if dice.one_in(3) {
                &narrow
            } else {
                &self.categories
            };
            text += &format!(
                "[[collection_point]]\nkey = \"{point}\"\nside = \"site\"\ncategories = {categories:?}\n"
            );
        }
        let clauses = 1 + dice.below(4);
        let mut homes = Vec::new();
        for kind in &self.kinds {
            if homes.iter().all(|(it, _)| it != kind) && !dice.one_in(8) {
                let home = dice.below(clauses);
                text +=
                    &format!("[[recipient_kind]]\nkey = \"{kind}\"\nfalls_under = \"c{home}\"\n");
                homes.push((*kind, home));
            }
        }
        for activity in 0..dice.below(3) {
            let needs = some(&self.categories, dice);
            text += &format!("[[activity]]\nkey = \"a{activity}\"\nneeds = {needs:?}\n");
        }
        for clause in 0..clauses {
            let kinds = homes.iter().filter(|it| it.1 == clause).map(|it| it.0);
            let kinds: Vec<_> = kinds.collect();
            text += &self.clause(clause, &kinds, &homes, dice);
        }
        text + "[[clause]]\nkey = \"acts\"\ntitle = \"\"\nsays = \"\"\nenforced = \"by rules\"\n"
            + &format!(
                "[[clause.forbid]]\naction = \"collect\"\nunless = {{ acts = {:?} }}\n",
                some(&self.acts, dice)
            )
    }

    fn clause(
        &mut self,
        index: usize,
        kinds: &[&'static str],
        all_kinds: &[(&'static str, usize)],
        dice: &mut Dice,
    ) -> String {
        let permits = 1 + dice.below(3);
        let forbids = if dice.one_in(3) { 1 } else { 0 };
        let enforced = if dice.one_in(10) {
            "not yet"
        } else {
            "by rules"
        };
        let mut text = format!(
            "[[clause]]\nkey = \"c{index}\"\ntitle = \"\"\nsays = \"\"\nenforced = \"{enforced}\"\n"
        );
        for _ in 0..permits {
            text += &self.permit(kinds, dice);
        }
        for _ in 0..forbids {
            text += &self.forbid(all_kinds, dice);
        }
        text
    }

    fn permit(&mut self, kinds: &[&'static str], dice: &mut Dice) -> String {
        let actions = if kinds.is_empty() {
            &ACTIONS[..2]
        } else {
            &ACTIONS[..]
        };
        let mut action = dice.pick(actions);
        let purposes = some(&self.purposes, dice);
        let categories = some(&self.categories, dice);
        if needed(action, kinds, &purposes, &categories).is_none() {
            action = "use";
        }
        let needed = needed(action, kinds, &purposes, &categories).unwrap_or_default();
        let named = action == "disclose" && !are_figures(&categories);
        let points = some(&self.points, dice);
        let mut text = format!("[[clause.permit]]\naction = \"{action}\"\nbasis = \"CONTRACT\"\n");
        text += &format!("purposes = {purposes:?}\n");
        if action != "collect" || dice.one_in(2) {
            text += &format!("categories = {categories:?}\n");
        }
        match action {
            "collect" => text += &format!("points = {points:?}\n"),
            "disclose" => text += &format!("recipient_kinds = {:?}\n", some(kinds, dice)),
            _ => {}
        }
        self.aims.push(Asked {
            action,
            point: points[0],
            kind: kinds.first().copied().unwrap_or(self.kinds[0]),
            purpose: purposes[0],
            categories,
            ..self.stray(dice)
        });
        let condition = self.condition("when", action, dice);
        let is_asked = needed.iter().all(|it| condition.contains(it));
        match condition.contains(FIGURES) {
            true if !named => text + &condition,
            false if is_asked => text + &condition,
            _ if needed.is_empty() => text,
            _ => text + &format!("when = {{ {} }}\n", needed.join(", ")),
        }
    }

    fn forbid(&self, kinds: &[(&'static str, usize)], dice: &mut Dice) -> String {
        let action = dice.pick(&ACTIONS);
        let kinds: Vec<_> = kinds.iter().map(|it| it.0).collect();
        let mut text = format!("[[clause.forbid]]\naction = \"{action}\"\n");
        if dice.one_in(2) {
            text += &format!("purposes = {:?}\n", some(&self.purposes, dice));
        }
        if dice.one_in(2) {
            text += &format!("categories = {:?}\n", some(&self.categories, dice));
        }
        match action {
            "collect" if dice.one_in(2) => {
                text += &format!("points = {:?}\n", some(&self.points, dice));
            }
            "disclose" if dice.one_in(2) && !kinds.is_empty() => {
                text += &format!("recipient_kinds = {:?}\n", some(&kinds, dice));
            }
            _ => {}
        }
        text + &self.condition("unless", action, dice)
    }

    fn condition(&self, word: &str, action: &str, dice: &mut Dice) -> String {
        let mut parts = Vec::new();
        for _ in 0..dice.below(3) {
            let part = match dice.below(12) {
                0 => "order = true".to_owned(),
                1 => "aggregate_only = true".to_owned(),
                2 if action == "collect" => format!("acts = {:?}", some(&self.acts, dice)),
                3 => format!("ages = {:?}", some(&AGE_WORDS, dice)),
                4 => format!("regions = {:?}", some(&["US", "FR"], dice)),
                5 => "approval = true".to_owned(),
                6 => "transfer_agreed = true".to_owned(),
                7 => format!("acceptance = {:?}", some(&WAYS, dice)),
                8 | 9 if action != "collect" => {
                    "consent = \"confirmed for this purpose\"".to_owned()
                }
                10 if action == "disclose" => "consent = \"for this purpose and recipient\"".into(),
                _ => "consent = \"for this purpose\"".to_owned(),
            };
            parts.push(part);
        }
        parts.dedup_by_key(|it| it.split(' ').next().map(str::to_owned));
        if parts.is_empty() {
            return String::new();
        }
        format!("{word} = {{ {} }}\n", parts.join(", "))
    }
}

/// One or two of some words, as the language lists them.
fn some(words: &[&'static str], dice: &mut Dice) -> Vec<&'static str> {
    let mut listed = vec![dice.pick(words)];
    if dice.one_in(2) {
        listed.push(dice.pick(words));
    }
    listed.dedup();
    listed
}

const ACTIONS: [&str; 3] = ["collect", "use", "disclose"];

const AGE_WORDS: [&str; 4] = ["under 13", "13 to 15", "16 to 17", "adult"];

const WAYS: [&str; 3] = ["explicit", "continued use", "guardian"];

const HEAD: &str = "[policy]\nname = \"random\"\ntitle = \"\"\nrevised = 2024-01-01\n\
                    contact = \"privacy@example.org\"\nstorage_region = \"US\"\n";

/// A key, all above it and some of its relatives: keys that meet each other.
fn family(registry: &Registry, dice: &mut Dice) -> Vec<&'static str> {
    let keys: Vec<_> = registry.keys().collect();
    let chosen = dice.pick(&keys);
    let root = chosen.split('.').next().expect("a split has a first part");
    let is_relative = |it: &&str| it.split('.').next() == Some(root);
    let relatives: Vec<_> = keys.iter().copied().filter(is_relative).collect();
    let above = keys.iter().copied().filter(|it| {
        let rest = chosen.strip_prefix(it);
        rest.is_some_and(|it| it.is_empty() || it.starts_with('.'))
    });
    let mut family: Vec<_> = above.collect();
    family.extend([dice.pick(&relatives), dice.pick(&keys)]);
    family
}

/// A request whose lists it owns.
#[derive(Debug)]
pub struct Asked {
    pub action: &'static str,
    pub point: &'static str,
    pub act: &'static str,
    pub kind: &'static str,
    pub recipient: Option<u32>,
    pub purpose: &'static str,
    pub categories: Vec<&'static str>,
    pub order: bool,
    pub approved: bool,
    pub aggregate: bool,
}

impl Asked {
    pub fn request(&self) -> Request<'_> {
        let action = match self.action {
            "collect" => Action::Collect {
                point: self.point,
                act: self.act,
            },
            "use" => Action::Use,
            _ => {
                let id = self.recipient.map(RecipientId);
                Action::Disclose {
                    recipient: Recipient {
                        id,
                        kind: self.kind,
                    },
                }
            }
        };
        Request {
            action,
            purpose: self.purpose,
            categories: &self.categories,
            order: self.order,
            approved: self.approved,
            aggregate: self.aggregate,
        }
    }
}
