//! What a permission can ever let happen, once the prohibitions have spoken.

use crate::language::ActionWord;
use crate::rulebook::{Condition, Rule, Rulebook};
use crate::vocabulary::{CATEGORIES, PURPOSES, RECIPIENT_KINDS, Term, TermSet};

/// The smallest thing that can be asked for: one category, for one purpose, at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) place: Place,
    pub(crate) purpose: Term,
    pub(crate) category: Term,
}

/// Where data comes in or goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Inside,
    /// Index into the rulebook's points.
    Point(usize),
    Kind(Term),
}

/// Every cell that a permission covers, prohibitions apart.
pub(crate) fn cells(rulebook: &Rulebook, permit: &Rule) -> Vec<Cell> {
    let mut cells = Vec::new();
    for place in places(permit) {
        let categories = match place {
            Place::Point(index) => permit
                .categories
                .common(rulebook.points()[index].categories),
            Place::Inside | Place::Kind(_) => permit.categories,
        };
        for (purpose, _) in PURPOSES.terms().filter(|it| permit.purposes.contains(it.0)) {
            let covered = CATEGORIES.terms().filter(|it| categories.contains(it.0));
            cells.extend(covered.map(|(category, _)| Cell {
                place,
                purpose,
                category,
            }));
        }
    }
    cells
}

fn places(rule: &Rule) -> Vec<Place> {
    match rule.action {
        ActionWord::Use => vec![Place::Inside],
        ActionWord::Collect => rule.points.iter().map(|it| Place::Point(*it)).collect(),
        ActionWord::Disclose => {
            let kinds = RECIPIENT_KINDS.terms().map(|(kind, _)| kind);
            let named = kinds.filter(|it| rule.recipient_kinds.contains(*it));
            named.map(Place::Kind).collect()
        }
    }
}

/// Why a permission never holds for a cell.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Obstacle<'r> {
    /// Its own condition can never be met.
    Itself,
    /// A prohibition: alone or with those before it, it leaves no person and no request that meet
    /// every condition.
    Forbid(&'r Rule),
}

/// What keeps a permission from ever holding for a cell, if anything does.
pub(crate) fn obstacle<'r>(
    rulebook: &'r Rulebook,
    permit: &Rule,
    cell: Cell,
) -> Option<Obstacle<'r>> {
    let mut room = Room::of(permit);
    if room.is_empty() {
        return Some(Obstacle::Itself);
    }
    let forbids = rulebook.forbids.iter();
    for forbid in forbids.filter(|it| touches(it, permit.action, cell)) {
        match &forbid.condition {
            None => return Some(Obstacle::Forbid(forbid)),
            Some(unless) => room.narrow(unless),
        }
        if room.is_empty() {
            return Some(Obstacle::Forbid(forbid));
        }
    }
    None
}

/// Whether a prohibition speaks of a cell, its condition apart.
pub(crate) fn touches(forbid: &Rule, action: ActionWord, cell: Cell) -> bool {
    let is_in_place = match cell.place {
        Place::Inside => true,
        Place::Point(index) => forbid.points.contains(&index),
        Place::Kind(kind) => forbid.recipient_kinds.contains(kind),
    };
    is_in_place
        && forbid.action == action
        && forbid.purposes.contains(cell.purpose)
        && forbid.categories.contains(cell.category)
}

/// What conditions leave open: none where nothing was asked, or else what all of them accept.
/// What a request or a person either has or lacks (an order, an approval, a consent, an agreement)
/// can always be met together, so it is not looked at.
struct Room<'r> {
    is_aggregate: bool,
    wants_aggregate: bool,
    wants_person: bool,
    acts: Option<TermSet>,
    ages: Option<Vec<crate::AgeBand>>,
    acceptance: Option<Vec<crate::Acceptance>>,
    regions: Option<Vec<&'r str>>,
}

