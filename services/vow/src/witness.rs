//! `vow witness`: cosigns the checkpoints of other people's logs, each only if it continues the last.

mod door;
mod key;
mod state;

use std::{fs, net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::{Context, ensure};
use chassis::{PublicPort, Stop, Telemetry};
use ledger::{SignatureType, TrustPolicy};
use tokio::runtime::Runtime;

use crate::say::say;

const CONNECTIONS_MAX: usize = 256;
const CONNECTION_TIME: Duration = Duration::from_secs(60);

/// Witnesses logs: cosigns a checkpoint only if it continues the last one that it cosigned.
///
/// Whoever trusts the witness then knows that the log did not show two histories.
/// It speaks C2SP tlog-witness in plain HTTP: POST /add-checkpoint, and GET /LOG/checkpoint for the newest
/// cosigned one, where LOG is the SHA-256 of the log's origin in hexadecimal. Put it behind a proxy for TLS.
/// GET /metrics counts the answers.
///
/// What it cosigned is on the disk before it answers. Never give it an older copy of its folder, and never
/// run two witnesses with one key: both would let it sign two histories.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The file of the witness's key; readable by its owner alone.
    #[arg(long, env = "VOW_WITNESS_KEY", value_name = "FILE")]
    key: PathBuf,
    /// Makes a new key with this name in the file of --key, prints its verifier key, and stops. The
    /// name is a URL without a scheme that is yours, such as witness.example.org/w1.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["logs", "state"])]
    generate_key: Option<String>,
    /// Where to listen.
    #[arg(long, env = "VOW_WITNESS_LISTEN", default_value = "127.0.0.1:7410")]
    listen: SocketAddr,
    /// The logs to witness: a trust policy (C2SP tlog-policy). Only its `log` lines count here; write
    /// `quorum none` if it is for the witness alone.
    #[arg(
        long,
        env = "VOW_WITNESS_LOGS",
        value_name = "FILE",
        required_unless_present = "generate_key"
    )]
    logs: Option<PathBuf>,
    /// The folder of what was cosigned. One process uses it at a time.
    #[arg(
        long,
        env = "VOW_WITNESS_STATE",
        value_name = "FOLDER",
        required_unless_present = "generate_key"
    )]
    state: Option<PathBuf>,
}

/// Runs `vow witness` until a signal stops it.
pub fn run(args: Args) -> anyhow::Result<()> {
    if let Some(name) = &args.generate_key {
        let key = key::generate(&args.key, name)?;
        say!("{}", key.verifier(SignatureType::Cosignature));
        return Ok(());
    }
    let Args {
        logs: Some(logs),
        state: Some(folder),
        ..
    } = &args
    else {
        unreachable!("required without --generate-key");
    };
    let key = key::read(&args.key)?;
    let policy = fs::read(logs).with_context(|| format!("{} cannot be read", logs.display()))?;
    let policy = TrustPolicy::parse(policy).with_context(|| logs.display().to_string())?;
    ensure!(!policy.logs().is_empty(), "{} names no log", logs.display());
    let state = state::State::open(folder, &key, &policy)
        .with_context(|| format!("the folder {} is not usable", folder.display()))?;
    let witness = door::Witness {
        key,
        logs: policy,
        state,
    };
    Runtime::new()?.block_on(async {
        Telemetry::start("vow-witness")?;
        let port = PublicPort::bind(args.listen, CONNECTIONS_MAX, CONNECTION_TIME).await;
        let port = port.with_context(|| format!("binding {}", args.listen))?;
        say!(
            "witness {}",
            witness.key.verifier(SignatureType::Cosignature)
        );
        say!(
            "listens on http://{}/",
            axum::serve::Listener::local_addr(&port)?
        );
        Ok(door::serve(port, witness, Stop::on_signals()?).await?)
    })
}
