//! Acceptances of policy versions: how each kind comes about, and that none is consent.
//!
//! Somebody says so: the person, or a guardian for the person. Or the person goes on using the
//! service after a notice: that counts only with the notice on record, and a use on record after it.

use policy::Acceptance as Kind;
use uuid::Uuid;

use crate::{
    error::Error,
    subject::{Facts, PolicyName, Standing, Subject},
};

/// A version that a person accepted, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The version.
    pub policy: PolicyName,
    /// How it came to be accepted.
    pub kind: Kind,
}

/// The version a person was told of last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The version.
    pub policy: PolicyName,
    /// The revision of the notice.
    pub revision: u64,
}

/// One acceptance, as it stays for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    /// The person.
    pub subject: Uuid,
    /// What was accepted, and how.
    pub accepted: Accepted,
    /// The revision of the notice that a continued use followed.
    pub noticed_in: Option<u64>,
    /// The revision of the acceptance.
    pub revision: u64,
    /// When, in Unix milliseconds.
    pub at: i64,
}

impl Subject {
    /// Records an acceptance while a version is in force, also of a quarantined person: it permits
    /// nothing by itself. A newer acceptance stands, whatever is accepted after it.
    pub(crate) fn accept(
        &self,
        accepted: Accepted,
        in_force: u64,
        revision: u64,
    ) -> Result<Self, Error> {
        let mut facts = self.facts()?.clone();
        // A notice of what is accepted has nothing left to say.
        facts.notified = facts.notified.filter(|it| it.policy != accepted.policy);
        // What was accepted ahead may hold by now.
        let all = [facts.accepted, facts.ahead, Some(accepted)];
        let (held, ahead): (Vec<_>, Vec<_>) = all
            .into_iter()
            .flatten()
            .partition(|it| it.policy.number <= in_force);
        // Of the same version the last word counts.
        let newest = |all: Vec<Accepted>| all.into_iter().max_by_key(|it| it.policy.number);
        facts.accepted = newest(held);
        facts.ahead = newest(ahead);
        Ok(self.with_facts(facts, revision))
    }

    /// Records a notice; nothing changes when the person accepted that version or a newer one, or
    /// was told of it already.
    pub(crate) fn notify(&self, policy: PolicyName, revision: u64) -> Result<Option<Self>, Error> {
        let facts = self.facts()?;
        let accepted = facts.accepted.iter().chain(&facts.ahead);
        let told = facts.notified.iter().map(|it| &it.policy);
        let known = accepted.map(|it| &it.policy).chain(told);
        let known = known.map(|it| it.number);
        if known.max().is_some_and(|it| it >= policy.number) {
            return Ok(None);
        }
        let facts = Facts {
            notified: Some(Notice { policy, revision }),
            ..facts.clone()
        };
        Ok(Some(self.with_facts(facts, revision)))
    }

    /// Records a use while a version is in force: acceptance of the version of which a notice
    /// stands, if it holds already, with that notice.
    pub(crate) fn go_on(
        &self,
        in_force: u64,
        revision: u64,
    ) -> Result<Option<(Self, Notice)>, Error> {
        let notified = self.facts()?.notified.clone();
        let Some(notice) = notified.filter(|it| it.policy.number <= in_force) else {
            return Ok(None);
        };
        let accepted = Accepted {
            policy: notice.policy.clone(),
            kind: Kind::ContinuedUse,
        };
        Ok(Some((self.accept(accepted, in_force, revision)?, notice)))
    }

    fn facts(&self) -> Result<&Facts, Error> {
        match &self.standing {
            Standing::Active(facts) | Standing::Quarantined(facts) => Ok(facts),
            Standing::Erased => Err(Error::SubjectErased),
        }
    }

