//! The sequencing rule: what a batch of events becomes, given what is known under the log's lock.

use ledger::{Entry, Opening};

use crate::batch::{
    Candidate, Change, Known, NewEntry, Recorded, Sealer, Sequenced, Standing, SubjectHead,
};
use crate::error::Error;
use crate::event::{Addressee, Event, Payload, hex};
use crate::recipient::NotAdmitted;

/// Gives each candidate its place, the place it already had, or a refusal.
///
/// `sealable` says whether the key that would seal an entry can be used.
pub(crate) fn sequence(
    batch: &[Candidate],
    known: Known,
    sealable: impl Fn(&Sealer) -> Result<(), Error>,
    now: i64,
) -> Sequenced {
    let frontier = known.frontier.clone();
    let mut sequencer = Sequencer {
        first: frontier.size(),
        known,
        now,
        sequenced: Sequenced {
            frontier,
            ..Sequenced::default()
        },
    };
    for candidate in batch {
        let outcome = sequencer.place(candidate, &sealable);
        sequencer.sequenced.outcomes.push(outcome);
    }
    let mut sequenced = sequencer.sequenced;
    let leaves: Vec<_> = sequenced
        .entries
        .iter()
        .map(|it| it.entry.leaf_hash())
        .collect();
    sequenced.tiles = sequenced.frontier.append(&leaves);
    sequenced
}

struct Sequencer {
    first: u64,
    known: Known,
    now: i64,
    sequenced: Sequenced,
}

impl Sequencer {
    fn place(
        &mut self,
        candidate: &Candidate,
        sealable: impl Fn(&Sealer) -> Result<(), Error>,
    ) -> Result<Recorded, Error> {
        // Before any other refusal: what was recorded once stays recorded, whatever happened since.
        if let Some(recorded) = self.replay(candidate)? {
            return Ok(recorded);
        }
        let event = self.admit(candidate)?;
        let sealer = (candidate.tenant.clone(), event.subject_id());
        let head = self.subject_head(&sealer);
        if head.is_some_and(|it| it.standing != Standing::Open) || self.holds_nothing(candidate) {
            return Err(Error::SubjectShredded);
        }
        sealable(&sealer)?;
        Ok(self.append(candidate, event, sealer, head))
    }

    fn replay(&self, candidate: &Candidate) -> Result<Option<Recorded>, Error> {
        if let Some(request) = &candidate.request
            && let Some((earlier, recorded)) = self.known.requests.get(&request.id())
        {
            let recorded = recorded.filter(|_| earlier == request);
            return recorded.map(Some).ok_or(Error::IdempotencyConflict);
        }
        if let Event::KeyDestroyed(destruction) = &candidate.event
            && let Some((earlier, recorded)) = self
                .known
                .destructions
                .get(&candidate.destruction_id(destruction))
        {
            let recorded = Some(*recorded).filter(|_| earlier.is_same_key(destruction));
            return recorded.map(Some).ok_or(Error::IdempotencyConflict);
        }
        Ok(None)
    }

    /// The event as it will be recorded, if it may be: the last gate before anything leaves.
    fn admit(&self, candidate: &Candidate) -> Result<Event, Error> {
        let Event::Disclosure(disclosure) = &candidate.event else {
            return Ok(candidate.event.clone());
        };
        let id = (candidate.tenant.clone(), disclosure.recipient.id.clone());
        let recipient = self
            .known
            .recipients
            .get(&id)
            .ok_or(Error::RecipientNotRegistered)?;
        recipient
            .admits(disclosure, self.now)
            .map_err(|it| match it {
                NotAdmitted::Expired => Error::RecipientExpired,
                NotAdmitted::Kind => Error::RecipientKind,
                NotAdmitted::Purpose => Error::RecipientPurpose,
            })?;
        let mut admitted = disclosure.clone();
        admitted.recipient = Addressee {
            name: recipient.name.clone(),
            country: recipient.country.clone(),
            ..admitted.recipient
        };
        Ok(Event::Disclosure(admitted))
    }

    /// Whether it is a hold on what is destroyed, or being destroyed.
    fn holds_nothing(&self, candidate: &Candidate) -> bool {
        let Event::HoldPlaced(order) = &candidate.event else {
            return false;
        };
        let id = (candidate.tenant.clone(), order.subject_id);
        let head = self.known.subjects.get(&id);
        head.is_some_and(|it| it.standing == Standing::Shredded)
    }

