//! What every process needs to know before it starts.

use std::{convert::Infallible, fmt, net::SocketAddr, path::PathBuf, str::FromStr};

/// The default of [`Config::grace_period_seconds`], shorter than the 30 s an orchestrator gives.
pub const GRACE_PERIOD_SECONDS: u64 = 20;

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
    /// The database: sqlite:///path/to/file.db or postgres://...
    #[arg(long, env = "VOW_DATABASE_URL", hide_env_values = true)]
    pub database_url: DatabaseUrl,
    /// The database of the wrapped keys. By default a file beside the SQLite file, or the same
    /// PostgreSQL database; one of its own can have shorter backups.
    #[arg(long, env = "VOW_KEYS_DATABASE_URL", hide_env_values = true)]
    pub keys_database_url: Option<DatabaseUrl>,
    /// File of this process's certificate chain (PEM). Its URI name is the process's SPIFFE id.
    #[arg(long, env = "VOW_TLS_CERTIFICATE")]
    pub tls_certificate: PathBuf,
    /// File of the certificate's private key (PEM, PKCS#8).
    #[arg(long, env = "VOW_TLS_KEY")]
    pub tls_key: PathBuf,
    /// File of the one authority whose certificates are believed (PEM).
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
}

impl Config {
    /// Where the wrapped keys are kept.
    pub fn keys_database_url(&self) -> DatabaseUrl {
        match &self.keys_database_url {
            Some(url) => url.clone(),
            None => self.database_url.for_keys(),
        }
    }
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
    fn a_password_does_not_print() {
        let url: DatabaseUrl = "postgres://vow:canary@host/consent".to_owned().into();
        assert!(!format!("{url:?}").contains("canary"));
    }
}
