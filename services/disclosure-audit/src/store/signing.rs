//! What the memory holds of checkpoints: they are signed here, checked, proved from and cosigned.

use ledger::{
    Checkpoint, Frontier, Hash, LedgerError, NoteKey, TileId, prove_consistency,
    tiles_for_consistency, tiles_for_inclusion,
};
use sea_orm::ConnectionTrait;

use super::checkpoints::{self, SignedCheckpoint};
use super::log_head::{self, Head};
use super::tiles::{self, Tiles};
use super::{Store, entries, failed};
use crate::checkpoint::{self, tiles_to_verify};
use crate::error::Error;

/// How far the log is covered by a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Covered {
    pub(crate) size: u64,
    /// When that checkpoint was signed, in Unix milliseconds; 0 when there is none.
    pub(crate) signed_at: i64,
    /// How many entries waited for it.
    pub(crate) newly: u64,
    /// When the oldest entry that waited for this checkpoint was recorded; `None` if none did.
    pub(crate) oldest_recorded_at: Option<i64>,
}

impl Covered {
    /// Nothing waited: the checkpoint is one from before.
    fn before(newest: Option<&SignedCheckpoint>) -> Self {
        Self {
            size: size_of(newest),
            signed_at: newest.map_or(0, |it| it.signed_at),
            newly: 0,
            oldest_recorded_at: None,
        }
    }
}

impl Store {
    /// Signs a checkpoint if the log grew since the last one, and says how far it is covered.
    pub(crate) async fn sign(&self, key: &NoteKey, now: i64) -> Result<Covered, Error> {
        // Without the lock first: a quiet log costs its writers nothing.
        let reader = self.database.read();
        let newest = checkpoints::newest(reader).await?;
        if log_head::read(reader).await?.size == size_of(newest.as_ref()) {
            return Ok(Covered::before(newest.as_ref()));
        }
        let transaction = self.database.begin().await.map_err(failed)?;
        let head = log_head::lock(&transaction).await?;
        let previous = checkpoints::newest(&transaction).await?;
        let covered = sign_head(&transaction, key, previous, head, now).await?;
        transaction.commit().await.map_err(failed)?;
        Ok(covered)
    }

    /// Whether the log was signed by this key so far, under its name.
    pub(crate) async fn check_key(&self, key: &NoteKey) -> Result<(), Error> {
        match checkpoints::newest(self.database.read()).await? {
            Some(newest) => checkpoint::open(key, &newest.note)
                .map(drop)
                .map_err(corrupt),
            None => Ok(()),
        }
    }

    /// Whether the log still is what this checkpoint of it, kept elsewhere, says that it was.
    pub(crate) async fn check_known(&self, key: &NoteKey, note: &str) -> Result<(), Error> {
        let known = checkpoint::open(key, note).map_err(|_| Error::KnownCheckpointForeign)?;
        let view = self.database.view().await.map_err(failed)?;
        let Head { size, root } = log_head::read(&view).await?;
        if size < known.size {
            return Err(Error::LogRewound);
        }
        let needed = tiles_to_verify(known.size, size).map_err(corrupt)?;
        let tiles = tiles::read(&view, &needed).await?;
        checkpoint::continues(Some(&known), size, root, |id| tiles.hashes(id))
            .map_err(|_| Error::LogRewound)
    }

    /// The newest checkpoint that may be shown: with the quorum's cosignatures, where a trust
    /// policy asks for them.
    pub(crate) async fn checkpoint(&self) -> Result<Option<SignedCheckpoint>, Error> {
        let reader = self.database.read();
        match self.witnessed {
            true => checkpoints::newest_cosigned(reader).await,
            false => checkpoints::newest(reader).await,
        }
    }

    /// Whether nothing was ever recorded.
    pub(crate) async fn is_empty(&self) -> Result<bool, Error> {
        let head = log_head::read(self.database.read()).await?;
        Ok(head.size == 0)
    }

    /// The newest checkpoint, if no cosignatures of it are kept.
    pub(crate) async fn uncosigned(&self) -> Result<Option<SignedCheckpoint>, Error> {
        let reader = self.database.read();
        let cosigned = size_of(checkpoints::newest_cosigned(reader).await?.as_ref());
        let newest = checkpoints::newest(reader).await?;
        Ok(newest.filter(|it| it.size > cosigned))
    }