    /// The subject's newest entry, those of this batch included; `None` for evidence.
    fn subject_head(&self, sealer: &Sealer) -> Option<SubjectHead> {
        let subject = (sealer.0.clone(), sealer.1?);
        let head = self
            .sequenced
            .subjects
            .get(&subject)
            .or_else(|| self.known.subjects.get(&subject));
        Some(head.copied().unwrap_or_default())
    }

    fn append(
        &mut self,
        candidate: &Candidate,
        event: Event,
        sealer: Sealer,
        head: Option<SubjectHead>,
    ) -> Recorded {
        let recorded = Recorded {
            entry_id: candidate.entry_id,
            index: self.first + self.sequenced.entries.len() as u64,
            recorded_at: self.now,
        };
        let payload = Payload {
            tenant: candidate.tenant.as_str().to_owned(),
            recorded_at: self.now,
            recorded_by: candidate.recorded_by.clone(),
            subject_sequence: head.map(|it| it.sequence + 1),
            previous_commitment: head.and_then(|it| it.commitment).map(|it| hex(&it)),
            event,
        };
        let opening = Opening::new(payload.to_bytes());
        // A public second, however precise the payload is: the checkpoint interval.
        let time = self.now.cast_unsigned() / 1_000;
        let commitment = opening.commitment();
        let entry = Entry {
            id: candidate.entry_id,
            time,
            commitment,
        };
        if let (tenant, Some(subject)) = &sealer {
            let head = SubjectHead {
                sequence: head.unwrap_or_default().sequence + 1,
                commitment: Some(commitment),
                standing: Standing::Open,
            };
            self.sequenced
                .subjects
                .insert((tenant.clone(), *subject), head);
        }
        self.sequenced.entries.push(NewEntry {
            sealer,
            recorded,
            entry,
            opening,
        });
        self.remember(candidate, recorded);
        recorded
    }

