//! One release of an order's data: what makes two calls the same release.

use aws_lc_rs::digest::{Context, SHA256};
use grant::Grant;

use crate::{error::Error, order::OrderId};

/// The length of a caller's request id.
const REQUEST_ID_CHARACTERS_MAX: usize = 128;

/// A release by name and content. The caller's own words are in neither, only their digests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Names the release within its tenant: the caller and the caller's request id.
    pub request: [u8; 32],
    /// Everything the release is for. Under one name it never differs.
    pub content: [u8; 32],
}

impl Release {
    /// The release that the grant's holder asks for as `request_id`.
    pub fn new(
        grant: &Grant,
        request_id: &str,
        order: OrderId,
        wanted: &[String],
    ) -> Result<Self, Error> {
        if !(1..=REQUEST_ID_CHARACTERS_MAX).contains(&request_id.chars().count()) {
            return Err(Error::RequestIdInvalid);
        }
        let request = digest([grant.holder.as_bytes(), request_id.as_bytes()]);
        let fixed = [&request[..], order.0.as_bytes(), grant.jti.as_bytes()];
        let content = digest(fixed.into_iter().chain(wanted.iter().map(String::as_bytes)));
        Ok(Self { request, content })
    }

    /// The id under which the release is recorded in the log: a retry finds its own entry there.
    pub fn record_id(&self) -> String {
        let hex = self.content.map(|byte| format!("{byte:02x}")).concat();
        format!("release-{hex}")
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

    fn grant(holder: &str, jti: u128) -> Grant {
        Grant {
            iss: "consent".to_owned(),
            aud: "payments-data".to_owned(),
            holder: holder.to_owned(),
            tenant: "acme".to_owned(),
            scope: Scope::Aggregate,
            action: Action::Use,
            purpose: String::new(),
            categories: Vec::new(),
            clauses: Vec::new(),
            policy_version: "v1".to_owned(),
            revision: 7,
            iat: 0,
            exp: 60,
            jti: Uuid::from_u128(jti),
        }
    }

    fn release(holder: &str, request_id: &str, order: u128, jti: u128, wanted: &[&str]) -> Release {
        let wanted: Vec<String> = wanted.iter().map(|&it| it.to_owned()).collect();
        let order = OrderId(Uuid::from_u128(order));
        Release::new(&grant(holder, jti), request_id, order, &wanted).unwrap()
    }

    #[test]
    fn a_request_id_is_1_to_128_characters() {
        for (request_id, taken) in [
            ("r", true),
            (&"ä".repeat(128), true),
            (&"ä".repeat(129), false),
            ("", false),
        ] {
            let order = OrderId(Uuid::from_u128(1));
            let release = Release::new(&grant("shop", 2), request_id, order, &[]);
            assert_eq!(release.is_ok(), taken);
        }
    }

    #[test]
    fn the_same_call_is_the_same_release() {
        let first = release("shop", "r1", 1, 2, &["a", "b"]);
        assert_eq!(first, release("shop", "r1", 1, 2, &["a", "b"]));
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
