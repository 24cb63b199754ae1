//! Sealing an opening to its entry, under the subject's key or, for evidence, the tenant's.

use std::collections::HashMap;

use chassis::StoredKey;
use ledger::{Entry, Opening};
use uuid::Uuid;
use vault::{Key, Owner, open_with, seal_with};

use crate::batch::{NewEntry, Sealer};
use crate::error::Error;

/// The keys of one batch, each usable or refused.
#[derive(Debug, Default)]
pub(crate) struct SealingKeys(pub(crate) HashMap<Sealer, Result<StoredKey, Error>>);

impl SealingKeys {
    /// Why nothing can be sealed by this sealer, if so.
    pub(crate) fn sealable(&self, sealer: &Sealer) -> Result<(), Error> {
        self.key(sealer).map(|_| ())
    }

    /// The id of the key, and the sealed opening.
    pub(crate) fn seal(&self, new: &NewEntry) -> Result<(Uuid, Vec<u8>), Error> {
        let key = self.key(&new.sealer)?;
        let opening = new.opening.to_bytes();
        // The entry is the associated data: an opening put beside another entry does not open.
        let sealed = seal_with(&key.key, &new.entry.to_bytes(), &opening);
        Ok((key.id, sealed.into_bytes()))
    }

    fn key(&self, sealer: &Sealer) -> Result<&StoredKey, Error> {
        self.0
            .get(sealer)
            .ok_or(Error::LogUnavailable)?
            .as_ref()
            .map_err(|it| *it)
    }
}

/// Whose key of the key store a sealer's is.
pub(crate) fn owner(subject: Option<Uuid>) -> Owner {
    subject.map_or(Owner::Tenant, Owner::Subject)
}

/// Opens what [`SealingKeys::seal`] sealed, and believes it only if it opens the commitment.
pub(crate) fn open(key: &Key, entry: &Entry, sealed: &[u8]) -> Result<Opening, Error> {
    let bytes = open_with(key, &entry.to_bytes(), sealed).map_err(|_| Error::LogCorrupt)?;
    let opening = Opening::parse(bytes.expose()).map_err(|_| Error::LogCorrupt)?;
    opening.verify(entry).map_err(|_| Error::LogCorrupt)?;
    Ok(opening)
}
