//! What a permission can ever let happen, once the prohibitions have spoken.

mod room;

use crate::language::ActionWord;
use crate::rulebook::{Condition, Rule, Rulebook};
use crate::vocabulary::{CATEGORIES, PURPOSES, RECIPIENT_KINDS, Term, TermSet};

pub(crate) use room::Room;

/// Categories for purposes at one place: each of the ones for each of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) place: Place,
    pub(crate) purposes: TermSet,
    pub(crate) categories: TermSet,
}

/// Where data comes in or goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Inside,
    /// Index into the rulebook's points.
    Point(usize),
    Kind(Term),
}

/// All that a permission covers, prohibitions apart.
pub(crate) fn areas(rulebook: &Rulebook, permit: &Rule) -> Vec<Area> {
    let areas = places(permit).into_iter().map(|place| Area {
        place,
        purposes: permit.purposes,
        categories: match place {
            Place::Point(index) => permit
                .categories
                .common(rulebook.points()[index].categories),
            Place::Inside | Place::Kind(_) => permit.categories,
        },
    });
    areas.filter(|it| !it.is_empty()).collect()
}

fn places(rule: &Rule) -> Vec<Place> {
    match rule.action {
        ActionWord::Use => vec![Place::Inside],
        ActionWord::Collect => rule.points.iter().map(|it| Place::Point(*it)).collect(),
        ActionWord::Disclose => {
            let kinds = RECIPIENT_KINDS.terms_of(rule.recipient_kinds);
            kinds.map(Place::Kind).collect()
        }
    }
}

impl Area {
    fn is_empty(self) -> bool {
        self.purposes.is_empty() || self.categories.is_empty()
    }

    /// Each purpose with each category.
    pub(crate) fn cells(self) -> impl Iterator<Item = (Term, Term)> {
        PURPOSES.terms_of(self.purposes).flat_map(move |purpose| {
            let categories = CATEGORIES.terms_of(self.categories);
            categories.map(move |category| (purpose, category))
        })
    }

    /// The part of which a prohibition speaks, its condition apart.
    pub(crate) fn touched_by(self, forbid: &Rule) -> Option<Area> {
        let is_in_place = match self.place {
            Place::Inside => forbid.action == ActionWord::Use,
            Place::Point(index) => {
                forbid.action == ActionWord::Collect && forbid.points.contains(&index)
            }
            Place::Kind(kind) => {
                forbid.action == ActionWord::Disclose && forbid.recipient_kinds.contains(kind)
            }
        };
        let part = Area {
            purposes: self.purposes.common(forbid.purposes),
            categories: self.categories.common(forbid.categories),
            ..self
        };
        (is_in_place && !part.is_empty()).then_some(part)
    }

    /// What is left of it without a part.
    fn without(self, part: Area) -> impl Iterator<Item = Area> {
        let other_purposes = Area {
            purposes: self.purposes.without(part.purposes),
            ..self
        };
        let other_categories = Area {
            categories: self.categories.without(part.categories),
            ..part
        };
        let rest = [other_purposes, other_categories];
        rest.into_iter().filter(|it| !it.is_empty())
    }
}

/// A part of a permission of which the same prohibitions speak, and what they leave open there.
pub(crate) struct Reach<'r> {
    pub(crate) area: Area,
    pub(crate) room: Room<'r>,
}

/// A permission, parted by the prohibitions that speak of it.
pub(crate) fn reaches<'r>(rulebook: &'r Rulebook, permit: &'r Rule) -> Vec<Reach<'r>> {
    let areas = areas(rulebook, permit).into_iter();
    let mut reaches: Vec<_> = areas
        .map(|area| Reach {
            area,
            room: Room::of(permit),
        })
        .collect();
    for forbid in &rulebook.forbids {
        let mut parted = Vec::new();
        for Reach { area, mut room } in reaches {
            // Where nothing is left no other prohibition matters.
            let part = area.touched_by(forbid).filter(|_| !room.is_empty());
            let Some(part) = part else {
                parted.push(Reach { area, room });
                continue;
            };
            parted.extend(area.without(part).map(|area| Reach {
                area,
                room: room.clone(),
            }));
            room.narrow_by(forbid);
            parted.push(Reach { area: part, room });
        }
        reaches = parted;
    }
    reaches
}

/// Whether one permission covers all that another one does, whenever the other one holds.
pub(crate) fn covers(wide: &Rule, narrow: &Rule) -> bool {
    // Only a permission about groups says anything about a group.
    let is_aggregate = |it: &Rule| it.condition.as_ref().is_some_and(|it| it.aggregate_only);
    let is_met = match (&wide.condition, &narrow.condition) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(wide), Some(narrow)) => follows(wide, narrow),
    };
    speaks_of_all(wide, narrow) && is_aggregate(wide) == is_aggregate(narrow) && is_met
}

/// Whether one prohibition refuses all that another one does.
pub(crate) fn outweighs(wide: &Rule, narrow: &Rule) -> bool {
    let is_lifted_too = match (&wide.condition, &narrow.condition) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(wide), Some(narrow)) => follows(narrow, wide),
    };
    speaks_of_all(wide, narrow) && is_lifted_too
}

fn speaks_of_all(wide: &Rule, narrow: &Rule) -> bool {
    wide.action == narrow.action
        && narrow.points.iter().all(|it| wide.points.contains(it))
        && wide.purposes.contains_all(narrow.purposes)
        && wide.categories.contains_all(narrow.categories)
        && wide.recipient_kinds.contains_all(narrow.recipient_kinds)
}

/// Whether the wide condition is met whenever the narrow one is.
fn follows(wide: &Condition, narrow: &Condition) -> bool {
    (!wide.order || narrow.order)
        && (!wide.aggregate_only || narrow.aggregate_only)
        && (!wide.approval || narrow.approval)
        && (wide.consent.is_none() || wide.consent == narrow.consent)
        && (wide.transfer_to.is_none() || narrow.transfer_to.is_some())
        && (wide.acts.is_empty()
            || (!narrow.acts.is_empty() && wide.acts.contains_all(narrow.acts)))
        && is_within(&narrow.ages, &wide.ages)
        && is_within(&narrow.acceptance, &wide.acceptance)
        && is_within(&narrow.regions, &wide.regions)
}

/// Whether a list that asks for one of its members is met by all that meet the narrow one.
fn is_within<T: PartialEq>(narrow: &[T], wide: &[T]) -> bool {
    wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(|it| wide.contains(it)))
}
