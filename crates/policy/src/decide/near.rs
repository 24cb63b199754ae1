//! What a refused request would have to be for a permission to cover it.

use super::question::{Place, Question};
use crate::rulebook::{Rule, Rulebook};
use crate::vocabulary::{CATEGORIES, PURPOSES, TermSet};

/// A request like the refused one that a permission covers, its condition apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Near<'r> {
    /// The key of the clause in which the permission stands.
    pub clause: &'r str,
    /// The line at which it begins.
    pub line: usize,
    /// The purpose that was asked for, or one below it.
    pub purpose: &'static str,
    /// The categories that were asked for, or of them what lies below.
    pub categories: Vec<&'static str>,
}

impl Question<'_> {
    /// The nearest request that a permission covers and that asks for less: for a purpose below the
    /// one asked for, or of fewer or narrower categories.
    pub(super) fn near<'r>(
        &self,
        rulebook: &'r Rulebook,
        point: Option<usize>,
    ) -> Option<Near<'r>> {
        let permits = rulebook.permits.iter();
        let nears = permits.filter_map(|permit| self.narrowed_to(permit, rulebook, point));
        let nearest = nears.min_by_key(|(changes, _)| *changes);
        nearest.map(|(_, near)| near)
    }

    /// The purposes for which permissions cover the categories that were asked for, in this place.
    pub(super) fn other_purposes(
        &self,
        rulebook: &Rulebook,
        point: Option<usize>,
    ) -> Vec<&'static str> {
        let permits = rulebook.permits.iter();
        let covering = permits.filter(|it| {
            self.speaks_here(it, point) && it.categories.contains_all(self.categories)
        });
        let purposes = covering.fold(TermSet::NONE, |all, it| all.with(it.purposes));
        PURPOSES.widest_of(purposes)
    }

    /// The part of the request that a permission covers, and how much less that is: categories
    /// that are lost weigh most.
    fn narrowed_to<'r>(
        &self,
        permit: &Rule,
        rulebook: &'r Rulebook,
        point: Option<usize>,
    ) -> Option<((usize, usize), Near<'r>)> {
        let below = PURPOSES.below([PURPOSES.key(self.purpose)])?;
        let purposes = permit.purposes.common(below);
        let purpose = *PURPOSES.widest_of(purposes).first()?;
        let covered = match point {
            Some(point) => permit
                .categories
                .common(rulebook.points()[point].categories),
            None => permit.categories,
        };
        let (mut lost, mut changes) = (0, 0);
        let mut parts = TermSet::NONE;
        for asked in CATEGORIES.terms_of(self.categories) {
            let part = CATEGORIES.below([CATEGORIES.key(asked)])?.common(covered);
            lost += usize::from(part.is_empty());
            changes += usize::from(!part.contains(asked));
            parts = parts.with(if part.contains(asked) {
                let mut whole = TermSet::NONE;
                whole.insert(asked);
                whole
            } else {
                part
            });
        }
        changes += usize::from(!purposes.contains(self.purpose));
        let near = Near {
            clause: rulebook.clause_of(permit),
            line: permit.line,
            purpose,
            categories: CATEGORIES.widest_of(parts),
        };
        let is_less = changes > 0 && !parts.is_empty();
        (is_less && self.speaks_here(permit, point)).then_some(((lost, changes), near))
    }

    /// Whether a permission is about this place, and about a group if the request is.
    fn speaks_here(&self, permit: &Rule, point: Option<usize>) -> bool {
        let condition = permit.condition.as_ref();
        let is_about_groups = condition.is_some_and(|it| it.aggregate_only);
        let is_in_place = match self.place {
            Place::Point { .. } => point.is_some(),
            Place::Inside | Place::Recipient { .. } => true,
        };
        is_in_place && self.is_in_reach(permit, point) && (is_about_groups || !self.aggregate)
    }
}