    /// For later batches, and for a repetition later in this one.
    fn remember(&mut self, candidate: &Candidate, recorded: Recorded) {
        if let Some(request) = &candidate.request {
            self.known
                .requests
                .insert(request.id(), (request.clone(), Some(recorded)));
            self.sequenced.requests.push((request.clone(), recorded));
        }
        let change = match &candidate.event {
            Event::HoldPlaced(order) => Some(Change::HoldPlaced(order.clone())),
            Event::HoldLifted(lift) => Some(Change::HoldLifted(lift.clone())),
            Event::RetentionSet(statement) => Some(Change::RetentionSet(*statement)),
            _ => None,
        };
        let changed = change.map(|it| (candidate.tenant.clone(), it, recorded));
        self.sequenced.changes.extend(changed);
        if let Event::KeyDestroyed(destruction) = &candidate.event {
            let id = candidate.destruction_id(destruction);
            self.known
                .destructions
                .insert(id.clone(), (destruction.clone(), recorded));
            self.sequenced
                .destructions
                .push((id, destruction.clone(), recorded));
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::{BTreeMap, HashMap};

    use chassis::{Callers, RequestKey, Tenant};
    use ledger::{leaf_hash, root};
    use uuid::Uuid;
    use vault::{BlindIndex, Key};

    use super::*;
    use crate::event::tests::{disclosure, release};
    use crate::event::{KeyDestruction, PolicyPublication};
    use crate::hold::tests::order;
    use crate::recipient::Recipient;
    use crate::recipient::tests::mail_house;

    const NOW: i64 = 1_699_999_999_999;
    const VAULT: &str = "spiffe://vow.local/workload/identity";

    /// The requests of one caller, with the key that all their contents are kept under.
    pub(crate) struct Requests(BlindIndex);

    impl Requests {
        pub(crate) fn new() -> Self {
            Self(BlindIndex::new(Key::generate()))
        }

        pub(crate) fn key(&self, id: &str, content: &[u8]) -> RequestKey {
            let table = format!(
                "[[caller]]\nid = '{VAULT}'\nkind = 'workload'\ntenants = ['*']\nmethods = ['a/b']"
            );
            let callers = Callers::parse(&table).unwrap();
            let caller = callers.admit(VAULT, Tenant::default(), "a/b").unwrap();
            RequestKey::new(&caller, "Record", id, &self.0, content).unwrap()
        }
    }

    fn candidate(request: Option<RequestKey>, event: Event) -> Candidate {
        Candidate::new(Tenant::default(), VAULT.into(), request, event)
    }

    fn key_destroyed(key: u128, owner: u128) -> Event {
        Event::KeyDestroyed(KeyDestruction {
            key_id: Uuid::from_u128(key),
            owner_kind: "order".into(),
            owner_id: Uuid::from_u128(owner),
            covers: None,
        })
    }

    fn known() -> Known {
        let mail_house = mail_house();
        let id = (Tenant::default(), mail_house.id.clone());
        Known {
            recipients: HashMap::from([(id, mail_house)]),
            ..Known::default()
        }
    }

    fn run(batch: &[Candidate], known: Known) -> Sequenced {
        sequence(batch, known, |_| Ok(()), NOW)
    }

    fn payload(sequenced: &Sequenced, place: usize) -> Payload {
        Payload::parse(&sequenced.entries[place].opening.payload).unwrap()
    }

    #[test]
    fn entries_get_consecutive_places_and_the_root_covers_them() {
        let batch: Vec<_> = (0..5)
            .map(|it| candidate(None, key_destroyed(it, 9)))
            .collect();
        let first = run(&batch, known());
        let second = run(
            &batch,
            Known {
                frontier: first.frontier.clone(),
                ..known()
            },
        );
        let places: Vec<_> = first
            .outcomes
            .iter()
            .chain(&second.outcomes)
            .map(|it| it.unwrap().index)
            .collect();
        assert_eq!(places, (0..10).collect::<Vec<_>>());
        let entries = first.entries.iter().chain(&second.entries);
        let leaves: Vec<_> = entries.map(|it| leaf_hash(&it.entry.to_bytes())).collect();
        assert_eq!(second.frontier.root(), root(&leaves));
        assert_eq!(second.frontier.size(), 10);
    }

    #[test]
    fn an_entry_commits_to_its_payload_and_rounds_its_time() {
        let sequenced = run(&[candidate(None, Event::Use(release()))], known());
        let new = &sequenced.entries[0];
        assert_eq!(new.opening.verify(&new.entry), Ok(()));
        assert_eq!(new.entry.time, 1_699_999_999);
        assert_eq!(payload(&sequenced, 0).recorded_at, NOW);
        assert_eq!(payload(&sequenced, 0).recorded_by, VAULT);
    }

    #[test]
    fn a_subjects_entries_are_counted_and_chained() {
        let of_subject = || candidate(None, Event::Use(release()));
        let evidence = candidate(None, key_destroyed(1, 2));
        let first = run(&[of_subject(), evidence, of_subject()], known());
        let second = run(
            &[of_subject()],
            Known {
                subjects: first.subjects.clone(),
                ..known()
            },
        );
        let commitment = |new: &NewEntry| Some(hex(&new.entry.commitment));
        let chain = |payload: Payload| (payload.subject_sequence, payload.previous_commitment);
        assert_eq!(chain(payload(&first, 0)), (Some(1), None));
        assert_eq!(chain(payload(&first, 1)), (None, None));
        assert_eq!(
            chain(payload(&first, 2)),
            (Some(2), commitment(&first.entries[0]))
        );
        assert_eq!(
            chain(payload(&second, 0)),
            (Some(3), commitment(&first.entries[2]))
        );
    }

    #[test]
    fn a_disclosure_is_recorded_with_the_recipient_as_registered() {
        let sequenced = run(&[candidate(None, Event::Disclosure(disclosure()))], known());
        let Event::Disclosure(recorded) = payload(&sequenced, 0).event else {
            panic!("it was a disclosure");
        };
        assert_eq!(recorded.recipient.name, mail_house().name);
        assert_eq!(recorded.recipient.country, mail_house().country);
    }

    #[test]
    fn a_disclosure_that_the_register_does_not_admit_leaves_no_trace() {
        type Change = fn(&mut Recipient);
        let cases: [(Error, Change); 4] = [
            (Error::RecipientNotRegistered, |it| it.id = "other".into()),
            (Error::RecipientExpired, |it| it.expires_at = NOW),
            (Error::RecipientKind, |it| it.kind = "carrier".into()),
            (Error::RecipientPurpose, |it| {
                it.categories = vec!["user.name".into()]
            }),
        ];
        for (error, change) in cases {
            let mut recipient = mail_house();
            change(&mut recipient);
            let id = (Tenant::default(), recipient.id.clone());
            let known = Known {
                recipients: HashMap::from([(id, recipient)]),
                ..Known::default()
            };
            let refused = candidate(None, Event::Disclosure(disclosure()));
            let good = candidate(None, Event::Use(release()));
            let sequenced = run(&[refused, good], known);
            assert_eq!(sequenced.outcomes[0], Err(error));
            // The next one takes the place, as if the refused one had never come.
            assert_eq!(sequenced.outcomes[1].map(|it| it.index), Ok(0));
            assert_eq!(payload(&sequenced, 0).subject_sequence, Some(1));
        }
    }

    #[test]
    fn another_tenants_registration_admits_nothing() {
        let mut foreign = candidate(None, Event::Disclosure(disclosure()));
        foreign.tenant = Tenant::parse("other").unwrap();
        assert_eq!(
            run(&[foreign], known()).outcomes,
            [Err(Error::RecipientNotRegistered)]
        );
    }

    fn standing_so(standing: Standing) -> BTreeMap<(Tenant, Uuid), SubjectHead> {
        let head = SubjectHead {
            standing,
            ..SubjectHead::default()
        };
        BTreeMap::from([((Tenant::default(), release().subject_id), head)])
    }

    #[test]
    fn a_hold_is_placed_while_there_is_a_key_to_hold() {
        let order = order("Superior Court", "24-1234");
        assert_eq!(order.subject_id, release().subject_id);
        let hold = [candidate(None, Event::HoldPlaced(order.clone()))];
        for (standing, placed) in [
            (Standing::Open, true),
            (Standing::Waiting, true),
            (Standing::Shredded, false),
        ] {
            let known = Known {
                subjects: standing_so(standing),
                ..known()
            };
            let sequenced = run(&hold, known);
            let changes = sequenced.changes.iter().map(|it| &it.1);
            assert_eq!(sequenced.outcomes[0].is_ok(), placed, "{standing:?}");
            let expected = placed.then(|| Change::HoldPlaced(order.clone()));
            assert!(changes.eq(&expected), "{standing:?}");
        }
    }

    #[test]
    fn nothing_is_recorded_of_a_shredded_subject() {
        let batch = [candidate(None, Event::Use(release()))];
        for standing in [Standing::Waiting, Standing::Shredded] {
            let known = Known {
                subjects: standing_so(standing),
                ..known()
            };
            let barred = run(&batch, known);
            assert_eq!(barred.outcomes, [Err(Error::SubjectShredded)]);
        }
        let keyless = sequence(&batch, known(), |_| Err(Error::SubjectShredded), NOW);
        assert_eq!(keyless.outcomes, [Err(Error::SubjectShredded)]);
        assert!(keyless.entries.is_empty() && keyless.tiles.is_empty());
    }

    #[test]
    fn the_same_request_gets_the_first_entry_and_other_content_a_refusal() {
        let requests = Requests::new();
        let event =
            |content: &[u8]| candidate(Some(requests.key("1", content)), Event::Use(release()));
        let first = run(&[event(b"a"), event(b"a"), event(b"b")], known());
        assert_eq!(first.outcomes[0], first.outcomes[1]);
        assert_eq!(first.outcomes[2], Err(Error::IdempotencyConflict));
        assert_eq!((first.entries.len(), first.requests.len()), (1, 1));

        let (key, recorded) = first.requests[0].clone();
        let remembered = HashMap::from([(key.id(), (key, Some(recorded)))]);
        // Also after the subject was shredded: what stands in the log stands there.
        let later = run(
            &[event(b"a"), event(b"b")],
            Known {
                requests: remembered,
                subjects: standing_so(Standing::Shredded),
                ..known()
            },
        );
        assert_eq!(
            later.outcomes,
            [Ok(recorded), Err(Error::IdempotencyConflict)]
        );
        assert!(later.entries.is_empty());
    }

    #[test]
    fn a_key_is_destroyed_once_whatever_the_request() {
        let requests = Requests::new();
        let event = |id: &str, owner| {
            candidate(
                Some(requests.key(id, id.as_bytes())),
                key_destroyed(1, owner),
            )
        };
        let sequenced = run(&[event("1", 2), event("2", 2), event("3", 3)], known());
        assert_eq!(sequenced.outcomes[0], sequenced.outcomes[1]);
        assert_eq!(sequenced.outcomes[2], Err(Error::IdempotencyConflict));
        assert_eq!(
            (sequenced.entries.len(), sequenced.destructions.len()),
            (1, 1)
        );
    }

    #[test]
    fn evidence_belongs_to_the_tenant_and_events_to_their_subject() {
        let publication = PolicyPublication {
            policy_version: "1".into(),
            digest: hex(&[7; 32]),
        };
        let evidence = candidate(None, Event::PolicyVersion(publication));
        let sequenced = run(&[evidence, candidate(None, Event::Use(release()))], known());
        let sealers: Vec<_> = sequenced.entries.iter().map(|it| it.sealer.1).collect();
        assert_eq!(sealers, [None, Some(release().subject_id)]);
    }
}
