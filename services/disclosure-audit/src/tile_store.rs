//! Where the published log is kept: a folder, or a bucket with the interface of S3, laid out as C2SP
//! tlog-tiles says, so that any server of static files can serve it.

use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::path::{Path as FilePath, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use futures_util::{StreamExt, TryStreamExt, stream};
use ledger::TilePath;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::client::ClientConfigKey;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{
    Attribute, Attributes, ObjectStore, ObjectStoreExt, PutMode, PutOptions, RetryConfig,
    UpdateVersion,
};
use tokio::time::sleep;

use crate::error::Error;

/// What may be kept of a checkpoint that somebody asked for: a moment.
pub(crate) const CHECKPOINT_CACHING: &str = "public, max-age=1";
/// A tile is what it is for ever.
pub(crate) const TILE_CACHING: &str = "public, max-age=31536000, immutable";
pub(crate) const CHECKPOINT_TYPE: &str = "text/plain; charset=utf-8";
pub(crate) const TILE_TYPE: &str = "application/octet-stream";

const CHECKPOINT: &str = "checkpoint";
const LOCK_FILE: &str = ".lock";
/// A note with the most signatures that anybody accepts is far smaller.
const CHECKPOINT_BYTES_MAX: u64 = 64 * 1024;
const WRITES_AT_ONCE: usize = 16;
const CALL_TIMEOUT: &str = "5s";
const RETRY_TIMEOUT: Duration = Duration::from_secs(10);
const RETRIES_MAX: usize = 3;
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
const LOCK_INTERVAL: Duration = Duration::from_millis(10);

/// Where a tile store is: `file:///folder` or `s3://bucket/prefix`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TileStoreUrl {
    /// A folder, which is made if it does not exist.
    Folder(PathBuf),
    /// A bucket, and what its paths begin with. The rest is told by the usual variables `AWS_*`.
    Bucket {
        /// Its name.
        name: String,
        /// Empty, or folders.
        prefix: String,
    },
}

impl TileStoreUrl {
    /// The folder `log` beside the file of an SQLite database; `None` for a server.
    pub(crate) fn beside(database_url: &str) -> Option<Self> {
        let path = database_url.strip_prefix("sqlite:")?;
        let path = path.strip_prefix("//").unwrap_or(path);
        let (file, _) = path.split_once('?').unwrap_or((path, ""));
        Some(Self::Folder(FilePath::new(file).with_file_name("log")))
    }
}

impl FromStr for TileStoreUrl {
    type Err = &'static str;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        if let Some(folder) = url.strip_prefix("file://") {
            return match folder.starts_with('/') {
                true => Ok(Self::Folder(folder.into())),
                false => Err("write file:// and an absolute path"),
            };
        }
        let rest = url.strip_prefix("s3://");
        let rest = rest.ok_or("write file:///folder or s3://bucket/prefix")?;
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        match name.is_empty() {
            true => Err("the bucket has no name"),
            false => Ok(Self::Bucket {
                name: name.to_owned(),
                prefix: prefix.trim_end_matches('/').to_owned(),
            }),
        }
    }
}

/// The published log. Nothing in it is personal.
#[derive(Debug)]
pub(crate) struct TileStore {
    objects: Arc<dyn ObjectStore>,
    /// Of a folder: it knows no conditional writes, so a lock stands around them.
    folder: Option<PathBuf>,
}

/// A tile or a bundle of entries.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) path: TilePath,
    pub(crate) bytes: Vec<u8>,
}

/// The checkpoint that everybody can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublishedCheckpoint {
    pub(crate) note: String,
    /// Changes with every replacement.
    pub(crate) tag: Option<String>,
}

impl TileStore {
    /// Opens a store; a folder is made.
    pub(crate) fn open(url: &TileStoreUrl) -> anyhow::Result<Self> {
        match url {
            TileStoreUrl::Folder(folder) => {
                Self::open_folder(folder).with_context(|| format!("opening {}", folder.display()))
            }
            TileStoreUrl::Bucket { name, prefix } => Self::open_bucket(name, prefix),
        }
    }

