//! The faults of a single rule.

use toml::Spanned;

use super::Linter;
use crate::finding::Code;
use crate::language::{ActionWord, AgeBand, ConditionBlock, ConsentWord, Enforced, RuleBlock};
use crate::nearest::did_you_mean;
use crate::retention::{Retention, Unit};
use crate::vocabulary::{ACTS, CATEGORIES, PURPOSES, RECIPIENT_KINDS};
use crate::wording::all;

/// The longest time for which anything about anybody is kept.
const LIFETIME: Retention = Retention::For(100, Unit::Years);

/// What a condition asks for that no running suite records yet.
fn not_fed(condition: &ConditionBlock) -> Vec<&'static str> {
    let is_confirmed = condition.consent == Some(ConsentWord::PurposeConfirmed);
    let all = [
        ("`aggregate_only`", condition.aggregate_only),
        ("`approval`", condition.approval),
        ("`under 13`", condition.ages.contains(&AgeBand::Under13)),
        ("`transfer_agreed`", condition.transfer_agreed),
        ("`confirmed for this purpose`", is_confirmed),
    ];
    let asked = all.into_iter().filter(|(_, is_asked)| *is_asked);
    asked.map(|(word, _)| word).collect()
}

impl Linter<'_> {
    /// What holds for permissions and prohibitions alike: every word is known and in its place.
    pub(super) fn rule_words(&mut self, rule: &RuleBlock) {
        self.known(&PURPOSES, Code::UnknownPurpose, &rule.purposes);
        self.known(&CATEGORIES, Code::UnknownCategory, &rule.categories);
        self.known(
            &RECIPIENT_KINDS,
            Code::UnknownRecipientKind,
            &rule.recipient_kinds,
        );
        for kind in &rule.recipient_kinds {
            let declared = &self.file.recipient_kinds;
            let is_declared = declared.iter().any(|it| it.key.get_ref() == kind.get_ref());
            if !is_declared && RECIPIENT_KINDS.term(kind.get_ref()).is_some() {
                let message = format!("declare a [[recipient_kind]] `{}` first", kind.get_ref());
                self.find(Code::UnknownRecipientKind, kind, message);
            }
        }
        for point in &rule.points {
            let declared = &self.file.collection_points;
            if !declared
                .iter()
                .any(|it| it.key.get_ref() == point.get_ref())
            {
                let keys = declared.iter().map(|it| it.key.get_ref().as_str());
                let advice = format!("declare a [[collection_point]] `{}` first", point.get_ref());
                let message = match did_you_mean(point.get_ref(), keys) {
                    Some(question) => format!("{advice}; {question}"),
                    None => advice,
                };
                self.find(Code::UnknownPoint, point, message);
            }
        }
        if let Some(point) = rule
            .points
            .first()
            .filter(|_| rule.action != ActionWord::Collect)
        {
            self.find(Code::WordOutOfPlace, point, "`points` belong to `collect`");
        }
        let kind = rule.recipient_kinds.first();
        if let Some(kind) = kind.filter(|_| rule.action != ActionWord::Disclose) {
            self.find(
                Code::WordOutOfPlace,
                kind,
                "`recipient_kinds` belong to `disclose`",
            );
        }
        for condition in rule.when.iter().chain(&rule.unless) {
            self.condition(rule.action, condition);
        }
    }

    fn condition(&mut self, action: ActionWord, block: &Spanned<ConditionBlock>) {
        let condition = block.get_ref();
        if condition.is_empty() {
            self.find(
                Code::EmptyCondition,
                block,
                "a condition asks for something",
            );
        }
        self.known(&ACTS, Code::UnknownAct, &condition.acts);
        for region in &condition.regions {
            self.region(region);
        }
        if let Some(act) = condition
            .acts
            .first()
            .filter(|_| action != ActionWord::Collect)
        {
            self.find(Code::WordOutOfPlace, act, "`acts` belong to `collect`");
        }
        let to_recipient = condition.consent == Some(ConsentWord::PurposeAndRecipient);
        if to_recipient && action != ActionWord::Disclose {
            let message = "only `disclose` has a recipient: write \"for this purpose\"";
            self.find(Code::WordOutOfPlace, block, message);
        }
        self.asks_for_all(block);
        let words = not_fed(condition);
        if !words.is_empty() && !self.is_draft() {
            let message = format!("no running suite records {} yet", all(words));
            self.find(Code::ConditionNotFed, block, message);
        }
    }

    fn is_draft(&self) -> bool {
        self.clause
            .is_some_and(|it| it.enforced == Enforced::NotYet)
    }

    /// A permission is never wider than its words: each list that bounds it must be there.
    pub(super) fn permit(&mut self, block: &Spanned<RuleBlock>) {
        let rule = block.get_ref();
        if rule.purposes.is_empty() {
            self.find(
                Code::PermitTooWide,
                block,
                "a permission names its `purposes`",
            );
        }
        match rule.action {
            ActionWord::Collect if rule.points.is_empty() => {
                self.find(
                    Code::PermitTooWide,
                    block,
                    "a permission to collect names its `points`",
                );
            }
            ActionWord::Use | ActionWord::Disclose if rule.categories.is_empty() => {
                self.find(
                    Code::PermitTooWide,
                    block,
                    "a permission names its `categories`",
                );
            }
            ActionWord::Disclose if rule.recipient_kinds.is_empty() => {
                let message = "a permission to disclose names its `recipient_kinds`";
                self.find(Code::PermitTooWide, block, message);
            }
            _ => {}
        }
        if let Some(unless) = &rule.unless {
            self.find(
                Code::WordOutOfPlace,
                unless,
                "a permission holds `when`, not `unless`",
            );
        }
        self.basis(block);
        self.retention(block);
        self.sale_in_disguise(rule);
        self.kinds_fall_under_this_clause(rule);
        self.acts_are_declared(rule);
    }

    pub(super) fn forbid(&mut self, block: &Spanned<RuleBlock>) {
        let rule = block.get_ref();
        if let Some(when) = &rule.when {
            self.find(
                Code::WordOutOfPlace,
                when,
                "a prohibition holds `unless`, not `when`",
            );
        }
        if rule.basis.is_some() || rule.retention.is_some() {
            let message = "`basis` and `retention` belong to a permission";
            self.find(Code::WordOutOfPlace, block, message);
        }
    }

    /// Data that is collected has an end, and the end is one that the permission knows.
    fn retention(&mut self, block: &Spanned<RuleBlock>) {
        let rule = block.get_ref();
        let Some(retention) = &rule.retention else {
            if rule.action == ActionWord::Collect {
                let message = "say until when it is kept: add `retention`";
                self.find(Code::RetentionMissing, block, message);
            }
            return;
        };
        let is_time = matches!(retention.get_ref(), Retention::For(..));
        if is_time && retention.get_ref().outlasts(LIFETIME) {
            let message = format!("nobody lives that long: `{LIFETIME}` is the longest time");
            self.find(Code::RetentionTooLong, retention, message);
        }
        let when = rule.when.as_ref().map(Spanned::get_ref);
        let missing = match retention.get_ref() {
            Retention::OrderClosed if when.is_none_or(|it| !it.order) => "order = true",
            Retention::ConsentWithdrawn if when.is_none_or(|it| it.consent.is_none()) => "consent",
            Retention::Figures if when.is_none_or(|it| !it.aggregate_only) => {
                "aggregate_only = true"
            }
            _ => return,
        };
        let message = format!(
            "`{}` goes with `when = {{ {missing} }}`",
            retention.get_ref()
        );
        self.find(Code::RetentionDisagrees, retention, message);
    }

    /// Each kind of recipient falls under one clause, so that no other clause can widen what it
    /// gets of a person. Figures are of nobody.
    fn kinds_fall_under_this_clause(&mut self, rule: &RuleBlock) {
        let when = rule.when.as_ref();
        if when.is_some_and(|it| it.get_ref().aggregate_only) {
            return;
        }
        let here = self.clause.map(|it| it.key.get_ref());
        for kind in &rule.recipient_kinds {
            let declared = &self.file.recipient_kinds;
            let home = declared
                .iter()
                .find(|it| it.key.get_ref() == kind.get_ref());
            let home = home.map(|it| it.falls_under.get_ref());
            if let Some(home) = home.filter(|it| Some(*it) != here) {
                let message = format!("`{}` falls under the clause `{home}`", kind.get_ref());
                self.find(Code::RecipientKindElsewhere, kind, message);
            }
        }
    }

    /// Without a prohibition that names the accepted acts, a point would accept every act. One that
    /// is a draft keeps nothing from a permission that decides.
    fn acts_are_declared(&mut self, rule: &RuleBlock) {
        let is_draft = self.is_draft();
        for point in &rule.points {
            let clauses = self.file.clauses.iter();
            let speaking = clauses.filter(|it| is_draft || it.enforced != Enforced::NotYet);
            let mut forbids = speaking.flat_map(|it| &it.forbids);
            let is_declared = forbids.any(|forbid| {
                let forbid = forbid.get_ref();
                let covers = forbid.action == ActionWord::Collect
                    && forbid.purposes.is_empty()
                    && forbid.categories.is_empty()
                    && (forbid.points.is_empty()
                        || forbid
                            .points
                            .iter()
                            .any(|it| it.get_ref() == point.get_ref()));
                let unless = forbid.unless.as_ref();
                covers && unless.is_some_and(|it| !it.get_ref().acts.is_empty())
            });
            if !is_declared {
                let message = format!(
                    "say by which acts values arrive at `{}`: forbid `collect` there, `unless` \
                     `acts` are among those",
                    point.get_ref()
                );
                self.find(Code::PointWithoutActs, point, message);
            }
        }
    }
}
