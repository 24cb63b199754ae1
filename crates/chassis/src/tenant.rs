//! The tenant of a call: the customer whose people, policy and keys it is about.

use std::{fmt, sync::Arc};

/// The tenant of a call that names none.
const DEFAULT: &str = "default";
const LENGTH_MAX: usize = 63;

/// A tenant's name: 1 to 63 of `a-z`, `0-9` and `-`. It is not personal and may be logged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenant(Arc<str>);

/// The name is not one that a tenant can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a tenant is named by 1 to 63 lower-case letters, digits and dashes")]
pub struct TenantInvalid;

impl Tenant {
    /// Reads a name.
    pub fn parse(name: &str) -> Result<Tenant, TenantInvalid> {
        let allowed = |it: u8| matches!(it, b'a'..=b'z' | b'0'..=b'9' | b'-');
        let length = (1..=LENGTH_MAX).contains(&name.len());
        match length && name.bytes().all(allowed) {
            true => Ok(Tenant(name.into())),
            false => Err(TenantInvalid),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Tenant {
    fn default() -> Self {
        Tenant(DEFAULT.into())
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_the_right_form_are_tenants() {
        for (name, is_tenant) in [
            ("default", true),
            ("a", true),
            ("0-9", true),
            (&"a".repeat(63), true),
            (&"a".repeat(64), false),
            ("", false),
            ("Acme", false),
            ("acme corp", false),
            ("acme/other", false),
            ("zürich", false),
        ] {
            assert_eq!(Tenant::parse(name).is_ok(), is_tenant, "{name}");
        }
        assert_eq!(Tenant::parse("default"), Ok(Tenant::default()));
    }
}
