//! One consent: what a person said about one purpose and one recipient, and what that means.

use uuid::Uuid;

use crate::{
    error::Error,
    subject::{PolicyName, Standing, Subject},
};

/// What a consent is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope {
    /// The person.
    pub subject: Uuid,
    /// A purpose of the vocabulary.
    pub purpose: String,
    /// The registered party; none for the company itself.
    pub recipient: Option<String>,
}

/// What a person says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Yes, until a time in Unix milliseconds or until taken back.
    Give {
        /// When the yes ends by itself.
        expires_at: Option<i64>,
    },
    /// No.
    Refuse,
    /// No longer.
    Withdraw,
}

/// What was said last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Yes.
    Given,
    /// No.
    Refused,
    /// No longer.
    Withdrawn,
}

/// One consent as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// What it is about.
    pub scope: Scope,
    /// What was said last.
    pub state: State,
    /// The policy version it was said under.
    pub policy: PolicyName,
    /// The revision of the change.
    pub revision: u64,
    /// When it was said, in Unix milliseconds.
    pub changed_at: i64,
    /// When a yes ends by itself, in Unix milliseconds.
    pub expires_at: Option<i64>,
}

impl State {
    /// Whether grants issued before it open nothing more.
    pub(crate) fn is_restricting(self) -> bool {
        match self {
            State::Given => false,
            State::Refused | State::Withdrawn => true,
        }
    }

    /// The name in the W3C Data Privacy Vocabulary.
    pub(crate) fn name(self) -> &'static str {
        match self {
            State::Given => "ConsentGiven",
            State::Refused => "ConsentRefused",
            State::Withdrawn => "ConsentWithdrawn",
        }
    }

    /// The state with such a name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let states = [State::Given, State::Refused, State::Withdrawn];
        states.into_iter().find(|it| it.name() == name)
    }
}

impl Choice {
    /// The state the choice leads to. What was said before does not matter: the last word counts.
    pub(crate) fn state(self) -> State {
        match self {
            Choice::Give { .. } => State::Given,
            Choice::Refuse => State::Refused,
            Choice::Withdraw => State::Withdrawn,
        }
    }

    /// When the choice ends by itself.
    pub(crate) fn expires_at(self) -> Option<i64> {
        match self {
            Choice::Give { expires_at } => expires_at,
            Choice::Refuse | Choice::Withdraw => None,
        }
    }

    /// Whether the person can say this now. Stopping is always possible while there is anything
    /// to stop.
    pub(crate) fn is_open_to(self, subject: Option<&Subject>) -> Result<(), Error> {
        match (subject.map(|it| &it.standing), self) {
            (None, _) => Err(Error::SubjectUnknown),
            (Some(Standing::Erased), _) => Err(Error::SubjectErased),
            (Some(Standing::Quarantined(_)), Choice::Give { .. } | Choice::Refuse) => {
                Err(Error::Quarantined)
            }
            (Some(Standing::Quarantined(_)), Choice::Withdraw) => Ok(()),
            (Some(Standing::Active(_)), _) => Ok(()),
        }
    }
}

impl Consent {
    /// Whether it is a yes whose time is over at `now`, in Unix milliseconds.
    pub(crate) fn is_expired(&self, now: i64) -> bool {
        self.state == State::Given && self.expires_at.is_some_and(|it| it <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::{AgeBand, Facts};

    const GIVE: Choice = Choice::Give { expires_at: None };

    fn subject(standing: fn(Facts) -> Standing) -> Subject {
        Subject {
            id: Uuid::from_u128(1),
            standing: standing(Facts {
                region: "US".to_owned(),
                age_band: AgeBand::Adult,
                accepted: None,
                ahead: None,
                notified: None,
            }),
            enrolled_in: 1,
            revision: 1,
        }
    }

    #[test]
    fn a_quarantined_person_can_only_withdraw() {
        let active = subject(Standing::Active);
        let quarantined = subject(Standing::Quarantined);
        let erased = subject(|_| Standing::Erased);
        for (subject, choice, expected) in [
            (None, GIVE, Err(Error::SubjectUnknown)),
            (None, Choice::Withdraw, Err(Error::SubjectUnknown)),
            (Some(&active), GIVE, Ok(())),
            (Some(&active), Choice::Refuse, Ok(())),
            (Some(&active), Choice::Withdraw, Ok(())),
            (Some(&quarantined), GIVE, Err(Error::Quarantined)),
            (Some(&quarantined), Choice::Refuse, Err(Error::Quarantined)),
            (Some(&quarantined), Choice::Withdraw, Ok(())),
            (Some(&erased), GIVE, Err(Error::SubjectErased)),
            (Some(&erased), Choice::Withdraw, Err(Error::SubjectErased)),
        ] {
            assert_eq!(choice.is_open_to(subject), expected);
        }
    }

    #[test]
    fn only_saying_no_restricts() {
        for (choice, is_restricting) in [
            (GIVE, false),
            (Choice::Refuse, true),
            (Choice::Withdraw, true),
        ] {
            assert_eq!(choice.state().is_restricting(), is_restricting);
        }
    }

    #[test]
    fn a_yes_expires_at_its_time_and_not_before() {
        for (state, now, is_expired) in [
            (State::Given, 999, false),
            (State::Given, 1_000, true),
            (State::Withdrawn, 1_000, false),
        ] {
            let consent = Consent {
                scope: Scope {
                    subject: Uuid::from_u128(1),
                    purpose: "marketing.communications.email".to_owned(),
                    recipient: None,
                },
                state,
                policy: PolicyName {
                    tenant: "default".to_owned(),
                    number: 1,
                },
                revision: 1,
                changed_at: 0,
                expires_at: Some(1_000),
            };
            assert_eq!(consent.is_expired(now), is_expired);
        }
    }
}
