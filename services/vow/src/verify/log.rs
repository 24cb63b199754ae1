//! A whole log: every entry and every tile under its checkpoint, and what it must continue.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use ledger::{
    Checkpoint, Entry, LedgerError, LogCheck, Note, TILE_WIDTH, TileId, TilePath, parse_bundle,
    prove_consistency, tiles_for_consistency, verify_consistency,
};
use tokio::task::JoinHandle;

use super::{Receipt, Source, Trust, Unsound, trust::Believed};
use crate::say::complain;

/// How many tiles and bundles are read ahead.
const READ_AHEAD: usize = 16;
/// How often long work says how far it is.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);

/// A log that was checked.
pub struct Newest {
    /// What was proved, and what was not.
    pub sentence: String,
    /// Its newest checkpoint, the signed note.
    pub note: String,
}

/// Checks all of a log, and that it continues what is remembered and what receipts lead to.
pub async fn check(
    log: &Source,
    trust: &Trust,
    remembered: &[Checkpoint],
    receipts: &[Receipt],
) -> anyhow::Result<Newest> {
    let note = log.checkpoint().await?;
    let believed = Note::parse(&note).and_then(|it| trust.open(&it));
    let believed = believed.map_err(|it| Unsound::error(log.name(), it))?;
    for earlier in remembered {
        continues(log, earlier, &believed.checkpoint).await?;
    }
    let mut too_new = None;
    for receipt in receipts {
        let earlier = &receipt.believed.checkpoint;
        match follows(log, earlier, &believed.checkpoint).await? {
            Err(LedgerError::SizesOutOfOrder { old, .. }) => too_new = Some((&receipt.name, old)),
            follows => follows.map_err(|why| Unsound::error(&receipt.name, why))?,
        }
    }
    let Checkpoint { size, root, .. } = believed.checkpoint;
    let walk = walk(log, size, root, |_, _| {}).await?;
    // Last, because what does not hold is worth more than what cannot be told.
    if let Some((name, newer)) = too_new {
        bail!(
            "{name} cannot be decided: this copy of the log ends at {size}, before the receipt's \
             {newer}: fetch a newer one"
        );
    }
    let remembered = remembered.iter().map(|it| it.size).max();
    let sentence = sentence(&believed, &walk, remembered, receipts.len());
    Ok(Newest { sentence, note })
}

/// Whether the log still begins with what is remembered of it.
async fn continues(log: &Source, earlier: &Checkpoint, newest: &Checkpoint) -> anyhow::Result<()> {
    let why = match follows(log, earlier, newest).await? {
        Ok(()) => return Ok(()),
        Err(LedgerError::SizesOutOfOrder { old, new }) => {
            format!("it has {new} entries, and {old} are remembered: it was rewound")
        }
        Err(LedgerError::OriginMismatch) => LedgerError::OriginMismatch.to_string(),
        Err(_) => format!(
            "it does not continue the {} entries that are remembered: its history is another",
            earlier.size
        ),
    };
    Err(Unsound::error(log.name(), why))
}

/// Whether the newest checkpoint continues an earlier one, proved from the log's tiles.
async fn follows(
    log: &Source,
    earlier: &Checkpoint,
    newest: &Checkpoint,
) -> anyhow::Result<Result<(), LedgerError>> {
    if earlier.origin != newest.origin {
        return Ok(Err(LedgerError::OriginMismatch));
    }
    let (old, new) = (earlier.size, newest.size);
    let ids = match tiles_for_consistency(old, new) {
        Ok(ids) => ids,
        Err(error) => return Ok(Err(error)),
    };
    let mut tiles: HashMap<TileId, Vec<u8>> = HashMap::new();
    for id in ids {
        tiles.insert(id, log.read(TilePath::Hashes(id)).await?);
    }
    let proof = prove_consistency(old, new, |id| tiles.get(&id).cloned());
    Ok(proof.and_then(|it| verify_consistency(old, &earlier.root, new, &newest.root, &it)))
}

