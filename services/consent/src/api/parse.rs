//! From the wire to the words of this service: what does not parse is refused with its field.

use client::parse_id;
use prost_types::Timestamp;
use proto::consent as wire;
use uuid::Uuid;

use crate::{
    consent::Scope,
    error::Error,
    question::{Action, Question},
    subject::AgeBand,
    watch::From as WatchFrom,
};

const CATEGORIES_MAX: usize = 32;
const WORD_CHARACTERS_MAX: usize = 128;
const RECIPIENT_CHARACTERS_MAX: usize = 64;
const PAGE_SIZE_DEFAULT: u64 = 100;
const PAGE_SIZE_MAX: u64 = 1_000;
const WATCH_SECONDS_MAX: u32 = 3_600;

/// The beginning of the year 10000, in Unix seconds: no Timestamp says it.
const TIMESTAMP_END: i64 = 253_402_300_800;

pub(super) fn subject_id(text: &str) -> Result<Uuid, Error> {
    id(text, "subject_id")
}

pub(super) fn scope(scope: Option<wire::ConsentScope>) -> Result<Scope, Error> {
    let scope = scope.ok_or(Error::Invalid("scope"))?;
    let subject = subject_id(&scope.subject_id)?;
    if policy::PURPOSES.term(&scope.purpose).is_none() {
        return Err(Error::PurposeUnknown);
    }
    let recipient = match scope.recipient_id.as_str() {
        "" => None,
        id => Some(recipient_id(id)?),
    };
    Ok(Scope {
        subject,
        purpose: scope.purpose,
        recipient,
    })
}

/// The name of the act a choice came by, as a receipt has it.
pub(super) fn source(source: i32) -> Result<&'static str, Error> {
    match wire::Source::try_from(source) {
        Ok(wire::Source::Unspecified) | Err(_) => Err(Error::Invalid("source")),
        Ok(wire::Source::WebForm) => Ok("WEB_FORM"),
        Ok(wire::Source::SupportAgent) => Ok("SUPPORT_AGENT"),
        Ok(wire::Source::OneClickUnsubscribe) => Ok("ONE_CLICK_UNSUBSCRIBE"),
    }
}

pub(super) fn age_band(age_band: i32) -> Result<AgeBand, Error> {
    match wire::AgeBand::try_from(age_band) {
        Ok(wire::AgeBand::Unspecified) | Err(_) => Err(Error::Invalid("age_band")),
        Ok(wire::AgeBand::AgeBand13To15) => Ok(AgeBand::From13To15),
        Ok(wire::AgeBand::AgeBand16To17) => Ok(AgeBand::From16To17),
        Ok(wire::AgeBand::Adult) => Ok(AgeBand::Adult),
    }
}

pub(super) fn region(region: String) -> Result<String, Error> {
    if region.len() != 2 || !region.bytes().all(|it| it.is_ascii_uppercase()) {
        return Err(Error::Invalid("region"));
    }
    Ok(region)
}

/// The number of a version named `v1`, `v2` and so on; another name is that of no version.
pub(super) fn policy_number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix('v')?;
    let number = digits.parse().ok()?;
    // One version has one name: neither `v01` nor `v+1`.
    (format!("v{number}") == name).then_some(number)
}

pub(super) fn question(question: Option<wire::Question>) -> Result<Question, Error> {
    let question = question.ok_or(Error::Invalid("question"))?;
    let subject = subject_id(&question.subject_id)?;
    let action = match question.action {
        Some(wire::question::Action::Collect(it)) => Action::Collect {
            point: word(it.point, "point")?,
            // No act at all is for the policy to refuse: nothing voluntary came to pass.
            act: short(it.act, "act")?,
        },
        Some(wire::question::Action::Use(_)) => Action::Use,
        Some(wire::question::Action::Disclose(it)) => Action::Disclose {
            recipient: recipient_id(&it.recipient_id)?,
        },
        None => return Err(Error::Invalid("action")),
    };
    let purpose = match &action {
        Action::Collect { .. } if question.purpose.is_empty() => String::new(),
        _ => word(question.purpose, "purpose")?,
    };
    if question.categories.is_empty() || question.categories.len() > CATEGORIES_MAX {
        return Err(Error::Invalid("categories"));
    }
    let categories = question.categories.into_iter();
    let categories = categories.map(|it| word(it, "categories"));
    let order = match question.order_id.as_str() {
        "" => None,
        text => Some(id(text, "order_id")?),
    };
    Ok(Question {
        subject,
        action,
        purpose,
        categories: categories.collect::<Result<_, _>>()?,
        order,
        pinned: Some(question.policy_version).filter(|it| !it.is_empty()),
    })
}

/// When a consent ends, in Unix milliseconds. Whether that is still to come, the rule says.
pub(super) fn expires_at(expires_at: Option<Timestamp>) -> Result<Option<i64>, Error> {
    let Some(at) = expires_at else {
        return Ok(None);
    };
    // What is before 1970 is over as well, and what ListConsents could not say is no time at all.
    if !(0..TIMESTAMP_END).contains(&at.seconds) || !(0..1_000_000_000).contains(&at.nanos) {
        return Err(Error::Invalid("expires_at"));
    }
    Ok(Some(at.seconds * 1_000 + i64::from(at.nanos / 1_000_000)))
}