impl<'r> Room<'r> {
    fn of(permit: &'r Rule) -> Self {
        let when = permit.condition.as_ref();
        let mut room = Self {
            // A permission about one person is none about a group, and the other way round.
            is_aggregate: when.is_some_and(|it| it.aggregate_only),
            wants_aggregate: false,
            wants_person: false,
            acts: None,
            ages: None,
            acceptance: None,
            regions: None,
        };
        if let Some(when) = when {
            room.narrow(when);
        }
        room
    }

    fn narrow(&mut self, condition: &'r Condition) {
        self.wants_aggregate |= condition.aggregate_only;
        self.wants_person |= condition.consent.is_some()
            || condition.transfer_to.is_some()
            || !condition.acceptance.is_empty()
            || !condition.ages.is_empty()
            || !condition.regions.is_empty();
        if !condition.acts.is_empty() {
            let so_far = self.acts.unwrap_or(TermSet::ALL);
            self.acts = Some(so_far.common(condition.acts));
        }
        narrow(&mut self.ages, &condition.ages);
        narrow(&mut self.acceptance, &condition.acceptance);
        let regions: Vec<_> = condition.regions.iter().map(String::as_str).collect();
        narrow(&mut self.regions, &regions);
    }

    fn is_empty(&self) -> bool {
        // A group has no age, no region, and agreed to nothing.
        (self.wants_aggregate && !self.is_aggregate)
            || (self.wants_person && self.is_aggregate)
            || self.acts.is_some_and(TermSet::is_empty)
            || self.ages.as_ref().is_some_and(Vec::is_empty)
            || self.acceptance.as_ref().is_some_and(Vec::is_empty)
            || self.regions.as_ref().is_some_and(Vec::is_empty)
    }
}

/// Keeps of what was accepted so far what is accepted now; an empty list asks nothing.
fn narrow<T: Copy + PartialEq>(so_far: &mut Option<Vec<T>>, accepted: &[T]) {
    if accepted.is_empty() {
        return;
    }
    match so_far {
        Some(so_far) => so_far.retain(|it| accepted.contains(it)),
        None => *so_far = Some(accepted.to_vec()),
    }
}

/// Whether one permission covers all that another one does, whenever the other one holds.
pub(crate) fn covers(wide: &Rule, narrow: &Rule) -> bool {
    wide.action == narrow.action
        && narrow.points.iter().all(|it| wide.points.contains(it))
        && wide.purposes.contains_all(narrow.purposes)
        && wide.categories.contains_all(narrow.categories)
        && wide.recipient_kinds.contains_all(narrow.recipient_kinds)
        && follows(wide.condition.as_ref(), narrow.condition.as_ref())
}

/// Whether the wide condition holds whenever the narrow one does. Only a permission about groups
/// says anything about a group.
fn follows(wide: Option<&Condition>, narrow: Option<&Condition>) -> bool {
    let is_aggregate = |it: Option<&Condition>| it.is_some_and(|it| it.aggregate_only);
    if is_aggregate(wide) != is_aggregate(narrow) {
        return false;
    }
    let (Some(wide), Some(narrow)) = (wide, narrow) else {
        return wide.is_none();
    };
    let (asked, given) = (&wide.acceptance, &narrow.acceptance);
    (!wide.order || narrow.order)
        && (!wide.approval || narrow.approval)
        && (wide.consent.is_none() || wide.consent == narrow.consent)
        && (wide.transfer_to.is_none() || narrow.transfer_to.is_some())
        && (wide.acts.is_empty()
            || (!narrow.acts.is_empty() && wide.acts.contains_all(narrow.acts)))
        && is_within(&narrow.ages, &wide.ages)
        && is_within(given, asked)
        && is_within(&narrow.regions, &wide.regions)
}

/// Whether a list that asks for one of its members is met by all that meet the narrow one.
fn is_within<T: PartialEq>(narrow: &[T], wide: &[T]) -> bool {
    wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(|it| wide.contains(it)))
}
