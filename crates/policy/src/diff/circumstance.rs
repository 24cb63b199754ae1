//! The persons and requests that meet a condition, as sets that can be compared and told in words.

use crate::language::{Acceptance, AgeBand, ConsentWord};
use crate::rulebook::Condition;
use crate::vocabulary::ACTS;
use crate::wording::any;

/// How many sets a comparison may part into. A text that needs more is told more coarsely.
const PARTS_MAX: usize = 64;

const ORDER: usize = 0;
const AGGREGATE: usize = 1;
const APPROVAL: usize = 2;
const ACTS_OF_COLLECTION: usize = 3;
const AGES: usize = 4;
const REGIONS: usize = 5;
/// The agreement to a transfer to each of the two countries of storage.
const TRANSFER: usize = 6;
const ACCEPTANCE: usize = 8;
const CONSENT: usize = 9;
const CONSENT_TO_RECIPIENT: usize = 10;
const ASPECTS: usize = 11;

const AGE_BANDS: [AgeBand; 4] = [
    AgeBand::Under13,
    AgeBand::From13To15,
    AgeBand::From16To17,
    AgeBand::Adult,
];
const WAYS: [(Acceptance, &str); 3] = [
    (Acceptance::Explicit, "the person"),
    (Acceptance::ContinuedUse, "continued use"),
    (Acceptance::Guardian, "a guardian"),
];
/// Whether something is so; and of a consent, that it was not confirmed or that it was.
const YES: usize = 0;
const CONFIRMED: usize = 1;
/// Stands for all that no condition can name: not so, not stated, elsewhere.
const OTHERWISE: usize = 703;

/// Some values of one aspect: a bit for each, of which there are 676 countries at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Values([u64; 11]);

impl Values {
    const ALL: Self = Self([u64::MAX; 11]);

    fn of(values: impl IntoIterator<Item = usize>) -> Self {
        let mut set = Self([0; 11]);
        for value in values {
            set.0[value / 64] |= 1 << (value % 64);
        }
        set
    }

    fn contains(self, value: usize) -> bool {
        self.0[value / 64] & (1 << (value % 64)) != 0
    }

    fn with(self, other: Self) -> Self {
        Self(std::array::from_fn(|it| self.0[it] | other.0[it]))
    }

    fn common(self, other: Self) -> Self {
        Self(std::array::from_fn(|it| self.0[it] & other.0[it]))
    }

    fn without(self, other: Self) -> Self {
        Self(std::array::from_fn(|it| self.0[it] & !other.0[it]))
    }

    fn is_empty(self) -> bool {
        self.0.iter().all(|it| *it == 0)
    }
}

/// All persons and requests of which each aspect has one of some values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Circumstances {
    aspects: [Values; ASPECTS],
    /// The country of storage in the old version and in the new one.
    homes: [usize; 2],
}

impl Circumstances {
    /// Those that meet a condition; `homes` are the countries of storage of both versions.
    pub(super) fn meeting(condition: Option<&Condition>, homes: [&str; 2]) -> Self {
        let mut met = Self {
            aspects: [Values::ALL; ASPECTS],
            homes: homes.map(country),
        };
        let Some(condition) = condition else {
            return met;
        };
        let yes = Values::of([YES]);
        let mut ask = |aspect, is_asked, values| {
            if is_asked {
                met.aspects[aspect] = values;
            }
        };
        ask(ORDER, condition.order, yes);
        ask(AGGREGATE, condition.aggregate_only, yes);
        ask(APPROVAL, condition.approval, yes);
        let acts = ACTS.terms().enumerate();
        let acts = acts.filter(|(_, (act, _))| condition.acts.contains(*act));
        let acts = Values::of(acts.map(|(index, _)| index));
        ask(ACTS_OF_COLLECTION, !condition.acts.is_empty(), acts);
        let ages = condition.ages.iter().map(|it| *it as usize);
        ask(AGES, !condition.ages.is_empty(), Values::of(ages));
        let regions = condition.regions.iter().map(|it| country(it));
        ask(REGIONS, !condition.regions.is_empty(), Values::of(regions));
        if let Some(home) = &condition.transfer_to {
            ask(TRANSFER + usize::from(home != homes[0]), true, yes);
        }
        let ways = condition.acceptance.iter().map(|it| *it as usize);
        ask(
            ACCEPTANCE,
            !condition.acceptance.is_empty(),
            Values::of(ways),
        );
        match condition.consent {
            None => {}
            Some(ConsentWord::Purpose) => ask(CONSENT, true, Values::of([YES, CONFIRMED])),
            Some(ConsentWord::PurposeConfirmed) => ask(CONSENT, true, Values::of([CONFIRMED])),
            Some(ConsentWord::PurposeAndRecipient) => ask(CONSENT_TO_RECIPIENT, true, yes),
        }
        met
    }

