//! What every process needs to know before it starts.

use std::{
    convert::Infallible,
    fmt, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context, ensure};

/// The default of [`Config::grace_period_seconds`], shorter than the 30 s an orchestrator gives.
pub const GRACE_PERIOD_SECONDS: u64 = 20;
/// The default of [`Config::connection_age_seconds`].
pub const CONNECTION_AGE_SECONDS: u64 = 3_600;
/// The default of [`Config::database_connections`]; with four services and their keys still far
/// below the server's default of 100.
pub const CONNECTIONS_MAX: u32 = 8;

/// The part of the configuration that every service has. Tracing is configured by the standard
/// `OTEL_*` variables.
#[derive(clap::Args, Clone, Debug)]
// A service flattens it into a `Config` of its own, and two groups may not share a name.
#[group(skip)]
pub struct Config {
    /// Where gRPC is served, over mutual TLS. Port 0 takes a free one.
    #[arg(long, env = "VOW_LISTEN", default_value = "0.0.0.0:7443")]
    pub listen: SocketAddr,
    /// Where health and metrics are served, in plaintext: nothing personal is among them.
    #[arg(long, env = "VOW_ADMIN_LISTEN", default_value = "0.0.0.0:9464")]
    pub admin_listen: SocketAddr,
    /// Where the service remembers.
    #[command(flatten)]
    pub databases: Databases,
    /// Who brings the databases to this version: the process itself, or somebody else whom it waits
    /// for, and then it needs no right to change a schema.
    #[arg(long, env = "VOW_MIGRATIONS", value_enum, default_value_t = Migrations::Apply)]
    pub migrations: Migrations,
    /// How many connections to PostgreSQL a process may have, for each of its two sets of tables.
    #[arg(long, env = "VOW_DATABASE_CONNECTIONS", default_value_t = CONNECTIONS_MAX,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub database_connections: u32,
    /// File of this process's certificate chain (PEM). Its URI name is the process's SPIFFE id.
    #[arg(long, env = "VOW_TLS_CERTIFICATE")]
    pub tls_certificate: PathBuf,
    /// File of the certificate's private key (PEM, PKCS#8).
    #[arg(long, env = "VOW_TLS_KEY")]
    pub tls_key: PathBuf,
    /// File of the authorities whose certificates are believed (PEM): one, or two while one
    /// replaces the other.
    #[arg(long, env = "VOW_TLS_AUTHORITY")]
    pub tls_authority: PathBuf,
    /// File of the table of callers (TOML): who may call what.
    #[arg(long, env = "VOW_CALLERS")]
    pub callers: PathBuf,
    /// File of the key-encryption keys: one per line, id and base64; the first one is current.
    #[arg(long, env = "VOW_KEY_ENCRYPTION_KEYS")]
    pub key_encryption_keys: PathBuf,
    /// How many seconds calls in progress may take to end when the process stops.
    #[arg(long, env = "VOW_GRACE_PERIOD_SECONDS", default_value_t = GRACE_PERIOD_SECONDS)]
    pub grace_period_seconds: u64,
    /// How many seconds a process that is to stop goes on taking calls, while it already says that
    /// it is not ready: so long may others take to learn that.
    #[arg(long, env = "VOW_DRAIN_SECONDS", default_value_t = 0)]
    pub drain_seconds: u64,
    /// How many seconds a connection lives before its caller must make another: so long may callers
    /// take to find new replicas, and a certificate that expired may go on.
    #[arg(long, env = "VOW_CONNECTION_AGE_SECONDS", default_value_t = CONNECTION_AGE_SECONDS,
          value_parser = clap::value_parser!(u64).range(1..))]
    pub connection_age_seconds: u64,
}