    fn with_facts(&self, facts: Facts, revision: u64) -> Self {
        let standing = match &self.standing {
            Standing::Quarantined(_) => Standing::Quarantined(facts),
            Standing::Active(_) | Standing::Erased => Standing::Active(facts),
        };
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
    use crate::subject::AgeBand;

    fn version(number: u64) -> PolicyName {
        PolicyName {
            tenant: "default".to_owned(),
            number,
        }
    }

    fn accepted(number: u64, kind: Kind) -> Accepted {
        Accepted {
            policy: version(number),
            kind,
        }
    }

    fn person(accepted: Option<Accepted>) -> Subject {
        Subject {
            id: Uuid::from_u128(1),
            standing: Standing::Active(Facts {
                region: "US".to_owned(),
                age_band: AgeBand::Adult,
                accepted,
                ahead: None,
                notified: None,
            }),
            enrolled_in: 1,
            revision: 1,
        }
    }

    #[test]
    fn a_use_is_acceptance_only_behind_a_notice() {
        let ann = person(Some(accepted(1, Kind::Explicit)));
        assert_eq!(ann.go_on(2, 2), Ok(None));
        let told = ann.notify(version(2), 3).unwrap().unwrap();
        assert_eq!(
            told.facts().unwrap().accepted,
            ann.facts().unwrap().accepted
        );
        assert_eq!(told.go_on(1, 4), Ok(None), "it does not hold yet");
        let (used, notice) = told.go_on(2, 4).unwrap().unwrap();
        assert_eq!((notice.revision, used.revision), (3, 4));
        let facts = used.facts().unwrap();
        assert_eq!(facts.accepted, Some(accepted(2, Kind::ContinuedUse)));
        assert_eq!(
            used.go_on(2, 5),
            Ok(None),
            "one notice carries one acceptance"
        );
    }

    #[test]
    fn a_notice_of_what_is_accepted_or_known_says_nothing() {
        let ann = person(Some(accepted(2, Kind::Guardian)));
        for number in [1, 2] {
            assert_eq!(ann.notify(version(number), 3), Ok(None), "{number}");
        }
        let told = ann.notify(version(4), 3).unwrap().unwrap();
        for number in [3, 4] {
            assert_eq!(told.notify(version(number), 4), Ok(None), "{number}");
        }
        let said = told.accept(accepted(4, Kind::Explicit), 4, 5).unwrap();
        assert_eq!(said.go_on(4, 6), Ok(None), "the notice is used up");
        let older = told.accept(accepted(3, Kind::Explicit), 4, 5).unwrap();
        assert!(older.go_on(4, 6).unwrap().is_some(), "the notice stands");
    }

    #[test]
    fn an_older_version_accepted_later_takes_nothing_back() {
        let ann = person(Some(accepted(4, Kind::ContinuedUse)));
        let older = ann.accept(accepted(2, Kind::Explicit), 4, 5).unwrap();
        let facts = older.facts().unwrap();
        assert_eq!(facts.accepted, Some(accepted(4, Kind::ContinuedUse)));
        let again = older.accept(accepted(4, Kind::Explicit), 4, 6).unwrap();
        let facts = again.facts().unwrap();
        assert_eq!(facts.accepted, Some(accepted(4, Kind::Explicit)));
    }

    #[test]
    fn a_version_accepted_ahead_waits_beside_the_one_that_holds() {
        let ann = person(Some(accepted(1, Kind::Explicit)));
        let ahead = ann.accept(accepted(2, Kind::Explicit), 1, 3).unwrap();
        let facts = ahead.facts().unwrap();
        assert_eq!(facts.accepted, Some(accepted(1, Kind::Explicit)));
        assert_eq!(facts.ahead, Some(accepted(2, Kind::Explicit)));
        assert_eq!(ahead.notify(version(2), 4), Ok(None), "it is accepted");
        // On its day it holds, and another one is accepted.
        let later = ahead.accept(accepted(1, Kind::Guardian), 2, 5).unwrap();
        let facts = later.facts().unwrap();
        assert_eq!(facts.accepted, Some(accepted(2, Kind::Explicit)));
        assert_eq!(facts.ahead, None);
    }

    #[test]
    fn acceptance_permits_nothing_by_itself() {
        let quarantined = person(None).quarantine(2).unwrap();
        let after = quarantined.accept(accepted(1, Kind::Explicit), 1, 3);
        let after = after.unwrap();
        assert!(matches!(after.standing, Standing::Quarantined(_)));
        let erased = after.forget(false, 4).unwrap().unwrap();
        assert_eq!(
            erased.accept(accepted(1, Kind::Explicit), 1, 5),
            Err(Error::SubjectErased)
        );
        assert_eq!(erased.notify(version(2), 5), Err(Error::SubjectErased));
        assert_eq!(erased.go_on(4, 5), Err(Error::SubjectErased));
    }
}
