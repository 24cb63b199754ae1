//! What an admitted grant permits at this vault: storing or opening, of whom, and which categories.

use grant::{Action, Grant, Scope};
use uuid::Uuid;

/// Why a grant that is genuine does not fit what is asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// It is for another action, or not for one person.
    Action,
    /// It does not name a category that is wanted.
    Outside,
}

/// The person, collection point and act of a grant to collect.
pub fn to_collect(grant: &Grant) -> Result<(Uuid, &str, &str), Unfit> {
    match (&grant.scope, &grant.action) {
        (Scope::Subject(subject), Action::Collect { point, act }) => Ok((*subject, point, act)),
        _ => Err(Unfit::Action),
    }
}

/// The person of a grant to use or to disclose.
pub fn to_open(grant: &Grant) -> Result<Uuid, Unfit> {
    match (&grant.scope, &grant.action) {
        (Scope::Subject(subject), Action::Use | Action::Disclose { .. }) => Ok(*subject),
        _ => Err(Unfit::Action),
    }
}

/// The categories to open: those wanted, each once and in the order wanted; all that are granted
/// when none is named. A category is granted by its own name only, never by a wider one.
pub fn categories<'a>(grant: &'a Grant, wanted: &'a [String]) -> Result<Vec<&'a str>, Unfit> {
    if wanted.iter().any(|it| !grant.categories.contains(it)) {
        return Err(Unfit::Outside);
    }
    let named = if wanted.is_empty() {
        &grant.categories
    } else {
        wanted
    };
    let mut once: Vec<&str> = Vec::new();
    for category in named {
        if !once.contains(&category.as_str()) {
            once.push(category);
        }
    }
    Ok(once)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERSON: Uuid = Uuid::from_u128(1);

    fn grant(scope: Scope, action: Action) -> Grant {
        Grant {
            iss: "consent".to_owned(),
            aud: "identity".to_owned(),
            holder: "spiffe://vow.local/workload/shop".to_owned(),
            tenant: "default".to_owned(),
            scope,
            action,
            purpose: String::new(),
            categories: ["user.name", "user.contact"].map(str::to_owned).to_vec(),
            clauses: Vec::new(),
            basis: None,
            policy_version: "v1".to_owned(),
            revision: 1,
            iat: 0,
            exp: 60,
            jti: Uuid::from_u128(9),
        }
    }

    fn collect() -> Action {
        Action::Collect {
            point: "site_registration".to_owned(),
            act: "typed".to_owned(),
        }
    }

    fn disclose() -> Action {
        Action::Disclose {
            recipient: "letters".to_owned(),
            recipient_kind: "service_provider".to_owned(),
        }
    }

    #[test]
    fn a_grant_serves_its_own_action_and_one_person_only() {
        let subject = Scope::Subject(PERSON);
        let order = Scope::Order {
            subject: PERSON,
            order: Uuid::from_u128(2),
        };
        for (scope, action, collects, opens) in [
            (subject, collect(), true, false),
            (subject, Action::Use, false, true),
            (subject, disclose(), false, true),
            (order, collect(), false, false),
            (order, Action::Use, false, false),
            (Scope::Aggregate, Action::Use, false, false),
        ] {
            let grant = grant(scope, action);
            assert_eq!(to_collect(&grant).is_ok(), collects, "{scope:?}");
            assert_eq!(
                to_open(&grant),
                if opens {
                    Ok(PERSON)
                } else {
                    Err(Unfit::Action)
                }
            );
        }
    }

    #[test]
    fn exactly_the_granted_categories_open() {
        let grant = grant(Scope::Subject(PERSON), Action::Use);
        for (wanted, opened) in [
            (&[][..], Ok(&["user.name", "user.contact"][..])),
            (&["user.contact"], Ok(&["user.contact"])),
            (
                &["user.contact", "user.name", "user.contact"],
                Ok(&["user.contact", "user.name"]),
            ),
            (&["user.contact.email"], Err(Unfit::Outside)),
            (&["user"], Err(Unfit::Outside)),
            (&["user.name", ""], Err(Unfit::Outside)),
        ] {
            let wanted: Vec<String> = wanted.iter().map(|it| (*it).to_owned()).collect();
            let answer = categories(&grant, &wanted);
            assert_eq!(answer.as_deref(), opened.as_deref(), "{wanted:?}");
        }
    }
}
