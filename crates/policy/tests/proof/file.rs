//! A policy file as the reference model reads it, apart from the product.

use policy::{Acceptance, AgeBand};
use serde::Deserialize;

/// A policy file, as far as it decides.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Policy {
    pub policy: Block,
    pub collection_point: Vec<Block>,
    pub recipient_kind: Vec<Block>,
    pub activity: Vec<Block>,
    pub clause: Vec<Block>,
}

/// Any block of it but a rule.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Block {
    pub key: String,
    pub storage_region: String,
    pub categories: Vec<String>,
    pub falls_under: String,
    pub needs: Vec<String>,
    pub enforced: String,
    pub permit: Vec<Rule>,
    pub forbid: Vec<Rule>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Rule {
    pub action: String,
    pub points: Vec<String>,
    pub purposes: Vec<String>,
    pub categories: Vec<String>,
    pub recipient_kinds: Vec<String>,
    pub when: Condition,
    pub unless: Option<Condition>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Condition {
    pub order: bool,
    pub approval: bool,
    pub aggregate_only: bool,
    pub transfer_agreed: bool,
    pub consent: Option<String>,
    pub acts: Vec<String>,
    pub ages: Vec<AgeBand>,
    pub regions: Vec<String>,
    pub acceptance: Vec<Acceptance>,
}
