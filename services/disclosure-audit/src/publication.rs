//! The task that publishes what was signed: first every tile that a checkpoint covers, then the checkpoint.
//!
//! ```text
//! signed ──▶ cosigned ──▶ tiles and entries in the tile store ──▶ the checkpoint in the tile store
//! ```
//!
//! Whatever dies between two steps, the next turn, or another replica, goes on from what is there.
//! Tiles never change, so writing them twice is harmless. The checkpoint is replaced only if it still
//! is the one that the new tree was grown from; so what is published never goes back and never forks.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chassis::Stop;
use ledger::{Checkpoint, Frontier, Note, NoteKey};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::checkpoint;
use crate::error::Error;
use crate::metrics::Metrics;
use crate::store::{SignedCheckpoint, Store};
use crate::tile_store::{Object, PublishedCheckpoint, TileStore};
use crate::witnesses::Witnesses;
use growth::Growth;

mod growth;
mod metrics;

pub(crate) use metrics::PublicationMetrics;

/// How often a replica looks whether it must step in, and how long it waits after a failure.
const INTERVAL: Duration = Duration::from_secs(2);

/// What publishes. Every replica has one.
pub(crate) struct Publisher {
    pub(crate) store: Arc<Store>,
    pub(crate) tiles: Arc<TileStore>,
    pub(crate) key: Arc<NoteKey>,
    /// Who must cosign, where a trust policy asks for it.
    pub(crate) witnesses: Option<Witnesses>,
    pub(crate) metrics: PublicationMetrics,
    /// Whether the stores agree is counted with the rest of the log.
    pub(crate) log: Metrics,
}

/// What a publisher remembers from one turn to the next. All of it can be found out again.
#[derive(Default)]
struct Memory {
    mended: bool,
    /// How far the log was published when this replica looked last.
    seen: Option<u64>,
    /// The tree that this replica published last.
    edge: Frontier,
}

/// Why a turn begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// This replica signed a checkpoint.
    Own,
    /// Time has passed. Whoever signed is given until the next look.
    Look,
}

impl Publisher {
    /// Whether the log continues what was published of it. To be asked before anything is served.
    ///
    /// # Errors
    /// [`Error::PublishedForeign`], [`Error::PublishedContradicted`], or what does not answer.
    pub(crate) async fn check(&self) -> Result<(), Error> {
        let Some(published) = self.tiles.checkpoint().await? else {
            return Ok(());
        };
        match self.store.check_known(&self.key, &published.note).await {
            Err(Error::KnownCheckpointForeign) => Err(Error::PublishedForeign),
            Err(Error::LogRewound) => Err(Error::PublishedContradicted),
            checked => checked,
        }
    }

    /// Publishes until the process stops: at once what this replica signed, and what another signed
    /// when that one does not get on.
    ///
    /// # Errors
    /// What is published and what is stored contradict each other. The process stops.
    pub(crate) async fn run(
        self,
        mut signed_here: watch::Receiver<u64>,
        stop: Stop,
    ) -> anyhow::Result<()> {
        let mut memory = Memory::default();
        let mut turn = Turn::Own;
        loop {
            let failed = match self.take(turn, &mut memory).await {
                Ok(()) => false,
                Err(error) if error.may_pass() => {
                    self.metrics.failed();
                    true
                }
                Err(error) => {
                    self.log.verification_failed();
                    return Err(error).context("publishing a checkpoint");
                }
            };
            turn = tokio::select! {
                Ok(()) = signed_here.changed(), if !failed => Turn::Own,
                () = sleep(INTERVAL) => if failed { Turn::Own } else { Turn::Look },
                () = stop.requested() => return Ok(()),
            };
        }
    }

    async fn take(&self, turn: Turn, memory: &mut Memory) -> Result<(), Error> {
        if !memory.mended {
            self.mend().await?;
            memory.mended = true;
        }
        if turn == Turn::Look {
            let size = self.published().await?.map_or(0, |(_, it)| it.size);
            if memory.seen.replace(size) != Some(size) {
                self.metrics.seen(size);
                return Ok(());
            }
        }
        let cosigned = self.cosign().await;
        // What was cosigned before is published all the same.
        let size = self.publish(memory).await?;
        memory.seen = Some(size);
        match cosigned {
            Ok(()) => self.metrics.published(size),
            Err(_) => self.metrics.seen(size),
        }
        cosigned
    }

