//! What a batch of events brings, is judged by, and becomes: what passes between rule and store.

use std::collections::{BTreeMap, HashMap};

use chassis::requests::RequestId;
use chassis::{RequestKey, Tenant};
use ledger::{Entry, Frontier, Hash, Opening, Tile};
use uuid::Uuid;

use crate::error::Error;
use crate::event::{Event, KeyDestruction};
use crate::hold::{HoldLift, HoldOrder, RetentionStatement};
use crate::recipient::Recipient;

/// An event that asks for a place in the log, with the id its entry will have there.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) tenant: Tenant,
    /// As in the payload.
    pub(crate) recorded_by: String,
    /// `None` when the event is its own identity: the destruction of one key.
    pub(crate) request: Option<RequestKey>,
    pub(crate) event: Event,
    pub(crate) entry_id: Uuid,
}

/// Where a durable entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) entry_id: Uuid,
    /// From zero.
    pub(crate) index: u64,
    /// Unix milliseconds.
    pub(crate) recorded_at: i64,
}

/// The newest entry of one subject.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SubjectHead {
    /// How many entries the subject has.
    pub(crate) sequence: u64,
    /// The commitment of the newest.
    pub(crate) commitment: Option<Hash>,
    pub(crate) standing: Standing,
}

/// Whether anything may be recorded of a subject, and opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Both.
    #[default]
    Open,
    /// Nothing is recorded any more; the key is kept until nothing delays its destruction.
    Waiting,
    /// Neither: the key is destroyed, or being destroyed.
    Shredded,
}

/// What an event changes beside the log, in the transaction that enters it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    HoldPlaced(HoldOrder),
    HoldLifted(HoldLift),
    RetentionSet(RetentionStatement),
}

/// Whose key seals an entry: a subject's, or with `None` the tenant's own for evidence.
pub(crate) type Sealer = (Tenant, Option<Uuid>);
/// Tenant, who recorded it, and the destroyed key.
pub(crate) type DestructionId = (Tenant, String, Uuid);

/// All that a batch is judged by, read while no other writer can change it.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) frontier: Frontier,
    pub(crate) recipients: HashMap<(Tenant, String), Recipient>,
    /// Every subject of the batch that has an entry or was shredded.
    pub(crate) subjects: BTreeMap<(Tenant, Uuid), SubjectHead>,
    /// Requests of the batch whose ids were used before: what for, and with what entry if any.
    pub(crate) requests: HashMap<RequestId, (RequestKey, Option<Recorded>)>,
    pub(crate) destructions: HashMap<DestructionId, (KeyDestruction, Recorded)>,
}

/// A new entry, and what must be sealed beside it.
#[derive(Debug)]
pub(crate) struct NewEntry {
    pub(crate) sealer: Sealer,
    pub(crate) recorded: Recorded,
    pub(crate) entry: Entry,
    pub(crate) opening: Opening,
}

/// What a batch becomes.
#[derive(Debug, Default)]
pub(crate) struct Sequenced {
    /// One per candidate, in order.
    pub(crate) outcomes: Vec<Result<Recorded, Error>>,
    pub(crate) entries: Vec<NewEntry>,
    /// Every tile that grew.
    pub(crate) tiles: Vec<Tile>,
    pub(crate) frontier: Frontier,
    /// The new heads of the subjects that got an entry.
    pub(crate) subjects: BTreeMap<(Tenant, Uuid), SubjectHead>,
    pub(crate) requests: Vec<(RequestKey, Recorded)>,
    pub(crate) destructions: Vec<(DestructionId, KeyDestruction, Recorded)>,
    pub(crate) changes: Vec<(Tenant, Change, Recorded)>,
}

impl Candidate {
    pub(crate) fn destruction_id(&self, destruction: &KeyDestruction) -> DestructionId {
        (
            self.tenant.clone(),
            self.recorded_by.clone(),
            destruction.key_id,
        )
    }
}
