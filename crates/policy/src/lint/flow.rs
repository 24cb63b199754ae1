//! What comes in and what goes on under all rules together, and what that leaves useless or impossible.

use toml::Spanned;

use super::Linter;
use crate::finding::Code;
use crate::language::{
    Acceptance, ActionWord, ActivityBlock, AgeBand, ClauseBlock, Enforced, RuleBlock,
};
use crate::reach::{Place, Reach, Room};
use crate::retention::Retention;
use crate::rulebook::Drafts;
use crate::vocabulary::{CATEGORIES, PURPOSES, Term, TermSet};
use crate::wording::all;

/// What can happen at all, once the prohibitions have spoken.
pub(super) struct Flow<'r> {
    drafts: Drafts,
    /// What each permission to collect takes, and of whom.
    taken: Vec<(TermSet, Room<'r>)>,
    collected: TermSet,
    used: TermSet,
}

impl<'r> Flow<'r> {
    pub(super) fn of(drafts: Drafts) -> Self {
        Self {
            drafts,
            taken: Vec::new(),
            collected: TermSet::NONE,
            used: TermSet::NONE,
        }
    }

    /// Whether the rules of a clause have a say in it.
    fn hears(&self, clause: &ClauseBlock) -> bool {
        self.drafts == Drafts::Taken || clause.enforced != Enforced::NotYet
    }

    pub(super) fn add(&mut self, reach: Reach<'r>) {
        let categories = reach.area.categories;
        match reach.area.place {
            Place::Point(_) => {
                self.collected = self.collected.with(categories);
                self.taken.push((categories, reach.room));
            }
            Place::Inside | Place::Kind(_) => self.used = self.used.with(categories),
        }
    }

    /// Whether some one person can give something of each of these.
    fn can_be_given_together(&self, needs: &[TermSet]) -> bool {
        let named = self.taken.iter().flat_map(|(_, room)| room.regions());
        // Who lives elsewhere is in no region that a rule names.
        let regions: Vec<_> = named.copied().map(Some).chain([None]).collect();
        let gives = |needed: &TermSet, age, acceptance, region| {
            let mut taken = self.taken.iter();
            taken.any(|(taken, room)| {
                taken.intersects(*needed) && room.takes(age, acceptance, region)
            })
        };
        for age in AGES {
            for acceptance in ACCEPTANCES {
                for region in &regions {
                    if needs.iter().all(|it| gives(it, age, acceptance, *region)) {
                        return true;
                    }
                }
            }
        }
        false
    }
}

/// What a permission to collect takes, what for, and until when it is kept.
struct Kept {
    categories: TermSet,
    purposes: TermSet,
    until: Option<Retention>,
}

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