    /// Gets the newest checkpoint cosigned, if that is what is asked for and not done.
    async fn cosign(&self) -> Result<(), Error> {
        let Some(witnesses) = &self.witnesses else {
            return Ok(());
        };
        let Some(signed) = self.store.uncosigned().await? else {
            return Ok(());
        };
        self.metrics.waits();
        let (store, size) = (self.store.clone(), signed.size);
        let prove = move |old| {
            let store = store.clone();
            async move { store.consistency(old, size).await.ok() }
        };
        let note = Note::parse(&signed.note).map_err(|_| Error::LogCorrupt)?;
        let note = witnesses.ask(note, prove).await;
        if !witnesses.are_enough(&note) {
            return Err(Error::QuorumMissing);
        }
        self.store.keep_cosigned(size, &note.to_string()).await
    }

    /// Writes again what the published checkpoint covers and the tile store has lost.
    async fn mend(&self) -> Result<(), Error> {
        let Some((_, checkpoint)) = self.published().await? else {
            return Ok(());
        };
        let kept = self.tiles.lengths().await?;
        let lost = growth::missing(checkpoint.size, &kept);
        if lost == 0 {
            return Ok(());
        }
        tracing::warn!(lost, "objects of the tile store are lost and written again");
        let mut growth = Growth::new(Frontier::new());
        while let Some(objects) = growth.step(&self.store, &checkpoint).await? {
            let lost = |it: &Object| !growth::is_kept(&it.path, &kept);
            self.tiles
                .put(objects.into_iter().filter(lost).collect())
                .await?;
        }
        Ok(())
    }

    /// Publishes the newest checkpoint that may be shown, and says how far the log is published.
    async fn publish(&self, memory: &mut Memory) -> Result<u64, Error> {
        loop {
            // Before the database is asked, which therefore knows of all that is published.
            let (published, before) = self.published().await?.unzip();
            let newest = self.store.checkpoint().await?;
            let reached = before.as_ref().map_or(0, |it| it.size);
            if newest.as_ref().map_or(0, |it| it.size) < reached {
                // A backup can hold every entry and lack the last checkpoint, which is signed anew.
                self.check().await?;
                return Ok(reached);
            }
            let Some(next) = next(before.as_ref(), newest.as_ref(), &self.key)? else {
                return Ok(reached);
            };
            self.metrics.waits();
            let mut growth = Growth::new(self.edge(before.as_ref(), memory).await?);
            while let Some(objects) = growth.step(&self.store, &next).await? {
                self.tiles.put(objects).await?;
            }
            let note = newest.map_or_else(String::new, |it| it.note);
            let replaced = self.tiles.replace_checkpoint(published.as_ref(), &note);
            // Another replica may have been quicker, perhaps with less.
            if replaced.await? {
                memory.edge = growth.into_edge();
                let full = growth::filled(reached, next.size);
                // What stays of them takes room and harms nobody.
                let _ = self.tiles.forget_partials(full).await;
                return Ok(next.size);
            }
        }
    }

    /// The right edge of the published tree.
    async fn edge(
        &self,
        published: Option<&Checkpoint>,
        memory: &Memory,
    ) -> Result<Frontier, Error> {
        let Some(published) = published else {
            return Ok(Frontier::new());
        };
        if memory.edge.size() == published.size && memory.edge.root() == published.root {
            return Ok(memory.edge.clone());
        }
        let edge = self.store.frontier(published.size).await?;
        match edge.root() == published.root {
            true => Ok(edge),
            false => Err(Error::PublishedContradicted),
        }
    }

    async fn published(&self) -> Result<Option<(PublishedCheckpoint, Checkpoint)>, Error> {
        let Some(published) = self.tiles.checkpoint().await? else {
            return Ok(None);
        };
        let opened = checkpoint::open(&self.key, &published.note);
        let checkpoint = opened.map_err(|_| Error::PublishedForeign)?;
        Ok(Some((published, checkpoint)))
    }
}

/// The checkpoint to publish after the one that is; `None` when it is published already.
fn next(
    published: Option<&Checkpoint>,
    newest: Option<&SignedCheckpoint>,
    key: &NoteKey,
) -> Result<Option<Checkpoint>, Error> {
    let newest = newest.map(|it| checkpoint::open(key, &it.note));
    let newest = newest.transpose().map_err(|_| Error::LogCorrupt)?;
    match (published, newest) {
        (None, newest) => Ok(newest),
        (Some(published), Some(newest)) if newest.size > published.size => Ok(Some(newest)),
        (Some(published), Some(newest)) if newest == *published => Ok(None),
        _ => Err(Error::PublishedContradicted),
    }
}
