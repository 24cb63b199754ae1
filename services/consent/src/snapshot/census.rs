//! Persons of whom decisions know the same, counted together: what is asked about all is asked about each sort once.

use std::collections::HashMap;

use policy::{ConsentEntry, TermSet};

/// How many persons are alike, for each sort of them.
#[derive(Debug, Default)]
pub(crate) struct Census(HashMap<Alike, u64>);

/// All that decisions know of a person at one moment.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Alike {
    pub(super) standing: policy::Standing,
    pub(super) region: [u8; 2],
    pub(super) age_band: Option<policy::AgeBand>,
    pub(super) acceptance: Option<policy::Acceptance>,
    pub(super) consents: Vec<ConsentEntry>,
}

impl Census {
    /// Each sort of persons, and how many there are of it.
    pub(crate) fn alike(&self) -> impl Iterator<Item = (&Alike, u64)> {
        self.0.iter().map(|(alike, count)| (alike, *count))
    }

    pub(super) fn add(&mut self, alike: Alike) {
        *self.0.entry(alike).or_default() += 1;
    }
}

impl Alike {
    /// Any of these persons, to be decided about at the moment they were counted.
    pub(crate) fn subject(&self) -> policy::Subject<'_> {
        policy::Subject {
            standing: self.standing,
            age_band: self.age_band,
            region: std::str::from_utf8(&self.region).ok(),
            acceptance: self.acceptance,
            transfer_agreed: false,
            refused: TermSet::default(),
            consents: &self.consents,
        }
    }
}
