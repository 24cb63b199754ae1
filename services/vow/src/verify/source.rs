//! Where a log is read: a folder, or a URL that serves one, with the C2SP tlog-tiles layout.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use ledger::{BundleId, TILE_WIDTH, TileId, TilePath, cut_bundle};
use reqwest::{Client, StatusCode, Url, redirect};
use tokio::time::sleep;

use super::Unsound;

const CHECKPOINT: &str = "checkpoint";
const CHECKPOINT_BYTES_MAX: u64 = 256 * 1024;
const HASH_BYTES: u64 = 32;
/// 256 entries, each of at most 65,535 bytes behind its length.
const BUNDLE_BYTES_MAX: u64 = 256 * (2 + 65_535);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const READ_TIMEOUT: Duration = Duration::from_secs(60);
const REDIRECTS_MAX: usize = 3;
/// The last wait is over three seconds: a server that is being replaced is back by then.
const ATTEMPTS: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// A log to read. Cheap to clone.
#[derive(Clone)]
pub struct Source {
    name: Arc<str>,
    place: Place,
}

#[derive(Clone)]
enum Place {
    Folder(Arc<Path>),
    Url(Client, Arc<Url>),
}

impl Source {
    /// The log that an argument names; `None` when it is neither a URL nor a folder.
    pub fn parse(name: &str) -> anyhow::Result<Option<Self>> {
        let place = match name.split_once("://") {
            Some(("file", folder)) => Place::Folder(PathBuf::from(folder).into()),
            Some(("http" | "https", _)) => {
                let url = format!("{}/", name.trim_end_matches('/'));
                let url = Url::parse(&url).with_context(|| format!("{name} is not a URL"))?;
                Place::Url(client()?, url.into())
            }
            Some((scheme, _)) => bail!("a log is read from a folder, http or https, not {scheme}"),
            None if Path::new(name).is_dir() => Place::Folder(PathBuf::from(name).into()),
            None => return Ok(None),
        };
        let name = name.into();
        Ok(Some(Self { name, place }))
    }

