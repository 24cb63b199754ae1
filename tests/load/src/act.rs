//! The acts of a mix: what people and a shop do, and what each of them must be answered.

use std::{str::FromStr, time::Duration};

use client::Clients;
use proto::{
    consent::{AgeBand, Decision, Effect},
    identity::SubjectState,
};

use crate::{
    call::{Caller, Ended},
    people::{People, Person},
    words::{self, CARD, EMAIL, NAME},
};

/// How long an erasure may take; a suite whose processes are being killed needs some of it.
const ERASURE_LIMIT: Duration = Duration::from_secs(60);
const ERASURE_PAUSE: Duration = Duration::from_millis(200);

/// What somebody does: a few calls, one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Ask whether a value may be disclosed to a provider who has permission.
    Check,
    /// Ask the same where nobody gave permission.
    CheckRefused,
    /// Disclose a value to a provider who has permission.
    Reveal,
    /// Try the same where nobody gave permission.
    RevealRefused,
    /// Register a person and collect a name and an e-mail address.
    Register,
    /// Permit a provider to send a newsletter.
    Permit,
    /// Take the permission back, while somebody still holds a grant.
    Withdraw,
    /// Order, pay by card, and settle.
    Order,
    /// Erase a person.
    Erase,
    /// Record a disclosure in the log, as a vault does before it opens anything.
    Record,
}

const NAMES: [(&str, Act); 10] = [
    ("check", Act::Check),
    ("check-refused", Act::CheckRefused),
    ("reveal", Act::Reveal),
    ("reveal-refused", Act::RevealRefused),
    ("register", Act::Register),
    ("permit", Act::Permit),
    ("withdraw", Act::Withdraw),
    ("order", Act::Order),
    ("erase", Act::Erase),
    ("record", Act::Record),
];

/// One act with its weight, as `ACT=WEIGHT`.
#[derive(Clone, Copy, Debug)]
pub struct Weighted {
    /// The act.
    pub act: Act,
    /// How often it comes, in proportion to the others.
    pub weight: u32,
}

impl FromStr for Weighted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, weight) = text.split_once('=').ok_or("write ACT=WEIGHT")?;
        let known = NAMES.iter().find(|(it, _)| *it == name);
        let (_, act) = known.ok_or_else(|| {
            let names: Vec<_> = NAMES.iter().map(|(name, _)| *name).collect();
            format!("ACT is one of {}", names.join(", "))
        })?;
        let weight = weight
            .parse()
            .map_err(|_| "WEIGHT is a whole number".to_owned())?;
        Ok(Self { act: *act, weight })
    }
}

/// What all acts of a run share.
pub struct Setting {
    /// Those who act.
    pub people: People,
    /// A vault's own connections; absent where nothing is recorded directly.
    pub vault: Option<Clients>,
    /// The policy version that people accept when they register.
    pub policy_version: String,
    /// The provider that sends the newsletter.
    pub provider: String,
    /// The processor that charges cards.
    pub processor: String,
}

impl Act {
    /// Does it. Whatever is not as it must be is entered in the caller's tally, and ends the act:
    /// nobody knows then how its person stands, who is not used again.
    pub async fn perform(self, setting: &Setting, caller: &mut Caller) -> Result<(), Ended> {
        let permits = matches!(self, Act::Check | Act::Reveal | Act::Withdraw);
        let waiting = match self {
            Act::Register => None,
            _ => setting.people.take(permits),
        };
        let mut person = match waiting {
            Some(person) => person,
            None => register(setting, caller, permits).await?,
        };
        let permits = match self {
            Act::Register => false,
            Act::Check => {
                check(setting, caller, &person, Effect::Permit).await?;
                true
            }
            Act::CheckRefused => {
                check(setting, caller, &person, Effect::Deny).await?;
                false
            }
            Act::Reveal => {
                reveal(setting, caller, &person).await?;
                true
            }
            Act::RevealRefused => {
                let question = words::newsletter(&person.id, &setting.provider);
                caller.not_authorized("NO_CONSENT", question).await?;
                false
            }
            Act::Permit => {
                permit(setting, caller, &mut person).await?;
                true
            }
            Act::Withdraw => {
                withdraw(setting, caller, &mut person).await?;
                false
            }
            Act::Order => {
                order(setting, caller, &person).await?;
                false
            }
            Act::Record => {
                record(setting, caller, &person).await?;
                false
            }
            Act::Erase => return erase(setting, caller, &person).await,
        };
        setting.people.put(permits, person);
        Ok(())
    }
}

async fn register(setting: &Setting, caller: &mut Caller, permits: bool) -> Result<Person, Ended> {
    let registered = caller
        .register(AgeBand::Adult, &setting.policy_version)
        .await?;
    let mut person = Person {
        email: format!("{}@example.org", registered.subject_id),
        id: registered.subject_id,
        revision: registered.revision,
    };
    let question = words::collect(&person.id, "site_registration", &[NAME, EMAIL]);
    let grant = caller.authorize(question).await?;
    let values = vec![
        words::value(NAME, "Ada Load"),
        words::value(EMAIL, &person.email),
    ];
    caller.collect(&grant, values).await?;
    if permits {
        permit(setting, caller, &mut person).await?;
    }
    Ok(person)
}