    fn open_folder(folder: &FilePath) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)?;
        let objects = LocalFileSystem::new_with_prefix(folder)?
            .with_automatic_cleanup(true)
            .with_fsync(true);
        Ok(Self {
            objects: Arc::new(objects),
            folder: Some(folder.to_owned()),
        })
    }

    fn open_bucket(name: &str, prefix: &str) -> anyhow::Result<Self> {
        let retry = RetryConfig {
            max_retries: RETRIES_MAX,
            retry_timeout: RETRY_TIMEOUT,
            ..RetryConfig::default()
        };
        let timeout = AmazonS3ConfigKey::Client(ClientConfigKey::Timeout);
        let bucket = AmazonS3Builder::from_env()
            .with_bucket_name(name)
            .with_retry(retry)
            .with_config(timeout, CALL_TIMEOUT)
            .build()
            .context("opening the bucket")?;
        Ok(Self {
            objects: Arc::new(PrefixStore::new(bucket, prefix)),
            folder: None,
        })
    }

    /// What is published; `None` before the first checkpoint.
    pub(crate) async fn checkpoint(&self) -> Result<Option<PublishedCheckpoint>, Error> {
        let found = match self.objects.get(&Path::from(CHECKPOINT)).await {
            Ok(found) if found.meta.size <= CHECKPOINT_BYTES_MAX => found,
            Ok(_) => return Err(Error::PublishedForeign),
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(unavailable(error)),
        };
        let tag = found.meta.e_tag.clone();
        let bytes = found.bytes().await.map_err(unavailable)?;
        let note = String::from_utf8(bytes.into()).map_err(|_| Error::PublishedForeign)?;
        Ok(Some(PublishedCheckpoint { note, tag }))
    }

    /// Replaces the checkpoint if it still is the `previous` one, and says whether it was.
    pub(crate) async fn replace_checkpoint(
        &self,
        previous: Option<&PublishedCheckpoint>,
        note: &str,
    ) -> Result<bool, Error> {
        let Some(folder) = &self.folder else {
            return self.put_checkpoint(condition(previous), note).await;
        };
        let _lock = lock(&folder.join(LOCK_FILE)).await?;
        if self.checkpoint().await?.map(|it| it.note) != previous.map(|it| it.note.clone()) {
            return Ok(false);
        }
        self.put_checkpoint(PutMode::Overwrite, note).await
    }

    async fn put_checkpoint(&self, mode: PutMode, note: &str) -> Result<bool, Error> {
        let options = PutOptions {
            mode,
            attributes: self.attributes(CHECKPOINT_TYPE, CHECKPOINT_CACHING),
            ..PutOptions::default()
        };
        let path = Path::from(CHECKPOINT);
        let put = self
            .objects
            .put_opts(&path, note.to_owned().into(), options);
        match put.await {
            Ok(_) => Ok(true),
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. }
                | object_store::Error::NotFound { .. },
            ) => Ok(false),
            Err(error) => Err(unavailable(error)),
        }
    }

    /// Writes tiles and bundles; when it returns they are durable.
    pub(crate) async fn put(&self, objects: Vec<Object>) -> Result<(), Error> {
        let put = async |it: Object| {
            let options = PutOptions {
                attributes: self.attributes(TILE_TYPE, TILE_CACHING),
                ..PutOptions::default()
            };
            let path = Path::from(it.path.to_string());
            let put = self.objects.put_opts(&path, it.bytes.into(), options).await;
            put.map(drop).map_err(unavailable)
        };
        stream::iter(objects)
            .map(put)
            .buffer_unordered(WRITES_AT_ONCE)
            .try_collect()
            .await
    }

    /// The bytes of a tile or bundle, if it is there.
    pub(crate) async fn object(&self, path: TilePath) -> Result<Option<Vec<u8>>, Error> {
        match self.objects.get(&Path::from(path.to_string())).await {
            Ok(found) => {
                let bytes = found.bytes().await.map_err(unavailable)?;
                Ok(Some(bytes.into()))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(unavailable(error)),
        }
    }

    /// All tiles and bundles by their paths, with their lengths.
    pub(crate) async fn lengths(&self) -> Result<HashMap<String, u64>, Error> {
        let listed = self.objects.list(Some(&Path::from("tile")));
        let lengths = listed.map_ok(|it| (it.location.to_string(), it.size));
        lengths.try_collect().await.map_err(unavailable)
    }

    /// Deletes the partial objects of full ones: whoever misses one finds the full one.
    pub(crate) async fn forget_partials(&self, full: Vec<TilePath>) -> Result<(), Error> {
        for path in full {
            let partials = self.objects.list(Some(&Path::from(format!("{path}.p"))));
            let paths = partials.map_ok(|it| it.location).boxed();
            let deleted: Vec<_> = self.objects.delete_stream(paths).collect().await;
            for outcome in deleted {
                match outcome {
                    // Another replica tidies as well.
                    Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                    Err(error) => return Err(unavailable(error)),
                }
            }
        }
        Ok(())
    }

    /// A folder keeps none: who serves it says what its files are.
    fn attributes(&self, content_type: &'static str, caching: &'static str) -> Attributes {
        if self.folder.is_some() {
            return Attributes::new();
        }
        Attributes::from_iter([
            (Attribute::ContentType, content_type),
            (Attribute::CacheControl, caching),
        ])
    }
}