    /// Those that are not about a group: a permission that does not speak of groups permits nothing
    /// about one.
    pub(super) fn about_persons(mut self) -> Self {
        let group = Values::of([YES]);
        if self.aspects[AGGREGATE] != group {
            self.aspects[AGGREGATE] = self.aspects[AGGREGATE].without(group);
        }
        self
    }

    fn is_empty(&self) -> bool {
        // Who lives where the data is stored need not agree to a transfer.
        let is_settled = |index: usize| {
            let home = Values::of([self.homes[index]]);
            !self.aspects[TRANSFER + index].contains(YES)
                && self.aspects[REGIONS].without(home).is_empty()
        };
        self.aspects.iter().any(|it| it.is_empty()) || is_settled(0) || is_settled(1)
    }

    /// Those that are in both sets, if there are some.
    pub(super) fn common(&self, other: &Self) -> Option<Self> {
        let aspects = std::array::from_fn(|it| self.aspects[it].common(other.aspects[it]));
        let common = Self { aspects, ..*self };
        (!common.is_empty()).then_some(common)
    }

    /// Those that the other set has not, in sets that share none.
    fn without(&self, other: &Self) -> Vec<Self> {
        let mut pieces = Vec::new();
        let mut rest = *self;
        for aspect in 0..ASPECTS {
            let mut piece = rest;
            piece.aspects[aspect] = rest.aspects[aspect].without(other.aspects[aspect]);
            rest.aspects[aspect] = rest.aspects[aspect].common(other.aspects[aspect]);
            if !piece.is_empty() {
                pieces.push(piece);
            }
        }
        pieces
    }

    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.without(other).is_empty()
    }

    /// Both as one set, if they differ in one aspect only.
    fn joined(&self, other: &Self) -> Option<Self> {
        let differs = |it: &usize| self.aspects[*it] != other.aspects[*it];
        let mut differing = (0..ASPECTS).filter(differs);
        let (aspect, None) = (differing.next()?, differing.next()) else {
            return None;
        };
        let mut joined = *self;
        joined.aspects[aspect] = self.aspects[aspect].with(other.aspects[aspect]);
        Some(joined)
    }
}

/// What the first sets have and the others have not.
pub(super) fn beyond(these: &[Circumstances], those: &[Circumstances]) -> Vec<Circumstances> {
    let mut rest = these.to_vec();
    for that in those {
        if rest.len() > PARTS_MAX {
            break;
        }
        rest = rest.iter().flat_map(|it| it.without(that)).collect();
    }
    rest
}

/// Everything, parted so that each part is within each of the sets or apart from it; nothing when
/// that takes too many parts.
pub(super) fn parted(sets: &[Circumstances]) -> Option<Vec<Circumstances>> {
    let first = sets.first()?;
    let mut parts = vec![Circumstances {
        aspects: [Values::ALL; ASPECTS],
        ..*first
    }];
    for set in sets {
        let split = |part: &Circumstances| {
            let mut pieces = part.without(set);
            pieces.extend(part.common(set));
            pieces
        };
        parts = parts.iter().flat_map(split).collect();
        if parts.len() > PARTS_MAX {
            return None;
        }
    }
    Some(parts)
}

/// The same in few and wide sets.
pub(super) fn simplest(parts: &[Circumstances]) -> Vec<Circumstances> {
    let mut sets: Vec<Circumstances> = Vec::new();
    for part in parts {
        let mut set = *part;
        while let Some(index) = sets.iter().position(|it| it.joined(&set).is_some()) {
            let other = sets.swap_remove(index);
            set = set.joined(&other).unwrap_or(set);
        }
        sets.push(set);
    }
    let all = sets.clone();
    for set in &mut sets {
        for aspect in 0..ASPECTS {
            let mut wider = *set;
            wider.aspects[aspect] = Values::ALL;
            if beyond(&[wider], &all).is_empty() {
                *set = wider;
            }
        }
    }
    sets.sort();
    sets.dedup();
    let all = sets.clone();
    sets.retain(|it| !all.iter().any(|other| other != it && it.is_within(other)));
    sets
}

/// ` when …`, or nothing when no condition is left.
pub(super) fn when(sets: &[Circumstances]) -> String {
    let words: Vec<_> = sets.iter().map(words).collect();
    if words.iter().any(String::is_empty) {
        return String::new();
    }
    match words.len() {
        0 => String::new(),
        1..=6 => format!(" when {}", words.join(", or when ")),
        count => format!(" in {count} sets of circumstances, too many to tell"),
    }
}

