//! Filling the log: leaves, tiles and head as another replica would write them, but for what is sealed.

use anyhow::ensure;
use ledger::{Entry, Frontier, Tile};
use sqlx::{Connection, PgConnection, Postgres, Sqlite, SqliteConnection, Transaction};
use uuid::Uuid;

use super::{
    entries::{self, Row},
    ground::{Ground, Store},
    statistics::Random,
};

const HEAD: &str = "SELECT size, root FROM log_head WHERE id = 0";
const LOCK: &str = "SELECT size, root FROM log_head WHERE id = 0 FOR UPDATE";
const ADVANCE: &str = "UPDATE log_head SET size = $1, root = $2 WHERE id = 0";
const TILE: &str = "SELECT hashes FROM tiles WHERE level = $1 AND place = $2";
const PUT_TILE: &str = "INSERT INTO tiles (level, place, hashes) VALUES ($1, $2, $3) \
     ON CONFLICT (level, place) DO UPDATE SET hashes = excluded.hashes";
const COMMITMENT_BYTES: usize = 32;

/// A writer of leaves beside a running suite. What they commit to is random, and so is what stands
/// in place of a sealed opening: nobody can open them, and nobody asks. Their place in the tree is
/// as real as any, and the suite signs no tree before it has verified the tiles.
pub struct Filler {
    database: Database,
    /// As this program last committed it.
    frontier: Frontier,
    random: Random,
    sealed_bytes: usize,
}

enum Database {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

enum Writing<'a> {
    Postgres(Transaction<'a, Postgres>),
    Sqlite(Transaction<'a, Sqlite>),
}

/// The same statements on both databases.
macro_rules! on {
    ($writing:expr, $connection:ident => $statement:expr) => {
        match $writing {
            Writing::Postgres(it) => {
                let $connection = &mut **it;
                $statement
            }
            Writing::Sqlite(it) => {
                let $connection = &mut **it;
                $statement
            }
        }
    };
}

impl Filler {
    /// Opens the log's database beside the suite. `sealed_bytes` is how much stands for an opening.
    pub async fn open(ground: &Ground, sealed_bytes: usize) -> anyhow::Result<Self> {
        let url = ground.log_database();
        let database = match ground.store {
            Store::Postgres => Database::Postgres(PgConnection::connect(&url).await?),
            Store::Sqlite => Database::Sqlite(SqliteConnection::connect(&url).await?),
        };
        Ok(Self {
            database,
            frontier: Frontier::new(),
            random: Random::new(1),
            sealed_bytes,
        })
    }

    /// Appends leaves in one transaction, and says how many the log has then.
    pub async fn append(&mut self, count: usize) -> anyhow::Result<u64> {
        let mut writing = match &mut self.database {
            Database::Postgres(it) => Writing::Postgres(it.begin().await?),
            Database::Sqlite(it) => Writing::Sqlite(it.begin_with("BEGIN IMMEDIATE").await?),
        };
        let (size, root) = writing.lock().await?;
        let mut frontier = self.frontier.clone();
        if (frontier.size(), frontier.root().as_slice()) != (size, &root) {
            frontier = writing.frontier(size).await?;
            ensure!(
                frontier.root().as_slice() == root,
                "the log's tiles have its root"
            );
        }
        let now = client::clock::now_ms();
        let mut rows = Vec::with_capacity(count);
        let mut leaves = Vec::with_capacity(count);
        for position in (size.cast_signed()..).take(count) {
            let entry = leaf(&mut self.random, now);
            leaves.push(entry.leaf_hash());
            rows.push(Row {
                position,
                entry_id: entry.id,
                subject: Uuid::new_v4(),
                key_id: Uuid::new_v4(),
                entry: entry.to_bytes().to_vec(),
                sealed: entries::noise(self.sealed_bytes, &mut self.random),
                recorded_at: now,
            });
        }
        let tiles = frontier.append(&leaves);
        writing.write(&rows, &tiles, &frontier).await?;
        self.frontier = frontier;
        Ok(self.frontier.size())
    }
}

impl Writing<'_> {
    /// How long the log is, and its root; nobody else writes until the transaction ends.
    async fn lock(&mut self) -> anyhow::Result<(u64, Vec<u8>)> {
        let (size, root): (i64, Vec<u8>) = match self {
            Self::Postgres(it) => sqlx::query_as(LOCK).fetch_one(&mut **it).await?,
            Self::Sqlite(it) => sqlx::query_as(HEAD).fetch_one(&mut **it).await?,
        };
        Ok((size.cast_unsigned(), root))
    }

    /// The right edge of the log as it is stored.
    async fn frontier(&mut self, size: u64) -> anyhow::Result<Frontier> {
        let mut tiles = Vec::new();
        for id in Frontier::right_edge(size) {
            let place = (i64::from(id.level), id.index.cast_signed());
            let hashes: Vec<u8> = on!(self, it => sqlx::query_scalar(TILE)
                .bind(place.0)
                .bind(place.1)
                .fetch_one(it)
                .await?);
            tiles.push((id, hashes));
        }
        let read = |id| {
            tiles
                .iter()
                .find(|(it, _)| *it == id)
                .map(|(_, it)| it.clone())
        };
        Ok(Frontier::restore(size, read)?)
    }

    async fn write(
        mut self,
        rows: &[Row],
        tiles: &[Tile],
        frontier: &Frontier,
    ) -> anyhow::Result<()> {
        match &mut self {
            Self::Postgres(it) => entries::insert_postgres(&mut **it, rows).await?,
            Self::Sqlite(it) => entries::insert_sqlite(&mut **it, rows).await?,
        }
        for tile in tiles {
            on!(&mut self, it => sqlx::query(PUT_TILE)
                .bind(i64::from(tile.id.level))
                .bind(tile.id.index.cast_signed())
                .bind(tile.hashes.as_slice())
                .execute(it)
                .await
                .map(drop)?);
        }
        on!(&mut self, it => sqlx::query(ADVANCE)
            .bind(frontier.size().cast_signed())
            .bind(frontier.root().to_vec())
            .execute(it)
            .await
            .map(drop)?);
        match self {
            Self::Postgres(it) => it.commit().await?,
            Self::Sqlite(it) => it.commit().await?,
        }
        Ok(())
    }
}

/// A public leaf that commits to nothing anybody knows.
fn leaf(random: &mut Random, now: i64) -> Entry {
    let mut commitment = [0; COMMITMENT_BYTES];
    commitment.copy_from_slice(&entries::noise(COMMITMENT_BYTES, random));
    Entry {
        id: Uuid::new_v4(),
        time: now.cast_unsigned() / 1_000,
        commitment,
    }
}
