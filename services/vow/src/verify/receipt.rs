//! Receipts, each by itself.

use std::path::Path;

use ledger::{Destruction, LedgerError, ProofFile, Verified, VerifierKey};

use super::{
    Trust, Unsound,
    printed::{moment, quoted},
    read_text,
    trust::Believed,
};

/// A receipt that holds.
pub struct Receipt {
    /// The file it was read from.
    pub name: String,
    /// The checkpoint that it leads to.
    pub believed: Believed,
    /// What it proves of its entry.
    pub verified: Verified,
}

impl Receipt {
    /// Reads and checks the receipt in a file.
    pub fn read(name: &str, trust: &Trust) -> anyhow::Result<Self> {
        let text = read_text(Path::new(name))?;
        let opened = open(&text, trust);
        let (believed, verified) = opened.map_err(|it| Unsound::error(name, it))?;
        let name = name.to_owned();
        Ok(Self {
            name,
            believed,
            verified,
        })
    }

    /// What it proves, and what not.
    pub fn sentence(&self) -> String {
        sentence(&self.believed, &self.verified)
    }
}

/// Checks one receipt against a log's key, and says what it proves.
pub fn prove(text: &str, key: &VerifierKey) -> Result<String, LedgerError> {
    let (believed, verified) = open(text, &Trust::Key(key.clone()))?;
    Ok(sentence(&believed, &verified))
}

fn open(text: &str, trust: &Trust) -> Result<(Believed, Verified), LedgerError> {
    let file = ProofFile::parse(text)?;
    let believed = trust.open(&file.checkpoint)?;
    let verified = file.verify_under(&believed.checkpoint)?;
    Ok((believed, verified))
}

fn sentence(believed: &Believed, verified: &Verified) -> String {
    let place = format!(
        "entry {} is number {} of the {} in the log {}, whose signature holds{}",
        verified.entry.id,
        verified.index + 1,
        verified.size,
        believed.checkpoint.origin,
        believed.seen_by(),
    );
    let not_proved = believed.not_proved().join("; ");
    match (&verified.opening, &verified.destruction) {
        (Some(opening), _) => {
            let payload = quoted(&String::from_utf8_lossy(&opening.payload));
            format!(
                "{place}, and it commits to exactly the record below; not proved: {not_proved}\n  {payload}"
            )
        }
        (None, Some(destruction)) => format!("{place}; {}; {not_proved}", gap(destruction)),
        (None, None) => format!(
            "{place}; the file does not say what the entry records; not proved: {not_proved}"
        ),
    }
}

fn gap(destruction: &Destruction) -> String {
    format!(
        "the log recorded at {} that the key of this entry, with which it sealed {} in all, was \
         destroyed; not proved: that the key is gone, or that the law allowed it",
        moment(destruction.recorded_at.div_euclid(1_000).into()),
        destruction.entries,
    )
}