impl Linter<'_> {
    pub(super) fn flow(&mut self, flow: &Flow<'_>) {
        self.never_usable(flow);
        self.never_collected(flow);
        let file = self.file;
        for activity in &file.activities {
            self.possible(flow, activity);
        }
        self.kept_as_long_as_used(flow);
    }

    fn never_usable(&mut self, flow: &Flow<'_>) {
        let file = self.file;
        for category in file.collection_points.iter().flat_map(|it| &it.categories) {
            let taken = below(category).common(flow.collected);
            let idle = CATEGORIES
                .leaves_of(taken)
                .filter(|it| !flow.used.contains(*it));
            let idle: Vec<_> = idle.map(|it| format!("`{}`", CATEGORIES.key(it))).collect();
            if !idle.is_empty() {
                let message = format!(
                    "no rule lets anybody use or receive {}: do not take it, or say what for",
                    all(idle)
                );
                self.find(Code::CollectedNeverUsable, category, message);
            }
        }
    }

    /// A permission may name a category of which only a part is taken: it says what would be.
    fn never_collected(&mut self, flow: &Flow<'_>) {
        let file = self.file;
        for clause in file.clauses.iter().filter(|it| flow.hears(it)) {
            self.clause = Some(clause);
            let permits = clause.permits.iter().map(Spanned::get_ref);
            let outgoing = permits.filter(|it| it.action != ActionWord::Collect);
            for category in outgoing.flat_map(|it| &it.categories) {
                if !below(category).intersects(flow.collected) {
                    let message = format!("no point takes `{}`", category.get_ref());
                    self.find(Code::UsableNeverCollected, category, message);
                }
            }
            self.clause = None;
        }
    }

    fn possible(&mut self, flow: &Flow<'_>, activity: &ActivityBlock) {
        let name = activity.key.get_ref().replace('_', " ");
        let is_taken = |it: &&Spanned<String>| below(it).intersects(flow.collected);
        for needed in activity.needs.iter().filter(|it| !is_taken(it)) {
            let message = format!(
                "nobody can {name}: `{}` cannot be collected anywhere",
                needed.get_ref()
            );
            self.find(Code::ActivityImpossible, needed, message);
        }
        let needs: Vec<_> = activity.needs.iter().filter(is_taken).map(below).collect();
        if !flow.can_be_given_together(&needs) {
            let message = format!(
                "nobody can {name}: no age, acceptance and region lets one person give all it needs"
            );
            self.find(Code::ActivityImpossible, &activity.key, message);
        }
    }

    /// What is used until later than it is kept is not there any more, or is kept longer than said.
    fn kept_as_long_as_used(&mut self, flow: &Flow<'_>) {
        let file = self.file;
        let heard = || file.clauses.iter().filter(|it| flow.hears(it));
        let permits = heard().flat_map(|it| &it.permits).map(Spanned::get_ref);
        let collecting = permits.filter(|it| it.action == ActionWord::Collect);
        let kept: Vec<_> = collecting.map(|it| self.kept_by(it)).collect();
        for clause in heard() {
            self.clause = Some(clause);
            let permits = clause.permits.iter().map(Spanned::get_ref);
            for permit in permits.filter(|it| it.action != ActionWord::Collect) {
                self.kept_as_long_as(permit, &kept);
            }
            self.clause = None;
        }
    }

    fn kept_as_long_as(&mut self, permit: &RuleBlock, kept: &[Kept]) {
        let Some(retention) = &permit.retention else {
            return;
        };
        let used = purposes_of(permit);
        let ends_before = |category: Term| {
            let taking: Vec<_> = kept
                .iter()
                .filter(|it| it.categories.contains(category))
                .collect();
            let is_before = |it: &&Kept| {
                it.until
                    .is_some_and(|end| retention.get_ref().outlasts(end))
            };
            let fitting = taking.iter().filter(|it| it.purposes.intersects(used));
            // Of what is kept for something else, no more can be counted on than its first end.
            match fitting.clone().next() {
                Some(_) => fitting.copied().all(|it| is_before(&it)),
                None => taking.iter().any(is_before),
            }
        };
        let short = permit.categories.iter().filter(|category| {
            let mut parts = CATEGORIES.leaves_of(below(category));
            parts.any(&ends_before)
        });
        let short: Vec<_> = short.map(|it| format!("`{}`", it.get_ref())).collect();
        if !short.is_empty() {
            let message = format!(
                "no permission to collect for such a purpose keeps {} as long as `{}`",
                all(short),
                retention.get_ref()
            );
            self.find(Code::RetentionDisagrees, retention, message);
        }
    }

    fn kept_by(&self, permit: &RuleBlock) -> Kept {
        Kept {
            categories: self.taken_by(permit),
            purposes: purposes_of(permit),
            until: permit.retention.as_ref().map(|it| *it.get_ref()),
        }
    }

    /// What a permission to collect takes: of its own list, or of everything, what its points declare.
    pub(super) fn taken_by(&self, permit: &RuleBlock) -> TermSet {
        let points = self.file.collection_points.iter();
        let named = points.filter(|point| {
            let mut keys = permit.points.iter();
            keys.any(|it| it.get_ref() == point.key.get_ref())
        });
        let declared = all_below(named.flat_map(|it| &it.categories));
        match permit.categories.as_slice() {
            [] => declared,
            listed => declared.common(all_below(listed)),
        }
    }
}

fn purposes_of(permit: &RuleBlock) -> TermSet {
    let keys = permit.purposes.iter().map(|it| it.get_ref().as_str());
    PURPOSES.below(keys).unwrap_or_default()
}

/// A category and all below it. The text has no errors, so each is in the vocabulary.
fn below(category: &Spanned<String>) -> TermSet {
    all_below([category])
}

pub(super) fn all_below<'a>(categories: impl IntoIterator<Item = &'a Spanned<String>>) -> TermSet {
    let keys = categories.into_iter().map(|it| it.get_ref().as_str());
    CATEGORIES.below(keys).unwrap_or_default()
}
