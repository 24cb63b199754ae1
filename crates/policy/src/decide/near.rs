//! What a refused request would have to be for a permission to cover it.

use super::question::Question;
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
        if !self.speaks_here(permit, point) {
            return None;
        }
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
        (!parts.is_empty()).then_some(((lost, changes), near))
    }

    /// Whether a permission is about this place, and about a group if the request is.
    fn speaks_here(&self, permit: &Rule, point: Option<usize>) -> bool {
        let condition = permit.condition.as_ref();
        let is_about_groups = condition.is_some_and(|it| it.aggregate_only);
        self.is_in_reach(permit, point) && (is_about_groups || !self.aggregate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{Action, Request, Standing, Subject};
    use crate::rulebook::compile;

    const NEAR_MISSES: &str = include_str!("near_misses.toml");

    const PERSON: Subject<'static> = Subject {
        standing: Standing::Active,
        age_band: None,
        region: None,
        acceptance: None,
        transfer_agreed: false,
        refused: TermSet::NONE,
        consents: &[],
    };

    /// A purpose, and the categories that are covered for it.
    type Covered<'a> = Option<(&'a str, &'a [&'a str])>;

    /// What comes near to a request, and the other purposes.
    fn near(
        action: Action<'_>,
        purpose: &str,
        categories: &[&str],
        aggregate: bool,
    ) -> (Option<(&'static str, Vec<&'static str>)>, Vec<&'static str>) {
        let rulebook = compile(NEAR_MISSES).unwrap();
        let request = Request {
            action,
            purpose,
            categories,
            order: false,
            approved: false,
            aggregate,
        };
        let told = crate::explain(&rulebook, Some(&PERSON), &request, 0);
        let near = told.near.map(|it| {
            let line = NEAR_MISSES.lines().nth(it.line - 1);
            assert_eq!((it.clause, line), ("all", Some("[[clause.permit]]")));
            (it.purpose, it.categories)
        });
        (near, told.other_purposes)
    }

    #[test]
    fn the_nearest_permission_covers_a_part() {
        let (email, name) = ("user.contact.email", "user.name");
        let reporting = "analytics.reporting";
        let marketing = "marketing.communications";
        let newsletter = "marketing.communications.email";
        let cases: [(&str, &[&str], Covered<'_>); 9] = [
            ("analytics", &[email], Some((reporting, &[email]))),
            (reporting, &["user.contact"], Some((reporting, &[email]))),
            (
                "analytics",
                &["user", name],
                Some((reporting, &[email, name])),
            ),
            (
                reporting,
                &[name, "user.device"],
                Some((reporting, &[name])),
            ),
            // A lost category weighs more than narrower words, and of those the fewest count.
            (
                marketing,
                &["user.contact", name],
                Some((newsletter, &[email, name])),
            ),
            (
                "marketing",
                &["user.contact"],
                Some((marketing, &["user.contact"])),
            ),
            (reporting, &[email], None),
            (reporting, &["user.location"], None),
            ("essential", &[email], None),
        ];
        for (purpose, categories, expected) in cases {
            let (near, _) = near(Action::Use, purpose, categories, false);
            let near = near.as_ref().map(|(it, all)| (*it, all.as_slice()));
            assert_eq!(near, expected, "{purpose} {categories:?}");
        }
    }

    #[test]
    fn other_purposes_are_those_of_the_place_and_of_persons() {
        let email = ["user.contact.email"];
        let at = Action::Collect {
            point: "form",
            act: "typed",
        };
        let of_use = vec!["analytics.reporting", "marketing.communications"];
        for (action, purpose, is_group, expected) in [
            (Action::Use, "essential", false, of_use),
            (Action::Use, "essential", true, vec![]),
            (Action::Use, "analytics", true, vec![]),
            (at, "analytics", false, vec!["essential"]),
            (at, "analytics", true, vec![]),
        ] {
            let told = near(action, purpose, &email, is_group);
            assert_eq!(told, (None, expected), "{action:?} {purpose} {is_group}");
        }
    }
}