fn words(set: &Circumstances) -> String {
    let yes_no = [
        (ORDER, "it serves an order", "it serves no order"),
        (AGGREGATE, "the answer is about a group", ""),
        (
            APPROVAL,
            "an approved case covers it",
            "no approved case covers it",
        ),
    ];
    let mut words: Vec<String> = Vec::new();
    for (aspect, yes, no) in yes_no {
        match (
            set.aspects[aspect].contains(YES),
            set.aspects[aspect].contains(OTHERWISE),
        ) {
            (true, false) => words.push(yes.to_owned()),
            (false, true) if !no.is_empty() => words.push(no.to_owned()),
            _ => {}
        }
    }
    let acts = ACTS.keys().map(str::to_owned).enumerate();
    let ages = AGE_BANDS
        .iter()
        .map(|it| (*it as usize, it.words().to_owned()));
    let regions = (0..676).map(|it| (it, country_key(it)));
    let ways = WAYS
        .iter()
        .map(|(way, words)| (*way as usize, (*words).to_owned()));
    words.extend(listed(
        set.aspects[ACTS_OF_COLLECTION],
        acts,
        "the value was",
    ));
    words.extend(listed(set.aspects[AGES], ages, "the person's age is"));
    let lives = match set.aspects[REGIONS].contains(OTHERWISE) {
        true => "the person's country is",
        false => "the person lives in",
    };
    words.extend(listed(set.aspects[REGIONS], regions, lives));
    for index in [0, 1] {
        let home = country_key(set.homes[index]);
        let transfer = set.aspects[TRANSFER + index];
        match (transfer.contains(YES), transfer.contains(OTHERWISE)) {
            (true, false) => words.push(format!(
                "the person lives in {home} or agreed to the transfer there"
            )),
            (false, true) => words.push(format!(
                "the person neither lives in {home} nor agreed to the transfer there"
            )),
            _ => {}
        }
    }
    let accepted = match set.aspects[ACCEPTANCE].contains(OTHERWISE) {
        true => "the policy was",
        false => "the policy was accepted by",
    };
    let ways = ways.map(|(way, words)| match accepted {
        "the policy was" => (way, format!("accepted by {words}")),
        _ => (way, words),
    });
    words.extend(listed(set.aspects[ACCEPTANCE], ways, accepted));
    words.extend(agreed(set).into_iter().map(str::to_owned));
    words.join(" and ")
}

/// What a person said to a purpose in general, and to one recipient.
fn agreed(set: &Circumstances) -> Vec<&'static str> {
    let is = |aspect: usize, value| set.aspects[aspect].contains(value);
    let general = [YES, CONFIRMED, OTHERWISE].map(|it| is(CONSENT, it));
    let recipient = [YES, OTHERWISE].map(|it| is(CONSENT_TO_RECIPIENT, it));
    match (general, recipient) {
        ([true, true, false], [false, true]) => {
            return vec!["the person agreed to this purpose in general and not to this recipient"];
        }
        ([false, false, true], [true, false]) => {
            return vec!["the person agreed to this purpose for this recipient only"];
        }
        _ => {}
    }
    let general = match general {
        [true, true, true] | [false, false, false] => None,
        [true, true, false] => Some("the person agreed to this purpose"),
        [false, true, false] => Some("the person agreed to this purpose and confirmed it"),
        [true, false, false] => Some("the person agreed to this purpose and did not confirm it"),
        [false, false, true] => Some("the person did not agree to this purpose"),
        [true, false, true] => Some("the person did not confirm an agreement to this purpose"),
        [false, true, true] => Some("the person did not leave this purpose unconfirmed"),
    };
    let recipient = match recipient {
        [true, false] => Some("the person agreed to this purpose and this recipient"),
        [false, true] => Some("the person did not agree to this recipient"),
        _ => None,
    };
    general.into_iter().chain(recipient).collect()
}

/// `<before> a or b`, or `<before> not a or b` of all others; nothing when any will do.
fn listed(
    values: Values,
    names: impl Iterator<Item = (usize, String)>,
    before: &str,
) -> Option<String> {
    if values == Values::ALL {
        return None;
    }
    let is_negative = values.contains(OTHERWISE);
    let names = names.filter(|(value, _)| values.contains(*value) != is_negative);
    let names = any(names.map(|(_, name)| name));
    Some(match is_negative {
        true => format!("{before} not {names}"),
        false => format!("{before} {names}"),
    })
}

/// The number of a country: its two capital letters to the base of 26.
fn country(key: &str) -> usize {
    let letter = |it: u8| usize::from(it.wrapping_sub(b'A') % 26);
    key.bytes().take(2).fold(0, |sum, it| sum * 26 + letter(it))
}

fn country_key(number: usize) -> String {
    let letter = |it: usize| char::from(b'A' + (it % 26) as u8);
    [letter(number / 26), letter(number)].iter().collect()
}
