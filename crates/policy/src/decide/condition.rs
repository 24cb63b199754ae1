//! Whether a request and a person meet the condition of a rule.

use super::Reason;
use super::question::{Place, Question};
use crate::language::ConsentWord;
use crate::rulebook::Condition;
use crate::vocabulary::{PURPOSES, Term};

impl Question<'_> {
    /// The first part of a condition that the request or the person does not meet.
    pub(super) fn unmet(&self, condition: &Condition) -> Option<Reason> {
        self.all_unmet(condition).next()
    }

    /// Each part of a condition that the request or the person does not meet, in the order in which
    /// refusals name them. Consents are looked at last, and only when all parts are asked for.
    pub(super) fn all_unmet(&self, condition: &Condition) -> impl Iterator<Item = Reason> {
        let Condition {
            order,
            aggregate_only,
            approval,
            consent,
            transfer_to,
            acceptance,
            acts,
            ages,
            regions,
        } = condition;
        let age = self.subject.and_then(|it| it.age_band);
        let region = self.subject.and_then(|it| it.region);
        let agreed = self.subject.is_some_and(|it| it.transfer_agreed);
        let accepted = self.subject.and_then(|it| it.acceptance);
        let is_by_act = self.act().is_some_and(|it| acts.contains(it));
        let is_of_age = age.is_some_and(|it| ages.contains(&it));
        let is_there = region.is_some_and(|it| regions.iter().any(|at| at == it));
        let is_at_home = transfer_to.as_deref() == region;
        let is_accepted = accepted.is_some_and(|it| acceptance.contains(&it));
        let unmet = [
            (*aggregate_only && !self.aggregate, Reason::AggregateOnly),
            (!acts.is_empty() && !is_by_act, Reason::NotVoluntary),
            (*order && !self.order, Reason::OrderRequired),
            (*approval && !self.approved, Reason::NotApproved),
            (!ages.is_empty() && !is_of_age, Reason::UnderAge),
            (!regions.is_empty() && !is_there, Reason::RegionNotCovered),
            (
                transfer_to.is_some() && !agreed && !is_at_home,
                Reason::TransferNotAgreed,
            ),
            (!acceptance.is_empty() && !is_accepted, Reason::NotAccepted),
        ];
        let unmet = unmet.into_iter().filter(|(is_unmet, _)| *is_unmet);
        let consent = consent.iter().filter_map(|it| self.consent_refusal(*it));
        unmet.map(|(_, reason)| reason).chain(consent)
    }

    fn act(&self) -> Option<Term> {
        match self.place {
            Place::Point { act, .. } => act,
            _ => None,
        }
    }

    /// Why the consents on record do not carry this request.
    ///
    /// A yes stands for exactly what the person was asked: neither one to the purpose in general
    /// for a recipient, nor one to a wider purpose for a narrower (GDPR art. 4(11): "specific").
    /// A no reaches further and outweighs every yes: one to the purpose in general reaches all
    /// recipients, and one to any purpose reaches all below it and, as a prohibition does, all
    /// above it, because to ask for `marketing` is to ask for its newsletters too.
    fn consent_refusal(&self, word: ConsentWord) -> Option<Reason> {
        let recipient = match (word, &self.place) {
            (ConsentWord::Purpose | ConsentWord::PurposeConfirmed, _) => None,
            (ConsentWord::PurposeAndRecipient, Place::Recipient { recipient, .. }) => {
                match recipient.id {
                    Some(id) => Some(id),
                    None => return Some(Reason::NoConsent),
                }
            }
            (ConsentWord::PurposeAndRecipient, _) => return Some(Reason::NoConsent),
        };
        let needs_confirmation = word == ConsentWord::PurposeConfirmed;
        let (mut is_given, mut is_unconfirmed, mut has_run_out) = (false, false, false);
        for entry in self.subject.map_or(&[][..], |it| it.consents) {
            let is_exact = entry.recipient == recipient;
            let is_refused = entry.state.is_refusal()
                && (is_exact || entry.recipient.is_none())
                && PURPOSES.touch(entry.purpose, self.purpose);
            if is_refused {
                return Some(Reason::NoConsent);
            }
            if !is_exact || entry.purpose != self.purpose {
                continue;
            }
            let is_in_force = entry.is_in_force(self.now);
            let is_confirmed = entry.confirmed || !needs_confirmation;
            is_given |= is_in_force && is_confirmed;
            is_unconfirmed |= is_in_force && !is_confirmed;
            has_run_out |= entry.has_run_out(self.now);
        }
        match (is_given, is_unconfirmed, has_run_out) {
            (true, _, _) => None,
            (_, true, _) => Some(Reason::NotConfirmed),
            (_, _, true) => Some(Reason::ConsentExpired),
            _ => Some(Reason::NoConsent),
        }
    }
}
