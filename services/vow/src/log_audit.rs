//! `vow log`: the operator's own check of the log, from the database to what was published.

use std::process::ExitCode;

use anyhow::Context;
use chassis::DatabaseUrl;
use disclosure_audit::StoredLog;
use ledger::{
    BundleId, Checkpoint, Frontier, Hash, Note, TILE_WIDTH, Tile, TileId, TilePath, leaf_hash,
    parse_bundle,
};
use tokio::runtime::Runtime;

use crate::{
    say::{complain, say},
    verify::{Source, Trust, TrustArgs, UNSOUND, Unsound, walk},
};

/// How many entries are read from the database at once.
const PAGE: u64 = 4_096;

/// Works on the log.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Compare the log in the database, the log that is published, and what was signed.
    Audit(AuditArgs),
}

/// Compares the log in the database, the log that is published, and what was signed.
///
/// Rebuilds the root from every entry in the database, and from every entry and tile that is published, and
/// compares both with the newest checkpoint that the log signed; and the database's own tiles, from which its
/// proofs are made, with its entries. On PostgreSQL the service may run meanwhile;
/// an SQLite file has one owner, so stop the service first. Nothing is written.
/// Exits 0 when the three agree and 3 when they do not.
#[derive(clap::Args, Debug)]
struct AuditArgs {
    /// The database of disclosure-audit: sqlite:///path/to/file.db or postgres://...
    #[arg(long, env = "VOW_DATABASE_URL", hide_env_values = true)]
    database_url: DatabaseUrl,
    /// The published log: its folder or its URL.
    #[arg(long, value_name = "FOLDER|URL")]
    tiles: String,
    #[command(flatten)]
    trust: TrustArgs,
}

/// Runs `vow log`.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Command::Audit(args) = args.command;
    match Runtime::new()?.block_on(audit(args)) {
        Ok(proved) => {
            say!("{proved}");
            Ok(ExitCode::SUCCESS)
        }
        Err(error) if error.is::<Unsound>() => {
            complain(&format!("{error:#}"));
            Ok(ExitCode::from(UNSOUND))
        }
        Err(error) => Err(error),
    }
}

/// A tree: how many entries, and their root.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Tree {
    size: u64,
    root: Hash,
}

async fn audit(args: AuditArgs) -> anyhow::Result<String> {
    let trust = args.trust.read()?;
    let tiles = Source::parse(&args.tiles)?.context("--tiles is neither a folder nor a URL")?;
    // In this order: each of these reaches at least as far as the one before it.
    let published = opened(&tiles.checkpoint().await?, &trust, tiles.name())?;
    let stored = StoredLog::open(&args.database_url).await?;
    let signed = stored.checkpoint().await?;
    let signed = signed.context("the database holds no checkpoint")?;
    let signed = opened(&signed, &trust, "the newest checkpoint in the database")?;
    let head = stored.head().await?;
    let head = Tree {
        size: head.0,
        root: head.1,
    };

    let rebuilt = Rebuilt::of(&stored, [published.size, signed.size, head.size]).await?;
    let [at_published, at_signed, at_head] = rebuilt.trees;
    let edge = edge_root(&tiles, published.size).await?;
    walk(&tiles, edge.size, edge.root, |_, _| {}).await?;

    line("signed", signed);
    line("database", at_signed);
    line("tiles", edge);
    if edge != at_published {
        return Err(Unsound::error(
            "the log",
            first_difference(&stored, &tiles, edge.size).await?,
        ));
    }
    for (what, is, signs) in [
        ("what is published", edge, published),
        ("the database", at_signed, signed),
        ("the row of the log's head", head, at_head),
    ] {
        if is != signs {
            let why = format!(
                "{what} has another root than the {} entries make",
                signs.size
            );
            return Err(Unsound::error("the log", why));
        }
    }
    if let Some(id) = rebuilt.wrong_tile {
        let tile = TilePath::Hashes(id);
        let why = format!("its {tile} is not the one that its entries make");
        return Err(Unsound::error("the database", why));
    }
    Ok(agreement(&published, &signed, &head))
}

fn opened(note: &str, trust: &Trust, name: &str) -> anyhow::Result<Tree> {
    let opened = Note::parse(note).and_then(|it| trust.open_unwitnessed(&it));
    let Checkpoint { size, root, .. } = opened.map_err(|it| Unsound::error(name, it))?;
    Ok(Tree { size, root })
}

/// What the entries in the database make.
struct Rebuilt {
    /// At each of the sizes that were asked for.
    trees: [Tree; 3],
    /// The first tile that the database holds otherwise.
    wrong_tile: Option<TileId>,
}

