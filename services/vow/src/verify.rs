//! `vow verify`: what a stranger checks offline, with nothing but a file and a public key.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use grant::{ConsentReceipt, ErasureCertificate, KeyBundle};
use ledger::{ProofFile, VerifierKey};

use crate::say::{complain, say};

/// What was checked is not sound.
const UNSOUND: u8 = 3;
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Verifies a receipt or a certificate offline, and says in one sentence what was proved.
///
/// A `.tlog-proof` file needs --key, the log's public key (the file log.vkey, or its text).
/// A `.jwt` file, a consent receipt or an erasure certificate, needs --keys, the public keys (grant-keys.jwks).
/// Exits 0 when it holds and 3 when it does not.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The receipt or certificate.
    file: PathBuf,
    /// The log's verifier key: a file, or the text itself.
    #[arg(long, value_name = "VKEY")]
    key: Option<String>,
    /// The public keys that sign consent receipts and certificates.
    #[arg(long, value_name = "JWKS")]
    keys: Option<PathBuf>,
}

/// Runs `vow verify`.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let name = args.file.display().to_string();
    let text = read(&args.file).with_context(|| format!("{name} cannot be read"))?;
    let verdict = match (&args.key, &args.keys) {
        (Some(key), None) => proof(&text, key)?,
        (None, Some(keys)) => token(text.trim(), keys)?,
        _ => bail!("name --key for a .tlog-proof file, or --keys for a .jwt file"),
    };
    Ok(match verdict {
        Ok(proved) => {
            say!("{proved}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            complain(&format!("{name} proves nothing: {why}"));
            ExitCode::from(UNSOUND)
        }
    })
}

/// The start of a file is enough: no receipt and no certificate is larger. Bytes that are no text
/// become a mark that no format allows, so that they prove nothing.
fn read(file: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(file)?
        .take(FILE_BYTES_MAX)
        .read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What a file proves, or why it proves nothing.
type Verdict = Result<String, String>;

fn proof(text: &str, key: &str) -> anyhow::Result<Verdict> {
    let line = fs::read_to_string(key).unwrap_or_else(|_| key.to_owned());
    let key = VerifierKey::parse(line.trim()).context("--key is not a verifier key")?;
    Ok(prove(text, &key))
}

/// Checks a proof file against a log's key.
pub fn prove(text: &str, key: &VerifierKey) -> Verdict {
    let file = ProofFile::parse(text).map_err(|error| error.to_string())?;
    let verified = file.verify(key).map_err(|error| error.to_string())?;
    let place = format!(
        "entry {} is number {} of the {} in the log {}, whose signature holds",
        verified.entry.id,
        verified.index + 1,
        verified.size,
        key.name()
    );
    let Some(opening) = verified.opening else {
        return Ok(format!(
            "{place}; the file does not say what the entry records"
        ));
    };
    let payload = String::from_utf8_lossy(&opening.payload).into_owned();
    Ok(format!(
        "{place}; it commits to exactly this record:\n{payload}"
    ))
}

fn token(text: &str, keys: &PathBuf) -> anyhow::Result<Verdict> {
    let bundle = fs::read_to_string(keys).context("--keys cannot be read")?;
    let bundle = KeyBundle::parse(&bundle).context("--keys is not a set of public keys")?;
    if let Ok(receipt) = ConsentReceipt::verify(text, &bundle) {
        let body = serde_json::to_string_pretty(&receipt)?;
        return Ok(Ok(format!(
            "the consent receipt is signed by {}:\n{body}",
            receipt.iss
        )));
    }
    Ok(match ErasureCertificate::verify(text, &bundle) {
        Ok(certificate) => {
            let body = serde_json::to_string_pretty(&certificate)?;
            Ok(format!(
                "the erasure certificate is signed by {}:\n{body}",
                certificate.iss
            ))
        }
        Err(error) => Err(error.to_string()),
    })
}
