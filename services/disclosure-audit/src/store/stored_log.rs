//! The log as its database holds it, for an audit that compares it with what was published.

use anyhow::Context;
use chassis::{Database, DatabaseUrl};
use ledger::{Hash, TileId};

use super::{checkpoints, entries, log_head, tiles};
use crate::error::Error;

/// A log in its database. It is only read, beside a running service on PostgreSQL, and after it has
/// stopped on SQLite.
pub struct StoredLog(Database);

impl StoredLog {
    /// Opens the database of a log that is there.
    ///
    /// # Errors
    /// The database cannot be opened, or the service that runs holds its file.
    pub async fn open(url: &DatabaseUrl) -> anyhow::Result<Self> {
        let database = Database::open_to_read(url).await;
        Ok(Self(database.context("opening the database")?))
    }

    /// The newest signed checkpoint, a signed note.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn checkpoint(&self) -> anyhow::Result<Option<String>> {
        let newest = checkpoints::newest(self.0.read()).await;
        Ok(newest.context("reading the checkpoints")?.map(|it| it.note))
    }

    /// How many entries there are, and the root that the writers keep of them.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn head(&self) -> anyhow::Result<(u64, Hash)> {
        let head = log_head::read(self.0.read()).await;
        let head = head.context("reading how long the log is")?;
        Ok((head.size, head.root))
    }

    /// The public bytes of the entries from one place to another; `None` if any is missing.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn entries(&self, from: u64, until: u64) -> anyhow::Result<Option<Vec<Vec<u8>>>> {
        match entries::bytes(self.0.read(), from, until).await {
            Ok(bytes) => Ok(Some(bytes).filter(|it| it.len() as u64 == until - from)),
            Err(Error::LogCorrupt) => Ok(None),
            Err(error) => Err(error).context("reading the entries"),
        }
    }

    /// The tiles at these places that the log computes its proofs from, as wide as they are by now;
    /// `None` for one that is missing.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn tiles(&self, ids: &[TileId]) -> anyhow::Result<Vec<Option<Vec<u8>>>> {
        let stored = tiles::read(self.0.read(), ids).await;
        let stored = stored.context("reading the tiles")?;
        Ok(ids.iter().map(|it| stored.hashes(*it)).collect())
    }
}