fn condition(previous: Option<&PublishedCheckpoint>) -> PutMode {
    match previous {
        Some(previous) => PutMode::Update(UpdateVersion {
            e_tag: previous.tag.clone(),
            version: None,
        }),
        None => PutMode::Create,
    }
}

/// Held until it is dropped, or its process ends.
async fn lock(path: &FilePath) -> Result<File, Error> {
    let file = File::create(path).map_err(unavailable)?;
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if began.elapsed() < LOCK_TIMEOUT => {}
            Err(error) => return Err(unavailable(error)),
        }
        sleep(LOCK_INTERVAL).await;
    }
}

/// Why is for the log: it may name folders and hosts.
fn unavailable(error: impl std::error::Error + 'static) -> Error {
    tracing::warn!(
        error = &error as &dyn std::error::Error,
        "the tile store failed"
    );
    Error::TileStoreUnavailable
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_url_names_a_folder_or_a_bucket() {
        let folder = |path: &str| Ok(TileStoreUrl::Folder(path.into()));
        let bucket = |name: &str, prefix: &str| {
            let (name, prefix) = (name.to_owned(), prefix.to_owned());
            Ok(TileStoreUrl::Bucket { name, prefix })
        };
        assert_eq!("file:///data/log".parse(), folder("/data/log"));
        assert_eq!("s3://logs".parse(), bucket("logs", ""));
        assert_eq!("s3://logs/vow/a/".parse(), bucket("logs", "vow/a"));
        for url in [
            "",
            "/data/log",
            "file://data/log",
            "s3://",
            "s3:///a",
            "gs://a",
        ] {
            assert!(url.parse::<TileStoreUrl>().is_err(), "{url}");
        }
    }

    #[test]
    fn an_embedded_database_has_the_log_beside_it() {
        for (url, folder) in [
            ("sqlite:///data/log.db", Some("/data/log")),
            ("sqlite://a.db?mode=rwc", Some("log")),
            ("sqlite:a/b.db", Some("a/log")),
            ("postgres://host/a", None),
        ] {
            let folder = folder.map(|it| TileStoreUrl::Folder(it.into()));
            assert_eq!(TileStoreUrl::beside(url), folder, "{url}");
        }
    }

    #[tokio::test]
    async fn of_those_who_replace_the_same_checkpoint_one_succeeds() {
        let folder = TempDir::new().unwrap();
        let url = TileStoreUrl::Folder(folder.path().join("log"));
        let stores = [1, 2].map(|_| TileStore::open(&url).unwrap());
        assert_eq!(stores[0].checkpoint().await, Ok(None));
        for (note, previous) in [("1\n", None), ("2\n", Some("1\n")), ("3\n", Some("2\n"))] {
            let published = stores[0].checkpoint().await.unwrap();
            assert_eq!(published.as_ref().map(|it| it.note.as_str()), previous);
            let replace = |it: usize| stores[it].replace_checkpoint(published.as_ref(), note);
            let (one, other) = tokio::join!(replace(0), replace(1));
            assert!(
                one.unwrap() != other.unwrap(),
                "both or none replaced {previous:?}"
            );
        }
    }
}