    /// Keeps the cosigned note of a checkpoint. A replica that was quicker is left alone.
    pub(crate) async fn keep_cosigned(&self, size: u64, note: &str) -> Result<(), Error> {
        checkpoints::cosign(self.database.write(), size, note).await
    }

    /// The tiles that prove the entries at these places, all below `size`, in the tree of this size.
    ///
    /// The log may have grown since then: a tile that grew begins with what it was.
    pub(crate) async fn tiles_proving(&self, places: &[u64], size: u64) -> Result<Tiles, Error> {
        let mut needed = Vec::new();
        for place in places {
            needed.extend(tiles_for_inclusion(*place, size).map_err(corrupt)?);
        }
        self.tiles(&needed).await
    }

    /// These tiles, each as wide as it is by now.
    pub(crate) async fn tiles(&self, ids: &[TileId]) -> Result<Tiles, Error> {
        tiles::read(self.database.read(), ids).await
    }

    /// The public bytes of the entries from one place to another, which must all be there.
    pub(crate) async fn entry_bytes(&self, from: u64, until: u64) -> Result<Vec<Vec<u8>>, Error> {
        let bytes = entries::bytes(self.database.read(), from, until).await?;
        match bytes.len() as u64 == until - from {
            true => Ok(bytes),
            false => Err(Error::LogCorrupt),
        }
    }

    /// Whether the tree of `later`, which was signed, begins with that of `earlier`.
    pub(crate) async fn continues(
        &self,
        earlier: &Checkpoint,
        later: &Checkpoint,
    ) -> Result<bool, Error> {
        let needed = tiles_to_verify(earlier.size, later.size).map_err(corrupt)?;
        let tiles = self.tiles(&needed).await?;
        let proved =
            checkpoint::continues(Some(earlier), later.size, later.root, |id| tiles.hashes(id));
        Ok(proved.is_ok())
    }

    /// The proof that the tree of the `new` size begins with that of the `old` one.
    pub(crate) async fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, Error> {
        let needed = tiles_for_consistency(old, new).map_err(corrupt)?;
        let tiles = self.tiles(&needed).await?;
        prove_consistency(old, new, |id| tiles.hashes(id)).map_err(corrupt)
    }

    /// The right edge of the tree as it was at a size.
    pub(crate) async fn frontier(&self, size: u64) -> Result<Frontier, Error> {
        let tiles = self.tiles(&Frontier::right_edge(size)).await?;
        Frontier::restore(size, |id| tiles.hashes(id)).map_err(corrupt)
    }
}

async fn sign_head(
    transaction: &impl ConnectionTrait,
    key: &NoteKey,
    previous: Option<SignedCheckpoint>,
    Head { size, root }: Head,
    now: i64,
) -> Result<Covered, Error> {
    let before = size_of(previous.as_ref());
    if size == before {
        // Another replica was quicker.
        return Ok(Covered::before(previous.as_ref()));
    }
    let needed = tiles_to_verify(before, size).map_err(corrupt)?;
    let tiles = tiles::read(transaction, &needed).await?;
    let previous = previous.as_ref().map(|it| it.note.as_str());
    let note = checkpoint::sign(key, previous, size, root, |id| tiles.hashes(id));
    let note = note.map_err(corrupt)?.to_string();
    let signed_at = now;
    let checkpoint = SignedCheckpoint {
        size,
        note,
        signed_at,
    };
    checkpoints::insert(transaction, &checkpoint).await?;
    let oldest_recorded_at = entries::recorded_at(transaction, before).await?;
    Ok(Covered {
        size,
        signed_at,
        newly: size - before,
        oldest_recorded_at,
    })
}

fn size_of(newest: Option<&SignedCheckpoint>) -> u64 {
    newest.map_or(0, |it| it.size)
}

/// What an operator changed is told from what must not be.
fn corrupt(error: LedgerError) -> Error {
    match error {
        LedgerError::SignatureMissing => Error::LogKeyChanged,
        _ => Error::LogCorrupt,
    }
}
