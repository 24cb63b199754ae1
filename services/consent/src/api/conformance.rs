//! The call that tells what keeps each clause of the current policy.

use chassis::Caller;
use policy::Rulebook;
use proto::consent::{ClauseConformance, Coverage, GetConformanceResponse};

use super::{Api, timestamp};
use crate::{error::Error, tally::Count};

impl Api {
    pub(super) async fn conformance(
        &self,
        caller: &Caller,
    ) -> Result<GetConformanceResponse, Error> {
        let current = self.policy_in_force(caller).await?;
        let rulebook = &current.rulebook;
        let tenant = caller.tenant.as_str();
        let clauses = rulebook.clauses().iter().map(|it| {
            let count = self.tally.of(tenant, &it.key);
            clause_conformance(rulebook, it, count)
        });
        Ok(GetConformanceResponse {
            policy_version: current.name.to_string(),
            clauses: clauses.collect(),
            counted_since: Some(timestamp(self.tally.began_at())),
        })
    }
}

fn clause_conformance(
    rulebook: &Rulebook,
    clause: &policy::Clause,
    count: Count,
) -> ClauseConformance {
    let coverage = match clause.coverage() {
        policy::Coverage::Enforced => Coverage::Enforced,
        policy::Coverage::Evidenced => Coverage::Evidenced,
        policy::Coverage::TextOnly => Coverage::TextOnly,
    };
    let methods = rulebook.methods_of(clause).into_iter();
    ClauseConformance {
        clause: clause.key.clone(),
        title: clause.title.clone(),
        coverage: coverage.into(),
        rules: rulebook.deciding_rules(clause),
        methods: methods.map(str::to_owned).collect(),
        permitted: count.permitted,
        refused: count.refused,
        last_decided_at: count.last_at.map(timestamp),
    }
}