/// The databases of one service.
#[derive(clap::Args, Clone, Debug, Default)]
#[group(skip)]
pub struct Databases {
    /// The database: sqlite:///path/to/file.db or postgres://...
    #[arg(
        long,
        env = "VOW_DATABASE_URL",
        hide_env_values = true,
        required_unless_present = "database_url_file"
    )]
    pub database_url: Option<DatabaseUrl>,
    /// A file that holds the database's URL, instead.
    #[arg(long, env = "VOW_DATABASE_URL_FILE", conflicts_with = "database_url")]
    pub database_url_file: Option<PathBuf>,
    /// The database of the wrapped keys. By default a file beside the SQLite file, or the same
    /// PostgreSQL database; one of its own can have shorter backups.
    #[arg(long, env = "VOW_KEYS_DATABASE_URL", hide_env_values = true)]
    pub keys_database_url: Option<DatabaseUrl>,
    /// A file that holds the URL of the database of the wrapped keys, instead.
    #[arg(
        long,
        env = "VOW_KEYS_DATABASE_URL_FILE",
        conflicts_with = "keys_database_url"
    )]
    pub keys_database_url_file: Option<PathBuf>,
}

/// Who brings the databases to this version.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Migrations {
    /// The process itself, when it starts.
    Apply,
    /// Somebody else, and the process waits until it is done (PostgreSQL only).
    Wait,
}

impl Databases {
    /// Where the service's own tables are.
    pub fn url(&self) -> anyhow::Result<DatabaseUrl> {
        let url = given(&self.database_url, self.database_url_file.as_deref())?;
        url.context("no database is named")
    }

    /// Where the wrapped keys are.
    pub fn keys_url(&self) -> anyhow::Result<DatabaseUrl> {
        let url = given(
            &self.keys_database_url,
            self.keys_database_url_file.as_deref(),
        )?;
        url.map_or_else(|| Ok(self.url()?.for_keys()), Ok)
    }
}

fn given(url: &Option<DatabaseUrl>, file: Option<&Path>) -> anyhow::Result<Option<DatabaseUrl>> {
    let Some(file) = file else {
        return Ok(url.clone());
    };
    let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let text = text.trim();
    ensure!(!text.is_empty(), "{} is empty", file.display());
    Ok(Some(text.to_owned().into()))
}

/// The URL of a database. It may hold a password, so it does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The URL, for the driver.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A file `<name>-keys.db` beside `<name>.db`; on a server the same database.
    fn for_keys(&self) -> DatabaseUrl {
        if !self.0.starts_with("sqlite:") {
            return self.clone();
        }
        let (path, query) = match self.0.split_once('?') {
            Some((path, query)) => (path, format!("?{query}")),
            None => (self.0.as_str(), String::new()),
        };
        let name = path.strip_suffix(".db").unwrap_or(path);
        DatabaseUrl(format!("{name}-keys.db{query}"))
    }
}

impl From<String> for DatabaseUrl {
    fn from(url: String) -> Self {
        DatabaseUrl(url)
    }
}

impl FromStr for DatabaseUrl {
    type Err = Infallible;

    fn from_str(url: &str) -> Result<Self, Infallible> {
        Ok(DatabaseUrl(url.to_owned()))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("DatabaseUrl(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_lie_beside_a_file_and_inside_a_server() {
        for (url, keys) in [
            (
                "sqlite:///data/consent.db",
                "sqlite:///data/consent-keys.db",
            ),
            ("sqlite://consent", "sqlite://consent-keys.db"),
            ("sqlite://a.db?mode=rwc", "sqlite://a-keys.db?mode=rwc"),
            ("postgres://host/consent", "postgres://host/consent"),
        ] {
            assert_eq!(DatabaseUrl(url.to_owned()).for_keys().expose(), keys);
        }
    }

    #[test]
    fn a_url_is_read_from_its_file() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let file = folder.path().join("url");
        let databases = Databases {
            database_url_file: Some(file.clone()),
            ..Databases::default()
        };
        assert!(databases.url().is_err(), "there is no file");
        fs::write(&file, "\n").expect("it is written");
        assert!(databases.url().is_err(), "there is nothing in it");
        fs::write(&file, "postgres://host/consent\n").expect("it is written");
        for url in [databases.url(), databases.keys_url()] {
            assert_eq!(
                url.expect("it is there").expose(),
                "postgres://host/consent"
            );
        }
    }

    #[test]
    fn a_password_does_not_print() {
        let url: DatabaseUrl = "postgres://vow:canary@host/consent".to_owned().into();
        assert!(!format!("{url:?}").contains("canary"));
    }
}
