//! The accounting of disclosures: which of a subject's entries it lists, and what each line says.

use ledger::Opening;
use serde::Serialize;
use uuid::Uuid;

use crate::error::Error;
use crate::event::{Addressee, Event, Payload, Release};

/// What an accounting is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Also use within the company, which is no disclosure.
    pub(crate) uses: bool,
    /// The first moment, in Unix milliseconds.
    pub(crate) from: Option<i64>,
    /// The first moment no longer.
    pub(crate) until: Option<i64>,
}

/// One line of the accounting. As JSON it is a line of the exported one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Line {
    pub(crate) entry_id: Uuid,
    pub(crate) index: u64,
    /// Unix milliseconds.
    pub(crate) recorded_at: i64,
    /// Unix milliseconds.
    pub(crate) occurred_at: i64,
    pub(crate) release: Release,
    /// `None` for use within the company.
    pub(crate) recipient: Option<Addressee>,
    pub(crate) releasing_agent: String,
    pub(crate) custodian: String,
    pub(crate) authorizers: Vec<String>,
    pub(crate) subject_sequence: u64,
    /// Lowercase hex.
    pub(crate) previous_commitment: Option<String>,
}

/// What an entry is to an accounting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Listing {
    /// A line of it.
    Line(Box<Line>),
    /// Nothing but its number: evidence, a use that was not asked for, outside the period, or left
    /// out by law. Which of these must not show.
    Unlisted(u64),
}

impl Wanted {
    /// What the entry with this opening is to an accounting made at a time in Unix milliseconds.
    pub(crate) fn list(
        &self,
        entry_id: Uuid,
        index: u64,
        opening: &Opening,
        now: i64,
    ) -> Result<Listing, Error> {
        let payload = Payload::parse(&opening.payload).ok_or(Error::LogCorrupt)?;
        let sequence = payload.subject_sequence.ok_or(Error::LogCorrupt)?;
        let unlisted = Ok(Listing::Unlisted(sequence));
        let (release, recipient) = match payload.event {
            Event::Disclosure(disclosure) => (disclosure.release, Some(disclosure.recipient)),
            Event::Use(release) if self.uses => (release, None),
            _ => return unlisted,
        };
        let context = release.context.clone().unwrap_or_default();
        let occurred_at = context.occurred_at.unwrap_or(payload.recorded_at);
        let in_period = self.from.is_none_or(|it| it <= occurred_at)
            && self.until.is_none_or(|it| occurred_at < it);
        if !in_period || context.is_suspended(payload.recorded_at, now) {
            return unlisted;
        }
        let mut authorizers = context.authorizers;
        if authorizers.is_empty() {
            authorizers.push(format!("urn:uuid:{}", release.grant_id));
        }
        let releasing_agent = payload.recorded_by;
        let custodian = Some(context.custodian).filter(|it| !it.is_empty());
        Ok(Listing::Line(Box::new(Line {
            entry_id,
            index,
            recorded_at: payload.recorded_at,
            occurred_at,
            release,
            recipient,
            custodian: custodian.unwrap_or_else(|| releasing_agent.clone()),
            releasing_agent,
            authorizers,
            subject_sequence: sequence,
            previous_commitment: payload.previous_commitment,
        })))
    }
}

/// A run of a subject's entries, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Run {
    pub(crate) first: u64,
    pub(crate) last: u64,
}

