//! How a service says no: a code for the machine, a reason for the program, a sentence for people.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::clause;

/// The metadata key of the clause keys that a refusal rests on.
const CLAUSES: &str = "clauses";

/// A refusal with its `google.rpc.ErrorInfo`. It becomes a [`Status`].
#[derive(Clone, Debug)]
pub struct Refusal {
    code: Code,
    domain: String,
    reason: String,
    message: String,
    violations: Vec<(String, String)>,
    metadata: HashMap<String, String>,
}

/// A refusal of the service `domain`. `reason` is in SCREAMING_CASE and part of the interface;
/// `message` is a lower-case sentence without a full stop. None of it repeats what a caller sent.
pub fn refuse(code: Code, domain: &str, reason: &str, message: &str) -> Refusal {
    Refusal {
        code,
        domain: domain.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        violations: Vec::new(),
        metadata: HashMap::new(),
    }
}

impl Refusal {
    /// Names the field of the request that must be put right, as a path such as `values[0].name`.
    pub fn field(self, name: impl Into<String>) -> Refusal {
        let message = self.message.clone();
        self.violation(name, message)
    }

    /// Names a field with what is wrong in it, where one sentence cannot say it all.
    pub fn violation(mut self, field: impl Into<String>, wrong: impl Into<String>) -> Refusal {
        self.violations.push((field.into(), wrong.into()));
        self
    }

    /// Adds a fact for the program, such as the limit that was passed. `clauses` is the policy's own
    /// answer; where none is given, a reason that keeps a clause carries its key.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Refusal {
        self.metadata.insert(key.into(), value.into());
        self
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Status {
        let Refusal {
            code,
            domain,
            reason,
            message,
            violations,
            mut metadata,
        } = refusal;
        if let Some(clause) = clause::of_reason(&reason) {
            let clauses = metadata.entry(CLAUSES.to_owned()).or_default();
            if clauses.is_empty() {
                *clauses = clause.to_owned();
            }
        }
        let mut details = ErrorDetails::with_error_info(reason, domain, metadata);
        for (field, wrong) in violations {
            details.add_bad_request_violation(field, wrong);
        }
        Status::with_error_details(code, message, details)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_carries_reason_field_and_facts() {
        let status: Status = refuse(
            Code::InvalidArgument,
            "identity",
            "NAME_INVALID",
            "too long",
        )
        .field("values[0].name")
        .metadata("length_max", "200")
        .into();
        assert_eq!(
            (status.code(), status.message()),
            (Code::InvalidArgument, "too long")
        );
        let details = status.get_error_details();
        let info = details.error_info().expect("every refusal has one");
        assert_eq!(
            (info.reason.as_str(), info.domain.as_str()),
            ("NAME_INVALID", "identity")
        );
        assert_eq!(info.metadata["length_max"], "200");
        let violations = &details
            .bad_request()
            .expect("a field was named")
            .field_violations;
        assert_eq!(violations[0].field, "values[0].name");
    }

    #[test]
    fn a_refusal_names_its_clause_unless_the_policy_did() {
        for (reason, given, named) in [
            ("OTHER_ORDER", None, Some("use.payment-only-for-its-order")),
            (
                "NO_CONSENT",
                Some("use.promotions-agreed"),
                Some("use.promotions-agreed"),
            ),
            (
                "NO_CONSENT",
                Some(""),
                Some("disclose.providers-with-permission"),
            ),
            ("STORE_UNAVAILABLE", None, None),
        ] {
            let mut refusal = refuse(Code::PermissionDenied, "consent", reason, "no");
            if let Some(clauses) = given {
                refusal = refusal.metadata(CLAUSES, clauses);
            }
            let info = Status::from(refusal)
                .get_details_error_info()
                .expect("it has one");
            assert_eq!(
                info.metadata.get(CLAUSES).map(String::as_str),
                named,
                "{reason}"
            );
        }
    }

    #[test]
    fn each_violation_says_what_is_wrong() {
        let status: Status = refuse(
            Code::InvalidArgument,
            "consent",
            "POLICY_INVALID",
            "invalid",
        )
        .violation("text", "line 1")
        .violation("text", "line 2")
        .into();
        let details = status.get_error_details();
        let violations = &details
            .bad_request()
            .expect("there are two")
            .field_violations;
        let wrong: Vec<&str> = violations
            .iter()
            .map(|it| it.description.as_str())
            .collect();
        assert_eq!(wrong, ["line 1", "line 2"]);
    }

    #[test]
    fn a_refusal_without_a_field_blames_none() {
        let status: Status =
            refuse(Code::NotFound, "identity", "SUBJECT_UNKNOWN", "unknown").into();
        assert!(status.get_error_details().bad_request().is_none());
    }
}