async fn permit(setting: &Setting, caller: &mut Caller, person: &mut Person) -> Result<(), Ended> {
    let scope = words::newsletter_scope(&person.id, &setting.provider);
    person.revision = caller.grant_consent(scope).await?;
    Ok(())
}

async fn check(
    setting: &Setting,
    caller: &mut Caller,
    person: &Person,
    expected: Effect,
) -> Result<(), Ended> {
    let question = words::newsletter(&person.id, &setting.provider);
    let decision = caller.check(question, person.revision).await?;
    says(&decision, expected).map_err(|what| caller.wrong(what))
}

/// Whether a decision is the one that must be, and otherwise how it differs.
fn says(decision: &Decision, expected: Effect) -> Result<(), String> {
    let reason = match expected {
        Effect::Permit => "",
        _ => "NO_CONSENT",
    };
    if decision.effect() == expected && decision.reason == reason {
        return Ok(());
    }
    let found = format!("{:?} {}", decision.effect(), decision.reason);
    Err(format!(
        "Check said {found} and had to say {expected:?} {reason}"
    ))
}

async fn reveal(setting: &Setting, caller: &mut Caller, person: &Person) -> Result<(), Ended> {
    let question = words::newsletter(&person.id, &setting.provider);
    let grant = caller.authorize(question).await?;
    let values = caller.reveal(&grant).await?;
    if values != [words::value(EMAIL, &person.email)] {
        return Err(caller.wrong("Reveal opened something else than was granted".to_owned()));
    }
    Ok(())
}

async fn withdraw(
    setting: &Setting,
    caller: &mut Caller,
    person: &mut Person,
) -> Result<(), Ended> {
    let question = words::newsletter(&person.id, &setting.provider);
    let grant = caller.authorize(question.clone()).await?;
    let scope = words::newsletter_scope(&person.id, &setting.provider);
    person.revision = caller.withdraw_consent(scope).await?;
    caller.not_revealed("GRANT_SUPERSEDED", &grant).await?;
    caller.not_authorized("NO_CONSENT", question).await?;
    check(setting, caller, person, Effect::Deny).await
}

async fn order(setting: &Setting, caller: &mut Caller, person: &Person) -> Result<(), Ended> {
    let order = caller.open_order(&person.id).await?;
    let mut question = words::collect(&person.id, "order", &[CARD, NAME]);
    question.order_id = order.clone();
    let grant = caller.authorize(question).await?;
    caller
        .store_order_data(&order, &grant, words::payment())
        .await?;
    let question = words::charge(&person.id, &order, &setting.processor);
    let grant = caller.authorize(question).await?;
    if caller.release(&order, &grant).await? != words::payment() {
        return Err(caller.wrong("Release opened something else than was granted".to_owned()));
    }
    caller.settle_order(&order).await?;
    caller.not_released("ORDER_CLOSED", &order, &grant).await
}

async fn erase(setting: &Setting, caller: &mut Caller, person: &Person) -> Result<(), Ended> {
    let mut state = caller.erase_subject(&person.id).await?;
    let pauses_max = ERASURE_LIMIT.as_millis() / ERASURE_PAUSE.as_millis();
    for _ in 0..pauses_max {
        if state == SubjectState::Erased {
            let question = words::newsletter(&person.id, &setting.provider);
            return caller.not_authorized("SUBJECT_ERASED", question).await;
        }
        caller.pause(ERASURE_PAUSE).await;
        state = caller.erasure_state(&person.id).await?;
    }
    Err(caller.wrong(format!("an erasure did not end in {ERASURE_LIMIT:?}")))
}

async fn record(setting: &Setting, caller: &mut Caller, person: &Person) -> Result<(), Ended> {
    let vault = setting.vault.clone().expect("a run with this act has one");
    let release = words::release(&person.id, &setting.provider, person.revision);
    caller.with(vault).record(release).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_decision_that_must_be_is_right() {
        let decision = |effect: Effect, reason: &str| Decision {
            effect: effect.into(),
            reason: reason.to_owned(),
            ..Default::default()
        };
        let (permit, no_consent) = (
            decision(Effect::Permit, ""),
            decision(Effect::Deny, "NO_CONSENT"),
        );
        let quarantined = decision(Effect::Deny, "QUARANTINED");
        for (decision, expected, is_right) in [
            (&permit, Effect::Permit, true),
            (&permit, Effect::Deny, false),
            (&no_consent, Effect::Deny, true),
            (&no_consent, Effect::Permit, false),
            (&quarantined, Effect::Deny, false),
            (&Decision::default(), Effect::Deny, false),
        ] {
            assert_eq!(says(decision, expected).is_ok(), is_right, "{decision:?}");
        }
    }

    #[test]
    fn an_act_is_read_with_its_weight() {
        let weighted: Weighted = "check-refused=7".parse().expect("it is one");
        assert_eq!((weighted.act, weighted.weight), (Act::CheckRefused, 7));
        for wrong in ["check", "check=", "check=-1", "chek=1", "=1"] {
            assert!(wrong.parse::<Weighted>().is_err(), "{wrong}");
        }
    }
}
