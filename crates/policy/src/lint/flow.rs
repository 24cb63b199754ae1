//! What comes in and what goes on under all rules together, and what that leaves useless or impossible.

use toml::Spanned;

use super::Linter;
use crate::finding::Code;
use crate::language::{Acceptance, ActionWord, ActivityBlock, AgeBand, RuleBlock};
use crate::reach::{Place, Reach, Room};
use crate::retention::Retention;
use crate::vocabulary::{CATEGORIES, Term, TermSet};
use crate::wording::all;

/// What can happen at all, once the prohibitions have spoken.
#[derive(Default)]
pub(super) struct Flow<'r> {
    /// What each permission to collect takes, and of whom.
    taken: Vec<(TermSet, Room<'r>)>,
    collected: TermSet,
    used: TermSet,
}

impl<'r> Flow<'r> {
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
        self.kept_as_long_as_used();
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
        for clause in &file.clauses {
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
    fn kept_as_long_as_used(&mut self) {
        let file = self.file;
        let permits = file.clauses.iter().flat_map(|it| &it.permits);
        let collecting = permits.filter(|it| it.get_ref().action == ActionWord::Collect);
        let kept: Vec<_> = collecting
            .map(|it| (self.taken_by(it.get_ref()), it.get_ref().retention.as_ref()))
            .collect();
        let ends_before = |category: Term, used: Retention| {
            let mut ends = kept.iter().filter(|(taken, _)| taken.contains(category));
            let is_before = |end: Option<&Spanned<Retention>>| {
                end.is_some_and(|it| used.outlasts(*it.get_ref()))
            };
            ends.clone().next().is_some() && ends.all(|(_, end)| is_before(*end))
        };
        for clause in &file.clauses {
            self.clause = Some(clause);
            let permits = clause.permits.iter().map(Spanned::get_ref);
            for permit in permits.filter(|it| it.action != ActionWord::Collect) {
                let Some(retention) = &permit.retention else {
                    continue;
                };
                let short = permit.categories.iter().filter(|category| {
                    let mut parts = CATEGORIES.leaves_of(below(category));
                    parts.any(|it| ends_before(it, *retention.get_ref()))
                });
                let short: Vec<_> = short.map(|it| format!("`{}`", it.get_ref())).collect();
                if !short.is_empty() {
                    let message = format!(
                        "no permission to collect keeps {} as long as `{}`",
                        all(short),
                        retention.get_ref()
                    );
                    self.find(Code::RetentionDisagrees, retention, message);
                }
            }
            self.clause = None;
        }
    }

    /// What a permission to collect takes: of its own list, or of everything, what its points declare.
    fn taken_by(&self, permit: &RuleBlock) -> TermSet {
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

/// A category and all below it. The text has no errors, so each is in the vocabulary.
fn below(category: &Spanned<String>) -> TermSet {
    all_below([category])
}

fn all_below<'a>(categories: impl IntoIterator<Item = &'a Spanned<String>>) -> TermSet {
    let keys = categories.into_iter().map(|it| it.get_ref().as_str());
    CATEGORIES.below(keys).unwrap_or_default()
}
