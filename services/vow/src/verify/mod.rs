//! `vow verify`: what a stranger checks, with nothing but files, a log that is served, and a public key.

mod history;
mod known;
mod log;
mod printed;
mod receipt;
mod source;
mod token;
mod trust;
mod unsound;

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail, ensure};
use tokio::runtime::Runtime;

use crate::say::{complain, say};

pub use log::walk;
pub use receipt::{Receipt, prove};
pub use source::Source;
pub use trust::{Trust, TrustArgs};
pub use unsound::{UNSOUND, Unsound};

const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Verifies receipts, a whole log or a certificate, and says in one sentence what was proved and what was not.
///
/// Receipts are `.tlog-proof` files; several of one person are also checked against each other, and what is
/// missing between them is named. A log is a folder or an http(s) URL with the C2SP tlog-tiles layout; every
/// entry and every tile is read. Both need --key, the log's public key, or --policy, which can also ask for
/// witnesses. Receipts named together with their log must belong to its history.
/// A `.jwt` file, a consent receipt or an erasure certificate, needs --keys, the public keys (grant-keys.jwks).
///
/// Exits 0 when it holds, 3 when it does not, and 1 when it could not be read or decided.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Receipts, and at most one log; or certificates.
    #[arg(required = true, value_name = "FILE|FOLDER|URL")]
    what: Vec<String>,
    #[command(flatten)]
    trust: TrustArgs,
    /// The public keys that sign consent receipts and certificates.
    #[arg(long, value_name = "JWKS", conflicts_with_all = ["key", "policy"])]
    keys: Option<PathBuf>,
    /// A checkpoint that is remembered, a signed note: the log must continue it.
    #[arg(long, value_name = "FILE")]
    known: Option<PathBuf>,
    /// Where to remember the log's newest checkpoint. If the file is there, the log must continue what is in
    /// it; when the log holds, it is replaced.
    #[arg(long, value_name = "FILE")]
    remember: Option<PathBuf>,
}

/// Runs `vow verify`.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match Runtime::new()?.block_on(verify(args)) {
        Ok(proved) => {
            for sentence in proved {
                say!("{sentence}");
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(error) if error.is::<Unsound>() => {
            complain(&format!("{error:#}"));
            Ok(ExitCode::from(UNSOUND))
        }
        Err(error) => Err(error),
    }
}

/// What was proved, a sentence each.
async fn verify(args: Args) -> anyhow::Result<Vec<String>> {
    if let Some(keys) = &args.keys {
        let sentences = args.what.iter().map(|it| token::verify(it, keys));
        return sentences.collect();
    }
    let trust = args.trust.read()?;
    let Targets { receipts, log } = Targets::parse(&args.what)?;
    let receipts = receipts.iter().map(|it| Receipt::read(it, &trust));
    let receipts = receipts.collect::<anyhow::Result<Vec<_>>>()?;
    let mut sentences: Vec<_> = receipts.iter().map(Receipt::sentence).collect();
    sentences.extend(history::check(&receipts, log.is_some())?);
    match log {
        Some(log) => {
            let remembered = [args.known.as_deref(), args.remember.as_deref()];
            let remembered = known::read(remembered, &trust)?;
            let newest = log::check(&log, &trust, &remembered, &receipts).await?;
            sentences.push(newest.sentence);
            if let Some(file) = &args.remember {
                known::remember(file, &newest.note)?;
            }
        }
        None => ensure!(
            args.known.is_none() && args.remember.is_none(),
            "--known and --remember are about a log: name its folder or its URL"
        ),
    }
    Ok(sentences)
}

/// What the command line names.
struct Targets<'a> {
    receipts: Vec<&'a str>,
    log: Option<Source>,
}

impl<'a> Targets<'a> {
    fn parse(what: &'a [String]) -> anyhow::Result<Self> {
        let mut targets = Self {
            receipts: Vec::new(),
            log: None,
        };
        for name in what {
            match Source::parse(name)? {
                Some(_) if targets.log.is_some() => bail!("name one log at a time"),
                Some(log) => targets.log = Some(log),
                None => targets.receipts.push(name),
            }
        }
        Ok(targets)
    }
}

/// The start of a file is enough: no receipt and no certificate is larger. Bytes that are no text
/// become a mark that no format allows, so that they prove nothing.
fn read_text(file: &Path) -> anyhow::Result<String> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(file)?
            .take(FILE_BYTES_MAX)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().with_context(|| format!("{} cannot be read", file.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A file's text; or the argument itself, where it is the text.
fn text_or_file(argument: &str) -> String {
    fs::read_to_string(argument).unwrap_or_else(|_| argument.to_owned())
}