pub(super) fn watch_from(
    from: Option<wire::watch_request::From>,
    now: i64,
) -> Result<WatchFrom, Error> {
    match from {
        None => Ok(WatchFrom::Now),
        Some(wire::watch_request::From::AfterRevision(revision)) => Ok(WatchFrom::After(revision)),
        Some(wire::watch_request::From::NewerThanSeconds(seconds)) => {
            if seconds > WATCH_SECONDS_MAX {
                return Err(Error::Invalid("newer_than_seconds"));
            }
            Ok(WatchFrom::Since(now - i64::from(seconds) * 1_000))
        }
    }
}

pub(super) fn page_size(page_size: i32) -> Result<u64, Error> {
    match u64::try_from(page_size) {
        Ok(0) => Ok(PAGE_SIZE_DEFAULT),
        Ok(size) if size <= PAGE_SIZE_MAX => Ok(size),
        _ => Err(Error::Invalid("page_size")),
    }
}

fn id(text: &str, field: &'static str) -> Result<Uuid, Error> {
    let id = parse_id(text).filter(|it| !it.is_nil());
    id.ok_or(Error::Invalid(field))
}

fn word(word: String, field: &'static str) -> Result<String, Error> {
    if word.is_empty() {
        return Err(Error::Invalid(field));
    }
    short(word, field)
}

fn short(word: String, field: &'static str) -> Result<String, Error> {
    if word.len() > WORD_CHARACTERS_MAX {
        return Err(Error::Invalid(field));
    }
    Ok(word)
}

fn recipient_id(id: &str) -> Result<String, Error> {
    let is_allowed = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || b".-".contains(&it);
    if id.is_empty() || id.len() > RECIPIENT_CHARACTERS_MAX || !id.bytes().all(is_allowed) {
        return Err(Error::Invalid("recipient_id"));
    }
    Ok(id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_one_name() {
        for (name, number) in [
            ("v1", Some(1)),
            ("v10", Some(10)),
            ("", None),
            ("v", None),
            ("1", None),
            ("v01", None),
            ("v+1", None),
            ("v1 ", None),
            ("v18446744073709551616", None),
        ] {
            assert_eq!(policy_number(name), number);
        }
    }

    #[test]
    fn a_question_needs_an_action_and_1_to_32_categories() {
        let asked = |action, categories: usize| wire::Question {
            subject_id: Uuid::from_u128(1).to_string(),
            action,
            purpose: "essential.service".to_owned(),
            categories: vec!["user.name".to_owned(); categories],
            ..wire::Question::default()
        };
        let using = || Some(wire::question::Action::Use(wire::Use {}));
        for (asked, refused) in [
            (asked(using(), 1), None),
            (asked(using(), 32), None),
            (asked(using(), 33), Some("categories")),
            (asked(using(), 0), Some("categories")),
            (asked(None, 1), Some("action")),
            (
                wire::Question {
                    subject_id: "ann".to_owned(),
                    ..asked(using(), 1)
                },
                Some("subject_id"),
            ),
            (
                wire::Question {
                    order_id: "7".to_owned(),
                    ..asked(using(), 1)
                },
                Some("order_id"),
            ),
            (
                wire::Question {
                    purpose: String::new(),
                    ..asked(using(), 1)
                },
                Some("purpose"),
            ),
        ] {
            let parsed = question(Some(asked)).map(|_| ());
            assert_eq!(parsed.err(), refused.map(Error::Invalid));
        }
    }

    #[test]
    fn an_id_has_one_spelling() {
        let id = Uuid::from_u128(0xca7a);
        for (text, expected) in [
            (id.to_string(), Ok(id)),
            (id.to_string().to_uppercase(), Err("subject_id")),
            (id.simple().to_string(), Err("subject_id")),
            (Uuid::nil().to_string(), Err("subject_id")),
        ] {
            assert_eq!(subject_id(&text), expected.map_err(Error::Invalid));
        }
    }

    #[test]
    fn the_end_of_a_consent_is_a_time_that_a_timestamp_can_say() {
        const LAST: i64 = 253_402_300_799;
        for (seconds, nanos, expected) in [
            (1, 0, Some(1_000)),
            (1, 999_999_999, Some(1_999)),
            (1, 1_000_000_000, None),
            (1, -1, None),
            (0, 0, Some(0)),
            (-1, 0, None),
            (LAST, 999_999_999, Some(LAST * 1_000 + 999)),
            (LAST + 1, 0, None),
            (i64::MAX, 0, None),
        ] {
            let parsed = expires_at(Some(Timestamp { seconds, nanos }));
            assert_eq!(parsed.ok().flatten(), expected, "{seconds} {nanos}");
        }
    }

    #[test]
    fn pages_hold_1_to_1000() {
        for (asked, size) in [
            (0, Some(100)),
            (1, Some(1)),
            (1_000, Some(1_000)),
            (1_001, None),
            (-1, None),
        ] {
            assert_eq!(page_size(asked).ok(), size);
        }
    }

    #[test]
    fn a_stream_goes_back_an_hour_at_most() {
        let newer_than = |seconds| Some(wire::watch_request::From::NewerThanSeconds(seconds));
        for (from, expected) in [
            (None, Ok(WatchFrom::Now)),
            (newer_than(0), Ok(WatchFrom::Since(9_000_000))),
            (newer_than(3_600), Ok(WatchFrom::Since(5_400_000))),
            (newer_than(3_601), Err(Error::Invalid("newer_than_seconds"))),
        ] {
            assert_eq!(watch_from(from, 9_000_000), expected);
        }
    }
}
