//! What an accounting of disclosures tells beside what left, for whom and why; sealed with the entry.

use serde::{Deserialize, Serialize};

use crate::event::first_broken;
use crate::vocabulary::is_spiffe_id;

const TEXT_CHARACTERS_MAX: usize = 500;
const ITEMS_MAX: usize = 16;
/// How long a spoken statement of an agency holds: 30 days (45 CFR 164.528(a)(2)(ii)).
const SPOKEN_SUSPENSION_MS: i64 = 30 * 86_400_000;

/// The circumstances of a release. Times are Unix milliseconds, and what is not known is left out;
/// `ground`, `legal_basis` and `response` are words of the contract's closed lists.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Context {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) occurred_at: Option<i64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) ground: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) ground_detail: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) legal_reference: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) necessity_statement: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) requester: Option<Requester>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) recipient_address: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) custodian: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) authorizers: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) data_description: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) legal_basis: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) volume: Option<Volume>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request_received_at: Option<i64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) response: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) notice: Option<Notice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) suspension: Option<Suspension>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) approvals: Vec<Approval>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) break_glass: Option<BreakGlass>,
}

/// Who asked for a disclosure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Requester {
    pub(crate) name: String,
    pub(crate) agency: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) verified_by: String,
}

/// How many accounts were asked for, and given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Volume {
    pub(crate) specified: u32,
    pub(crate) produced: u32,
}

/// What the person was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Notice {
    pub(crate) given: bool,
    pub(crate) delayed_until: Option<i64>,
    pub(crate) reason: String,
}

/// An agency's statement that an accounting would impede it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Suspension {
    pub(crate) agency: String,
    pub(crate) written: bool,
    pub(crate) until: i64,
}

/// One person's yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Approval {
    /// The SPIFFE id of the person.
    pub(crate) approver: String,
    pub(crate) role: String,
    pub(crate) approved_at: Option<i64>,
}

/// An emergency that passed over the approvals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BreakGlass {
    pub(crate) rationale: String,
    pub(crate) started_at: Option<i64>,
    pub(crate) ended_at: Option<i64>,
    pub(crate) reviewed_by: String,
    pub(crate) reviewed_at: Option<i64>,
}

impl Context {
    /// Whether every field is well-formed; if not, the name of the first that is not.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let are_texts = |texts: &[&String]| texts.iter().all(|it| is_text(it));
        let requester = self
            .requester
            .as_ref()
            .is_none_or(|it| are_texts(&[&it.name, &it.agency, &it.kind, &it.verified_by]));
        let approves = |it: &Approval| is_spiffe_id(&it.approver) && is_text(&it.role);
        let ends_in_time =
            |it: &BreakGlass| it.ended_at.is_none_or(|end| it.started_at <= Some(end));
        let break_glass = self
            .break_glass
            .as_ref()
            .is_none_or(|it| are_texts(&[&it.rationale, &it.reviewed_by]) && ends_in_time(it));
        let notice = self.notice.as_ref().is_none_or(|it| is_text(&it.reason));
        let suspension = self
            .suspension
            .as_ref()
            .is_none_or(|it| is_text(&it.agency));
        first_broken(&[
            (
                "release.context.ground_detail",
                is_text(&self.ground_detail),
            ),
            (
                "release.context.legal_reference",
                is_text(&self.legal_reference),
            ),
            (
                "release.context.necessity_statement",
                is_text(&self.necessity_statement),
            ),
            ("release.context.requester", requester),
            (
                "release.context.recipient_address",
                is_text(&self.recipient_address),
            ),
            ("release.context.custodian", is_text(&self.custodian)),
            (
                "release.context.authorizers",
                are_few(&self.authorizers, |it| is_text(it)),
            ),
            (
                "release.context.data_description",
                is_text(&self.data_description),
            ),
            ("release.context.notice", notice),
            ("release.context.suspension", suspension),
            (
                "release.context.approvals",
                are_few(&self.approvals, approves),
            ),
            ("release.context.break_glass", break_glass),
        ])
    }

    /// Whether it is left out of an accounting made now, when it was recorded then.
    pub(crate) fn is_suspended(&self, recorded_at: i64, now: i64) -> bool {
        let end = |it: &Suspension| match it.written {
            true => it.until,
            false => it.until.min(recorded_at + SPOKEN_SUSPENSION_MS),
        };
        self.suspension.as_ref().is_some_and(|it| now < end(it))
    }
}

fn is_text(text: &str) -> bool {
    text.chars().count() <= TEXT_CHARACTERS_MAX && !text.chars().any(char::is_control)
}

fn are_few<T>(items: &[T], rule: impl Fn(&T) -> bool) -> bool {
    items.len() <= ITEMS_MAX && items.iter().all(rule)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn suspended(written: bool, until: i64) -> Context {
        Context {
            suspension: Some(Suspension {
                agency: "Office of the Prosecutor".into(),
                written,
                until,
            }),
            ..Context::default()
        }
    }

    #[test]
    fn a_malformed_context_is_refused_by_field() {
        type Change = fn(&mut Context);
        let long = "a".repeat(TEXT_CHARACTERS_MAX);
        let longest = Context {
            ground_detail: long,
            authorizers: vec!["legal".into(); ITEMS_MAX],
            ..Context::default()
        };
        assert_eq!(longest.check(), Ok(()));
        let cases: [(&str, Change); 6] = [
            ("release.context.ground_detail", |it| {
                it.ground_detail.push('a')
            }),
            ("release.context.legal_reference", |it| {
                it.legal_reference = "a\nb".into()
            }),
            ("release.context.authorizers", |it| {
                it.authorizers.push("legal".into())
            }),
            ("release.context.requester", |it| {
                it.requester = Some(Requester {
                    name: "a".repeat(501),
                    agency: String::new(),
                    kind: String::new(),
                    verified_by: String::new(),
                })
            }),
            ("release.context.approvals", |it| {
                it.approvals.push(Approval {
                    approver: "grace".into(),
                    role: "legal".into(),
                    approved_at: None,
                })
            }),
            ("release.context.break_glass", |it| {
                it.break_glass = Some(BreakGlass {
                    rationale: String::new(),
                    started_at: Some(2),
                    ended_at: Some(1),
                    reviewed_by: String::new(),
                    reviewed_at: None,
                })
            }),
        ];
        for (field, change) in cases {
            let mut context = longest.clone();
            change(&mut context);
            assert_eq!(context.check(), Err(field));
        }
    }

    #[test]
    fn a_spoken_suspension_holds_for_30_days_at_most_and_a_written_one_until_its_end() {
        let (recorded, day) = (1_700_000_000_000, 86_400_000);
        for (written, until, now, is_suspended) in [
            (true, 90, 89, true),
            (true, 90, 90, false),
            (false, 90, 29, true),
            (false, 90, 30, false),
            (false, 10, 9, true),
            (false, 10, 10, false),
        ] {
            let context = suspended(written, recorded + until * day);
            let found = context.is_suspended(recorded, recorded + now * day);
            assert_eq!(found, is_suspended, "{written} {until} {now}");
        }
        assert!(!Context::default().is_suspended(recorded, recorded));
    }
}
