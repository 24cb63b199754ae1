//! The persons and requests that conditions leave open.

use crate::language::{Acceptance, AgeBand};
use crate::rulebook::{Condition, Rule};
use crate::vocabulary::TermSet;

/// What conditions leave open: none where nothing was asked, or else what all of them accept.
/// What a request or a person either has or lacks (an order, an approval, a consent, an agreement)
/// can always be met together, so it is not looked at.
#[derive(Clone)]
pub(crate) struct Room<'r> {
    is_aggregate: bool,
    is_shut: bool,
    wants_aggregate: bool,
    wants_person: bool,
    acts: Option<TermSet>,
    ages: Option<Vec<AgeBand>>,
    acceptance: Option<Vec<Acceptance>>,
    regions: Option<Vec<&'r str>>,
    /// The prohibitions that left less of it.
    narrowed_by: Vec<&'r Rule>,
}

impl<'r> Room<'r> {
    pub(super) fn of(permit: &'r Rule) -> Self {
        let when = permit.condition.as_ref();
        let mut room = Self {
            // A permission about one person is none about a group, and the other way round.
            is_aggregate: when.is_some_and(|it| it.aggregate_only),
            is_shut: false,
            wants_aggregate: false,
            wants_person: false,
            acts: None,
            ages: None,
            acceptance: None,
            regions: None,
            narrowed_by: Vec::new(),
        };
        if let Some(when) = when {
            room.narrow(when);
        }
        room
    }

    pub(super) fn narrow_by(&mut self, forbid: &'r Rule) {
        let before = self.size();
        match &forbid.condition {
            None => self.is_shut = true,
            Some(unless) => self.narrow(unless),
        }
        if self.size() != before {
            self.narrowed_by.push(forbid);
        }
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

    /// It only ever shrinks, so two sizes that differ are two rooms.
    fn size(&self) -> impl PartialEq + use<'r> {
        (
            (self.is_shut, self.wants_aggregate, self.wants_person),
            self.acts,
            self.ages.as_ref().map(Vec::len),
            self.acceptance.as_ref().map(Vec::len),
            self.regions.as_ref().map(Vec::len),
        )
    }

    /// Whether nobody and no request can ever meet all of it.
    pub(crate) fn is_empty(&self) -> bool {
        // A group has no age, no region, and agreed to nothing.
        self.is_shut
            || (self.wants_aggregate && !self.is_aggregate)
            || (self.wants_person && self.is_aggregate)
            || self.acts.is_some_and(TermSet::is_empty)
            || self.ages.as_ref().is_some_and(Vec::is_empty)
            || self.acceptance.as_ref().is_some_and(Vec::is_empty)
            || self.regions.as_ref().is_some_and(Vec::is_empty)
    }

    /// The fewest prohibitions that together leave nothing of a permission; none when its own
    /// condition can never be met.
    pub(crate) fn emptied_by(&self, permit: &'r Rule) -> Vec<&'r Rule> {
        let mut needed = self.narrowed_by.clone();
        for forbid in &self.narrowed_by {
            let others = needed.iter().filter(|it| it.start != forbid.start);
            let others: Vec<_> = others.copied().collect();
            let mut room = Room::of(permit);
            for other in &others {
                room.narrow_by(other);
            }
            if room.is_empty() {
                needed = others;
            }
        }
        needed
    }

    /// The regions that it names, if it asks for some.
    pub(crate) fn regions(&self) -> &[&'r str] {
        self.regions.as_deref().unwrap_or_default()
    }

    /// Whether somebody of this age, acceptance and region (none being any that nobody names) can
    /// meet it.
    pub(crate) fn takes(
        &self,
        age: AgeBand,
        acceptance: Acceptance,
        region: Option<&'r str>,
    ) -> bool {
        let regions = self.regions.as_ref();
        self.ages.as_ref().is_none_or(|it| it.contains(&age))
            && self
                .acceptance
                .as_ref()
                .is_none_or(|it| it.contains(&acceptance))
            && regions.is_none_or(|it| region.is_some_and(|region| it.contains(&region)))
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