    /// As it was named.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The newest checkpoint, a signed note.
    pub async fn checkpoint(&self) -> anyhow::Result<String> {
        let read = self.bytes(CHECKPOINT, CHECKPOINT_BYTES_MAX).await?;
        let bytes = read.with_context(|| format!("{} has no checkpoint", self.name))?;
        // Bytes that are no text become a mark that no checkpoint has.
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The bytes at a path: of a partial tile or bundle those of its own file, or, when that is gone
    /// because the full one exists, the beginning of that.
    pub async fn read(&self, path: TilePath) -> anyhow::Result<Vec<u8>> {
        if let Some(bytes) = self.bytes(&path.to_string(), longest(path)).await? {
            self.check_narrower(path, &bytes)?;
            return Ok(bytes);
        }
        let full = widest(path);
        let bytes = match full == path {
            true => None,
            false => self.bytes(&full.to_string(), longest(full)).await?,
        };
        let bytes = bytes.ok_or_else(|| Unsound::error(&self.name, format!("it has no {path}")))?;
        Ok(cut(path, bytes))
    }

    /// At most one byte more than `longest`, which is then too long for what it should be; `None` if
    /// there is nothing at the path.
    async fn bytes(&self, path: &str, longest: u64) -> anyhow::Result<Option<Vec<u8>>> {
        let read = match &self.place {
            Place::Folder(folder) => {
                let file = folder.join(path);
                let read = move || read_file(&file, longest);
                tokio::task::spawn_blocking(read)
                    .await
                    .context("reading was interrupted")?
            }
            Place::Url(client, url) => fetch(client, url, path, longest).await,
        };
        read.with_context(|| format!("{path} of {} cannot be read", self.name))
    }

    /// What a folder still holds of the time when the tile or bundle was narrower must be its
    /// beginning. Who serves a log over HTTP lists nothing.
    fn check_narrower(&self, path: TilePath, bytes: &[u8]) -> anyhow::Result<()> {
        let Place::Folder(folder) = &self.place else {
            return Ok(());
        };
        let Ok(listing) = fs::read_dir(folder.join(format!("{}.p", widest(path)))) else {
            return Ok(());
        };
        for file in listing {
            let file = file?;
            let width = file.file_name().to_str().and_then(|it| it.parse().ok());
            let Some(narrower) = width.and_then(|it| narrower(path, it)) else {
                continue;
            };
            match read_file(&file.path(), longest(narrower))? {
                Some(earlier) if earlier != cut(narrower, bytes.to_vec()) => {
                    let why = format!("its {narrower} is not the beginning of its {path}");
                    return Err(Unsound::error(&self.name, why));
                }
                // What is not needed any more may go at any time.
                _ => {}
            }
        }
        Ok(())
    }
}

fn read_file(file: &Path, longest: u64) -> anyhow::Result<Option<Vec<u8>>> {
    let file = match File::open(file) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut bytes = Vec::new();
    file.take(longest + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

fn client() -> anyhow::Result<Client> {
    let client = Client::builder()
        .user_agent(concat!("vow/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(READ_TIMEOUT)
        .redirect(redirect::Policy::limited(REDIRECTS_MAX));
    client.build().context("preparing to speak HTTP")
}

/// What a server answers, asked again while it fails or is busy.
async fn fetch(
    client: &Client,
    url: &Url,
    path: &str,
    longest: u64,
) -> anyhow::Result<Option<Vec<u8>>> {
    let url = url.join(path)?;
    let mut wait = FIRST_WAIT;
    for _ in 1..ATTEMPTS {
        match fetch_once(client, &url, longest).await {
            Err(error) if is_passing(&error) => {
                sleep(wait).await;
                wait *= 2;
            }
            answer => return Ok(answer?),
        }
    }
    Ok(fetch_once(client, &url, longest).await?)
}

async fn fetch_once(
    client: &Client,
    url: &Url,
    longest: u64,
) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let answer = client.get(url.clone()).send().await?;
    // Buckets that may not be listed deny what is not there.
    let nothing = [
        StatusCode::NOT_FOUND,
        StatusCode::GONE,
        StatusCode::FORBIDDEN,
    ];
    if nothing.contains(&answer.status()) {
        return Ok(None);
    }
    let mut answer = answer.error_for_status()?;
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > longest {
            bytes.truncate(longest as usize + 1);
            break;
        }
    }
    Ok(Some(bytes))
}

fn is_passing(error: &reqwest::Error) -> bool {
    match error.status() {
        Some(status) => status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS,
        None => !error.is_builder() && !error.is_redirect(),
    }
}

/// The most bytes that can stand at a path.
fn longest(path: TilePath) -> u64 {
    match path {
        TilePath::Hashes(id) => u64::from(id.width) * HASH_BYTES,
        TilePath::Entries(_) => BUNDLE_BYTES_MAX,
    }
}

/// The full tile or bundle at the place of this one.
fn widest(path: TilePath) -> TilePath {
    let width = TILE_WIDTH;
    match path {
        TilePath::Hashes(id) => TilePath::Hashes(TileId { width, ..id }),
        TilePath::Entries(id) => TilePath::Entries(BundleId { width, ..id }),
    }
}

/// What stood at the place of this one when it had fewer hashes or entries.
fn narrower(path: TilePath, width: u16) -> Option<TilePath> {
    match path {
        TilePath::Hashes(id) if (1..id.width).contains(&width) => {
            Some(TilePath::Hashes(TileId { width, ..id }))
        }
        TilePath::Entries(id) if (1..id.width).contains(&width) => {
            Some(TilePath::Entries(BundleId { width, ..id }))
        }
        _ => None,
    }
}

/// Cuts what is wider to the width of the path. What cannot be cut is left for the check to refuse.
fn cut(path: TilePath, mut bytes: Vec<u8>) -> Vec<u8> {
    let length = match path {
        TilePath::Hashes(_) => Some(longest(path) as usize),
        TilePath::Entries(id) => cut_bundle(&bytes, id.width).ok().map(<[u8]>::len),
    };
    bytes.truncate(length.unwrap_or(bytes.len()));
    bytes
}
