//! A person as far as decisions know one: what they are told, and what may happen to it.

use std::fmt;

use uuid::Uuid;

use crate::{
    acceptance::{Accepted, Notice},
    error::Error,
};

/// Names one published policy version for ever. A tenant that has published none is judged by the
/// versions of the tenant `default`, and its own numbers go on after those it inherited. So within
/// a tenant a number says which text it is, and in the whole store only with who published it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyName {
    /// The tenant that published it.
    pub tenant: String,
    /// Its number among the versions of that tenant.
    pub number: u64,
}

impl fmt::Display for PolicyName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "v{}", self.number)
    }
}

/// All that is kept of an age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgeBand {
    /// 13 to 15 years.
    From13To15,
    /// 16 and 17 years.
    From16To17,
    /// 18 years and over.
    Adult,
}

/// What enrolment tells of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// ISO 3166-1 alpha-2 code of residence.
    pub region: String,
    /// The band of the person's age.
    pub age_band: AgeBand,
    /// The newest version accepted of those that hold, and how; none when none was.
    pub accepted: Option<Accepted>,
    /// One accepted before its day, newer than that.
    pub ahead: Option<Accepted>,
    /// The version the person was told of and has not accepted since.
    pub notified: Option<Notice>,
}

/// Whether anything may be done with a person's data at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The policy and the consents decide.
    Active(Facts),
    /// Stopped for every purpose at once.
    Quarantined(Facts),
    /// Nothing is left but the id, which is never taken again.
    Erased,
}

/// One person of one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The random id.
    pub id: Uuid,
    /// Where the person stands.
    pub standing: Standing,
    /// The revision of the enrolment.
    pub enrolled_in: u64,
    /// The revision of the last change.
    pub revision: u64,
}

impl Facts {
    /// Whether enrolment tells the same; it never tells of a notice.
    fn tell_of(&self, told: &Self) -> bool {
        let Self {
            region,
            age_band,
            accepted,
            ahead,
            ..
        } = self;
        let told_of = (&told.region, &told.age_band, &told.accepted, &told.ahead);
        (region, age_band, accepted, ahead) == told_of
    }
}

impl Subject {
    /// Enrols a person; nothing changes when the same facts are told again.
    pub(crate) fn enrol(
        existing: Option<&Self>,
        id: Uuid,
        facts: Facts,
        revision: u64,
    ) -> Result<Option<Self>, Error> {
        match existing.map(|it| &it.standing) {
            None => Ok(Some(Self {
                id,
                standing: Standing::Active(facts),
                enrolled_in: revision,
                revision,
            })),
            Some(Standing::Active(known) | Standing::Quarantined(known))
                if known.tell_of(&facts) =>
            {
                Ok(None)
            }
            Some(Standing::Active(_) | Standing::Quarantined(_)) => Err(Error::SubjectExists),
            Some(Standing::Erased) => Err(Error::SubjectErased),
        }
    }

    /// Stops every purpose; nothing changes for whom all is stopped already.
    pub(crate) fn quarantine(&self, revision: u64) -> Option<Self> {
        match &self.standing {
            Standing::Active(facts) => {
                Some(self.changed(Standing::Quarantined(facts.clone()), revision))
            }
            Standing::Quarantined(_) | Standing::Erased => None,
        }
    }

    /// Erases what is told of the person. Evidence that was on its way when it was asked for would
    /// meet a destroyed audit key, so it has to arrive first.
    pub(crate) fn forget(
        &self,
        is_evidence_pending: bool,
        revision: u64,
    ) -> Result<Option<Self>, Error> {
        match &self.standing {
            Standing::Active(_) => Err(Error::NotQuarantined),
            Standing::Quarantined(_) if is_evidence_pending => Err(Error::EvidencePending),
            Standing::Quarantined(_) => Ok(Some(self.changed(Standing::Erased, revision))),
            Standing::Erased => Ok(None),
        }
    }

    fn changed(&self, standing: Standing, revision: u64) -> Self {
        Self {
            standing,
            revision,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(region: &str) -> Facts {
        Facts {
            region: region.to_owned(),
            age_band: AgeBand::Adult,
            accepted: None,
            ahead: None,
            notified: None,
        }
    }

    fn subject(standing: Standing) -> Subject {
        Subject {
            id: Uuid::from_u128(1),
            standing,
            enrolled_in: 3,
            revision: 3,
        }
    }

    #[test]
    fn enrolling_again_changes_nothing_only_with_the_same_facts() {
        let us = facts("US");
        for (existing, expected) in [
            (None, Ok(true)),
            (Some(Standing::Active(us.clone())), Ok(false)),
            (Some(Standing::Quarantined(us.clone())), Ok(false)),
            (
                Some(Standing::Active(facts("DE"))),
                Err(Error::SubjectExists),
            ),
            (
                Some(Standing::Quarantined(facts("DE"))),
                Err(Error::SubjectExists),
            ),
            (Some(Standing::Erased), Err(Error::SubjectErased)),
        ] {
            let existing = existing.map(subject);
            let enrolled = Subject::enrol(existing.as_ref(), Uuid::from_u128(1), us.clone(), 9);
            assert_eq!(enrolled.map(|it| it.is_some()), expected);
        }
    }

    #[test]
    fn quarantine_stops_an_active_person_once() {
        let stopped = subject(Standing::Active(facts("US")))
            .quarantine(9)
            .unwrap();
        assert_eq!(stopped.standing, Standing::Quarantined(facts("US")));
        assert_eq!((stopped.enrolled_in, stopped.revision), (3, 9));
        assert_eq!(stopped.quarantine(10), None);
        assert_eq!(subject(Standing::Erased).quarantine(10), None);
    }

    #[test]
    fn only_a_quarantined_person_whose_evidence_arrived_is_forgotten() {
        let (active, quarantined) = (
            Standing::Active(facts("US")),
            Standing::Quarantined(facts("US")),
        );
        for (standing, is_evidence_pending, expected) in [
            (active.clone(), false, Err(Error::NotQuarantined)),
            (active, true, Err(Error::NotQuarantined)),
            (quarantined.clone(), true, Err(Error::EvidencePending)),
            (quarantined, false, Ok(Some(Standing::Erased))),
            (Standing::Erased, false, Ok(None)),
        ] {
            let forgotten = subject(standing).forget(is_evidence_pending, 9);
            assert_eq!(forgotten.map(|it| it.map(|it| it.standing)), expected);
        }
    }
}
