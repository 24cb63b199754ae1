//! How often each clause decided, and when last: what this process saw since it started.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::decision::Decision;

/// The counts of every tenant's clauses.
pub(crate) struct Tally {
    since: i64,
    clauses: Mutex<HashMap<String, HashMap<String, Count>>>,
}

/// How often one clause decided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// How often it permitted, or found its condition met.
    pub(crate) permitted: u64,
    /// How often it refused.
    pub(crate) refused: u64,
    /// When it last did either, in Unix milliseconds.
    pub(crate) last_at: Option<i64>,
}

impl Tally {
    /// Begins at a time in Unix milliseconds.
    pub(crate) fn since(since: i64) -> Self {
        Self {
            since,
            clauses: Mutex::default(),
        }
    }

    /// When the counting began, in Unix milliseconds.
    pub(crate) fn began_at(&self) -> i64 {
        self.since
    }

    /// Counts a decision for each of its clauses.
    pub(crate) fn decided(&self, tenant: &str, decision: &Decision, now: i64) {
        if decision.clauses.is_empty() {
            return;
        }
        let mut tenants = self.lock();
        if !tenants.contains_key(tenant) {
            tenants.insert(tenant.to_owned(), HashMap::new());
        }
        let Some(clauses) = tenants.get_mut(tenant) else {
            return;
        };
        for key in &decision.clauses {
            // A decision is frequent and a clause's first one is not: only that one copies its key.
            let count = match clauses.get_mut(key) {
                Some(count) => count,
                None => clauses.entry(key.clone()).or_default(),
            };
            match decision.refusal {
                None => count.permitted += 1,
                Some(_) => count.refused += 1,
            }
            count.last_at = Some(now);
        }
    }

    /// The count of one clause.
    pub(crate) fn of(&self, tenant: &str, clause: &str) -> Count {
        let tenants = self.lock();
        let count = tenants.get(tenant).and_then(|it| it.get(clause));
        count.copied().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, HashMap<String, Count>>> {
        // Counts are whole after every statement, whoever panicked.
        self.clauses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::Reason;

    #[test]
    fn each_clause_of_a_decision_is_counted_for_its_tenant() {
        let tally = Tally::since(1);
        let refusal = Decision {
            clauses: vec!["a".to_owned()],
            ..Decision::deny(Reason::RecipientUnknown, 1)
        };
        let permit = Decision {
            refusal: None,
            clauses: vec!["a".to_owned(), "b".to_owned()],
            ..refusal.clone()
        };
        tally.decided("default", &refusal, 5);
        tally.decided("default", &permit, 6);
        tally.decided("default", &permit, 7);
        tally.decided("clinic", &refusal, 8);
        for (tenant, clause, permitted, refused, last_at) in [
            ("default", "a", 2, 1, Some(7)),
            ("default", "b", 2, 0, Some(7)),
            ("default", "c", 0, 0, None),
            ("clinic", "a", 0, 1, Some(8)),
            ("clinic", "b", 0, 0, None),
            ("nobody", "a", 0, 0, None),
        ] {
            let expected = Count {
                permitted,
                refused,
                last_at,
            };
            assert_eq!(tally.of(tenant, clause), expected, "{tenant} {clause}");
        }
        assert_eq!(tally.began_at(), 1);
    }
}