/// What a walk through a log found.
#[derive(Clone, Copy, Debug, Default)]
pub struct Walk {
    /// Entries, all of which are under the root.
    pub entries: u64,
    /// Of these, those that are entries of a disclosure log.
    pub disclosures: u64,
    /// Tiles of hashes.
    pub tiles: u64,
}

/// Reads all that a log of this size holds, and checks it against the root. `seen` is given each
/// bundle that holds, with the place of its first entry.
pub async fn walk(
    log: &Source,
    size: u64,
    root: ledger::Hash,
    mut seen: impl FnMut(u64, &[u8]),
) -> anyhow::Result<Walk> {
    let check = LogCheck::new(size, root);
    let mut check = check.map_err(|it| Unsound::error(log.name(), it))?;
    let mut ahead = ReadAhead::new(log, &check);
    let mut progress = Progress::new(size);
    let mut walk = Walk::default();
    while let Some((path, bytes)) = ahead.next().await {
        let bytes = bytes?;
        check
            .take(&bytes)
            .map_err(|it| Unsound::error(log.name(), it))?;
        match path {
            TilePath::Hashes(_) => walk.tiles += 1,
            TilePath::Entries(id) => {
                let entries = parse_bundle(&bytes).map_err(|it| Unsound::error(log.name(), it))?;
                let of_ours = entries.iter().filter(|it| Entry::parse(it).is_ok());
                walk.disclosures += of_ours.count() as u64;
                walk.entries += u64::from(id.width);
                seen(id.index * u64::from(TILE_WIDTH), &bytes);
                progress.at(walk.entries);
            }
        }
    }
    Ok(walk)
}

/// What the check will be given, read while it works.
struct ReadAhead<'a> {
    log: &'a Source,
    paths: ledger::LogPaths,
    reading: VecDeque<(TilePath, JoinHandle<anyhow::Result<Vec<u8>>>)>,
}

impl<'a> ReadAhead<'a> {
    fn new(log: &'a Source, check: &LogCheck) -> Self {
        Self {
            log,
            paths: check.paths(),
            reading: VecDeque::new(),
        }
    }

    async fn next(&mut self) -> Option<(TilePath, anyhow::Result<Vec<u8>>)> {
        while self.reading.len() < READ_AHEAD
            && let Some(path) = self.paths.next()
        {
            let log = self.log.clone();
            let read = tokio::spawn(async move { log.read(path).await });
            self.reading.push_back((path, read));
        }
        let (path, read) = self.reading.pop_front()?;
        let read = read.await.context("reading was interrupted");
        Some((path, read.and_then(|it| it)))
    }
}

/// Says on standard error how far long work is; of short work, nothing.
struct Progress {
    of: u64,
    said: Instant,
}

impl Progress {
    fn new(of: u64) -> Self {
        let said = Instant::now();
        Self { of, said }
    }

    fn at(&mut self, entries: u64) {
        if self.said.elapsed() >= PROGRESS_EVERY {
            self.said = Instant::now();
            complain(&format!("{entries} of {} entries checked", self.of));
        }
    }
}

fn sentence(believed: &Believed, walk: &Walk, remembered: Option<u64>, receipts: usize) -> String {
    let Walk { entries, tiles, .. } = walk;
    let mut proved = format!(
        "the log {} is whole: its {entries} entries and {tiles} tiles make the root that it signed{}",
        believed.checkpoint.origin,
        believed.seen_by(),
    );
    if let Some(size) = remembered {
        proved += &format!(", and it continues the {size} entries that are remembered");
    }
    if receipts > 0 {
        proved += ", and the receipts belong to its history";
    }
    let mut not_proved = vec!["what its entries commit to"];
    if walk.disclosures < walk.entries {
        not_proved = vec!["that its entries, which are not all of a disclosure log, mean anything"];
    }
    not_proved.extend(believed.not_proved());
    if remembered.is_none() {
        not_proved.push("that it continues what it was before, as nothing is remembered of it");
    }
    format!("{proved}; not proved: {}", not_proved.join("; "))
}
