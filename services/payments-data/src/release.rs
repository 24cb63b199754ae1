//! One release of an order's data: what makes two calls the same release.

use aws_lc_rs::digest::{Context, SHA256};
use grant::Grant;

use crate::{
    error::Error,
    order::{OrderId, SubjectId},
    permission,
};

/// The length of a caller's request id.
const REQUEST_ID_CHARACTERS_MAX: usize = 128;

/// A release that a grant permits. It does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Release {
    /// The order it is from.
    pub order: OrderId,
    /// Who placed that order, as the grant has it.
    pub subject: SubjectId,
    /// What is to leave, each category once.
    pub categories: Vec<String>,
    /// Names the release within its tenant: a digest of the caller and the caller's request id.
    pub request: [u8; 32],
    /// A digest of everything the release is for. Under one name it never differs.
    pub content: [u8; 32],
}

impl Release {
    /// The release of an order that the grant's holder asks for as `request_id`: of the categories
    /// asked for, or of all that are granted when none is.
    pub fn new(
        grant: &Grant,
        request_id: &str,
        order: OrderId,
        asked: Vec<String>,
    ) -> Result<Self, Error> {
        if !(1..=REQUEST_ID_CHARACTERS_MAX).contains(&request_id.chars().count()) {
            return Err(Error::RequestIdInvalid);
        }
        let subject = permission::to_release(grant, order)?;
        let categories = permission::wanted(grant, asked)?;
        let request = digest([grant.holder.as_bytes(), request_id.as_bytes()]);
        let fixed = [&request[..], order.0.as_bytes(), grant.jti.as_bytes()];
        let named = categories.iter().map(String::as_bytes);
        let content = digest(fixed.into_iter().chain(named));
        Ok(Self {
            order,
            subject,
            categories,
            request,
            content,
        })
    }

    /// The id under which the release is recorded in the log: a retry finds its own entry there.
    pub fn record_id(&self) -> String {
        format!("release-{}", hex::encode(self.content))
    }
}

/// SHA-256 over the fields, each with its length in front: ("ab", "c") is not ("a", "bc").
fn digest<'a>(fields: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for field in fields {
        context.update(&(field.len() as u64).to_be_bytes());
        context.update(field);
    }
    let digest = context.finish();
    digest.as_ref().try_into().expect("SHA-256 gives 32 bytes")
}

#[cfg(test)]
mod tests {
    use grant::{Action, Scope};
    use uuid::Uuid;

    use super::*;
    use crate::order::PURPOSE;

    fn asked(
        holder: &str,
        request_id: &str,
        order: u128,
        jti: u128,
        categories: &[&str],
    ) -> Result<Release, Error> {
        let order = Uuid::from_u128(order);
        let grant = Grant {
            iss: "consent".to_owned(),
            aud: "payments-data".to_owned(),
            holder: holder.to_owned(),
            tenant: "acme".to_owned(),
            scope: Scope::Order {
                subject: Uuid::from_u128(7),
                order,
            },
            action: Action::Use,
            purpose: PURPOSE.to_owned(),
            categories: ["a", "b", "ab"].map(str::to_owned).to_vec(),
            clauses: Vec::new(),
            basis: None,
            policy_version: "v1".to_owned(),
            revision: 7,
            iat: 0,
            exp: 60,
            jti: Uuid::from_u128(jti),
        };
        let categories = categories.iter().map(|&it| it.to_owned()).collect();
        Release::new(&grant, request_id, OrderId(order), categories)
    }

    fn release(holder: &str, request_id: &str, order: u128, jti: u128, wanted: &[&str]) -> Release {
        asked(holder, request_id, order, jti, wanted).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn a_request_id_is_1_to_128_characters() {
        for (request_id, taken) in [
            ("r", true),
            (&"ä".repeat(128), true),
            (&"ä".repeat(129), false),
            ("", false),
        ] {
            assert_eq!(asked("shop", request_id, 1, 2, &[]).is_ok(), taken);
        }
    }

    #[test]
    fn a_release_is_of_what_is_asked_or_of_all_that_is_granted() {
        assert_eq!(release("shop", "r1", 1, 2, &["b"]).categories, ["b"]);
        assert_eq!(
            release("shop", "r1", 1, 2, &[]).categories,
            ["a", "b", "ab"]
        );
        assert!(matches!(
            asked("shop", "r1", 1, 2, &["c"]),
            Err(Error::FieldNotNecessary)
        ));
    }

    #[test]
    fn the_same_call_is_the_same_release() {
        let first = release("shop", "r1", 1, 2, &["a", "b"]);
        assert!(first == release("shop", "r1", 1, 2, &["a", "b"]));
        assert_eq!(first.record_id().len(), "release-".len() + 64);
    }

    #[test]
    fn another_caller_or_request_id_is_another_release() {
        let first = release("shop", "r1", 1, 2, &["a"]);
        for other in [
            release("shop", "r2", 1, 2, &["a"]),
            release("other", "r1", 1, 2, &["a"]),
            release("shopr", "1", 1, 2, &["a"]),
        ] {
            assert_ne!(first.request, other.request);
            assert_ne!(first.content, other.content);
        }
    }

    #[test]
    fn another_order_grant_or_field_is_other_content_under_the_same_name() {
        let first = release("shop", "r1", 1, 2, &["a", "b"]);
        for other in [
            release("shop", "r1", 9, 2, &["a", "b"]),
            release("shop", "r1", 1, 9, &["a", "b"]),
            release("shop", "r1", 1, 2, &["a"]),
            release("shop", "r1", 1, 2, &["b", "a"]),
            release("shop", "r1", 1, 2, &["ab"]),
        ] {
            assert_eq!(first.request, other.request);
            assert_ne!(first.content, other.content);
        }
    }
}
