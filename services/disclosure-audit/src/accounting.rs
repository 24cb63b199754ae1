//! The accounting of disclosures: which of a subject's entries it lists, and what each line says.

use ledger::Opening;
use uuid::Uuid;

use crate::error::Error;
use crate::event::{Addressee, Event, Payload, Release};

/// One line of the accounting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) entry_id: Uuid,
    pub(crate) index: u64,
    /// Unix milliseconds.
    pub(crate) recorded_at: i64,
    pub(crate) release: Release,
    /// `None` for use within the company.
    pub(crate) recipient: Option<Addressee>,
    pub(crate) subject_sequence: u64,
}

/// The line an entry gives: none for evidence, and for a use only when uses are asked for.
pub(crate) fn line(
    entry_id: Uuid,
    index: u64,
    opening: &Opening,
    include_uses: bool,
) -> Result<Option<Line>, Error> {
    let payload = Payload::parse(&opening.payload).ok_or(Error::LogCorrupt)?;
    let (release, recipient) = match payload.event {
        Event::Disclosure(disclosure) => (disclosure.release, Some(disclosure.recipient)),
        Event::Use(release) if include_uses => (release, None),
        _ => return Ok(None),
    };
    Ok(Some(Line {
        entry_id,
        index,
        recorded_at: payload.recorded_at,
        release,
        recipient,
        subject_sequence: payload.subject_sequence.ok_or(Error::LogCorrupt)?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::PolicyPublication;
    use crate::event::tests::{disclosure, release};

    fn opening(event: Event) -> Opening {
        let payload = Payload {
            tenant: "default".into(),
            recorded_at: 1_700_000_000_000,
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
            let opening = opening(event.clone());
            let listed = |uses| line(Uuid::nil(), 7, &opening, uses).unwrap().is_some();
            assert_eq!(
                (listed(false), listed(true)),
                (without_uses, with_uses),
                "{event:?}"
            );
        }
    }

    #[test]
    fn a_line_says_who_got_what_and_counts_the_subjects_entries() {
        let line = line(
            Uuid::nil(),
            7,
            &opening(Event::Disclosure(disclosure())),
            false,
        );
        let line = line.unwrap().unwrap();
        assert_eq!(line.release, release());
        assert_eq!(line.recipient, Some(disclosure().recipient));
        assert_eq!((line.index, line.subject_sequence), (7, 3));
    }

    #[test]
    fn bytes_that_are_no_payload_are_a_corrupt_log() {
        let opening = Opening {
            blind: [0; 32],
            payload: b"{}".to_vec(),
        };
        assert_eq!(line(Uuid::nil(), 0, &opening, true), Err(Error::LogCorrupt));
    }
}
