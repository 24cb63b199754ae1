//! Consent receipts and erasure certificates, which are signed JWTs.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use grant::{ConsentReceipt, ErasureCertificate, KeyBundle};
use serde::Serialize;

use super::{Unsound, printed::quoted, read_text};

/// What the file at `name` proves.
pub fn verify(name: &str, keys: &PathBuf) -> anyhow::Result<String> {
    let text = read_text(Path::new(name))?;
    let bundle = fs::read_to_string(keys).context("--keys cannot be read")?;
    let bundle = KeyBundle::parse(&bundle).context("--keys is not a set of public keys")?;
    if let Ok(receipt) = ConsentReceipt::verify(text.trim(), &bundle) {
        return sentence("consent receipt", &receipt.iss, &receipt);
    }
    match ErasureCertificate::verify(text.trim(), &bundle) {
        Ok(certificate) => sentence("erasure certificate", &certificate.iss, &certificate),
        Err(error) => Err(Unsound::error(name, error)),
    }
}

fn sentence(kind: &str, issuer: &str, body: &impl Serialize) -> anyhow::Result<String> {
    let body = serde_json::to_string_pretty(body)?;
    let body: String = body
        .lines()
        .map(|it| format!("\n  {}", quoted(it)))
        .collect();
    Ok(format!(
        "the {kind} below is signed by {}; not proved: that what it says is so; that a log recorded \
         it; that nothing newer was signed{body}",
        quoted(issuer)
    ))
}