/// Adds a number, which comes after all that are there, to runs.
pub(crate) fn push_run(runs: &mut Vec<Run>, number: u64) {
    match runs.last_mut() {
        Some(run) if run.last + 1 == number => run.last = number,
        _ => runs.push(Run {
            first: number,
            last: number,
        }),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::context::tests::suspended;
    use crate::event::PolicyPublication;
    use crate::event::tests::{disclosure, release};

    const RECORDED: i64 = 1_700_000_000_000;
    const DAY: i64 = 86_400_000;

    fn opening(event: Event) -> Opening {
        let payload = Payload {
            tenant: "default".into(),
            recorded_at: RECORDED,
            recorded_by: "spiffe://vow.local/workload/identity".into(),
            subject_sequence: Some(3),
            previous_commitment: None,
            event,
        };
        Opening {
            blind: [0; 32],
            payload: payload.to_bytes(),
        }
    }

    fn list(wanted: Wanted, event: Event, now: i64) -> Listing {
        let listed = wanted.list(Uuid::nil(), 7, &opening(event), now);
        listed.unwrap()
    }

    #[test]
    fn disclosures_are_listed_always_and_uses_when_asked_for() {
        let publication = PolicyPublication {
            policy_version: "1".into(),
            digest: String::new(),
        };
        for (event, without_uses, with_uses) in [
            (Event::Disclosure(disclosure()), true, true),
            (Event::Use(release()), false, true),
            (Event::PolicyVersion(publication), false, false),
        ] {
            let is_listed = |uses| {
                let wanted = Wanted {
                    uses,
                    ..Wanted::default()
                };
                list(wanted, event.clone(), RECORDED) != Listing::Unlisted(3)
            };
            let found = (is_listed(false), is_listed(true));
            assert_eq!(found, (without_uses, with_uses), "{event:?}");
        }
    }

    #[test]
    fn a_suspended_or_too_old_disclosure_looks_like_any_other_entry_that_is_not_listed() {
        let mut suspended_one = disclosure();
        suspended_one.release.context = Some(Box::new(suspended(true, RECORDED + DAY)));
        let period = |from, until| Wanted {
            from,
            until,
            ..Wanted::default()
        };
        let all = Wanted::default();
        for (wanted, disclosure, now, is_listed) in [
            (all, suspended_one.clone(), RECORDED, false),
            (all, suspended_one, RECORDED + DAY, true),
            (period(Some(RECORDED), None), disclosure(), RECORDED, true),
            (
                period(Some(RECORDED + 1), None),
                disclosure(),
                RECORDED,
                false,
            ),
            (period(None, Some(RECORDED)), disclosure(), RECORDED, false),
            (
                period(None, Some(RECORDED + 1)),
                disclosure(),
                RECORDED,
                true,
            ),
        ] {
            let listing = list(wanted, Event::Disclosure(disclosure), now);
            assert_eq!(
                listing != Listing::Unlisted(3),
                is_listed,
                "{wanted:?} {now}"
            );
        }
    }

    #[test]
    fn a_line_says_who_got_what_and_counts_the_subjects_entries() {
        let listing = list(Wanted::default(), Event::Disclosure(disclosure()), RECORDED);
        let Listing::Line(line) = listing else {
            panic!("a disclosure is listed");
        };
        assert_eq!(line.release, release());
        assert_eq!(line.recipient, Some(disclosure().recipient));
        assert_eq!((line.index, line.subject_sequence), (7, 3));
        assert_eq!(line.custodian, line.releasing_agent);
        let grant = format!("urn:uuid:{}", release().grant_id);
        assert_eq!(
            (line.occurred_at, line.authorizers),
            (RECORDED, vec![grant])
        );
    }

    #[test]
    fn bytes_that_are_no_payload_are_a_corrupt_log() {
        let opening = Opening {
            blind: [0; 32],
            payload: b"{}".to_vec(),
        };
        let listed = Wanted::default().list(Uuid::nil(), 0, &opening, 0);
        assert_eq!(listed, Err(Error::LogCorrupt));
    }

    #[test]
    fn numbers_that_follow_one_another_are_one_run() {
        let mut runs = Vec::new();
        for number in [1, 2, 4, 7, 8, 9] {
            push_run(&mut runs, number);
        }
        let ends: Vec<_> = runs.iter().map(|it| (it.first, it.last)).collect();
        assert_eq!(ends, [(1, 2), (4, 4), (7, 9)]);
    }
}