impl Rebuilt {
    /// Rebuilds the trees of these sizes, which must ascend.
    async fn of(stored: &StoredLog, sizes: [u64; 3]) -> anyhow::Result<Self> {
        if !sizes.is_sorted() {
            let [published, signed, held] = sizes;
            let why = format!(
                "{published} entries are published, {signed} are signed in the database and {held} are in \
                 it: it lost what was there"
            );
            return Err(Unsound::error("the database", why));
        }
        let mut frontier = Frontier::new();
        let mut wrong_tile = None;
        let mut trees = Vec::new();
        for size in sizes {
            while frontier.size() < size {
                let until = size.min(frontier.size() + PAGE);
                let leaves = leaves(stored, frontier.size(), until).await?;
                let tiles = frontier.append(&leaves);
                if wrong_tile.is_none() {
                    wrong_tile = first_wrong(stored, &tiles).await?;
                }
            }
            trees.push(Tree {
                size,
                root: frontier.root(),
            });
        }
        let trees = trees
            .try_into()
            .unwrap_or_else(|_| unreachable!("a tree a size"));
        Ok(Self { trees, wrong_tile })
    }
}

async fn leaves(stored: &StoredLog, from: u64, until: u64) -> anyhow::Result<Vec<Hash>> {
    let entries = stored.entries(from, until).await?;
    let missing = || {
        let why = format!("an entry from {from} on is missing");
        Unsound::error("the database", why)
    };
    let entries = entries.ok_or_else(missing)?;
    Ok(entries.iter().map(|it| leaf_hash(it)).collect())
}

/// The first of these tiles that the database does not hold, or holds otherwise. A service that runs may
/// have added to those at the right edge meanwhile.
async fn first_wrong(stored: &StoredLog, tiles: &[Tile]) -> anyhow::Result<Option<TileId>> {
    let ids: Vec<_> = tiles.iter().map(|it| it.id).collect();
    let held = stored.tiles(&ids).await?;
    let is_wrong = |(tile, held): &(&Tile, &Option<Vec<u8>>)| match held {
        Some(held) if tile.id.width == TILE_WIDTH => *held != tile.hashes,
        Some(held) => !held.starts_with(&tile.hashes),
        None => true,
    };
    let wrong = tiles.iter().zip(&held).find(is_wrong);
    Ok(wrong.map(|(tile, _)| tile.id))
}

/// The root that the tiles at the right edge make, whatever was signed.
async fn edge_root(tiles: &Source, size: u64) -> anyhow::Result<Tree> {
    let mut edge = Vec::new();
    for id in Frontier::right_edge(size) {
        edge.push((id, tiles.read(TilePath::Hashes(id)).await?));
    }
    let read = |id| Some(edge.iter().find(|(it, _)| *it == id)?.1.clone());
    let frontier = Frontier::restore(size, read).map_err(|it| Unsound::error(tiles.name(), it))?;
    Ok(Tree {
        size,
        root: frontier.root(),
    })
}

/// Where database and publication part.
async fn first_difference(stored: &StoredLog, tiles: &Source, size: u64) -> anyhow::Result<String> {
    for index in 0..size.div_ceil(u64::from(TILE_WIDTH)) {
        let Some(id) = BundleId::in_log(index, size) else {
            break;
        };
        let from = index * u64::from(TILE_WIDTH);
        let bundle = tiles.read(TilePath::Entries(id)).await?;
        let published = parse_bundle(&bundle).map_err(|it| Unsound::error(tiles.name(), it))?;
        let held = stored.entries(from, from + u64::from(id.width)).await?;
        let mut pairs = published.iter().zip(held.iter().flatten());
        if let Some(place) = pairs.position(|(one, other)| one != other) {
            return Ok(format!(
                "the database and what is published differ first in the entry at index {}",
                from + place as u64
            ));
        }
    }
    Ok("the database and what is published have the same entries and other roots".to_owned())
}

fn line(name: &str, tree: Tree) {
    let root = hex::encode(tree.root);
    say!("{name:<10} {:>12} entries  {root}", tree.size);
}

fn agreement(published: &Tree, signed: &Tree, head: &Tree) -> String {
    let behind = match signed.size - published.size {
        0 => String::new(),
        behind => format!("; {behind} signed entries are not published yet"),
    };
    let unsigned = match head.size - signed.size {
        0 => String::new(),
        unsigned => format!("; {unsigned} entries are not signed yet"),
    };
    format!("the database, what is published and what was signed are one log{behind}{unsigned}")
}
