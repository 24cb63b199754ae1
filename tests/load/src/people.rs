//! The people of a run. An act takes a person out and puts them back, so that it alone knows what must be answered.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard},
};

/// Somebody registered, with a name and an e-mail address in the vault.
#[derive(Debug)]
pub struct Person {
    /// The subject's id.
    pub id: String,
    /// The address that was collected, and must be the one that is revealed.
    pub email: String,
    /// The revision of the person's last change, below which no answer is fresh enough.
    pub revision: u64,
}

/// Those whom no act is using, by whether they permit the newsletter to the run's provider.
#[derive(Debug, Default)]
pub struct People {
    permitting: Mutex<VecDeque<Person>>,
    silent: Mutex<VecDeque<Person>>,
}

impl People {
    /// The one who waited longest among those who permit, or among those who do not.
    pub fn take(&self, permits: bool) -> Option<Person> {
        self.queue(permits).pop_front()
    }

    /// Puts a person back.
    pub fn put(&self, permits: bool, person: Person) {
        self.queue(permits).push_back(person);
    }

    fn queue(&self, permits: bool) -> MutexGuard<'_, VecDeque<Person>> {
        let queue = if permits {
            &self.permitting
        } else {
            &self.silent
        };
        queue.lock().expect("no holder panics")
    }
}
