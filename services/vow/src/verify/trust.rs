//! Whom a checker believes: one log's key, or a trust policy that can also ask for witnesses.

use std::{fs, path::PathBuf};

use anyhow::Context;
use ledger::{Checkpoint, LedgerError, Note, TrustPolicy, VerifierKey};

use super::{printed::moment, text_or_file};

/// How trust is given on the command line.
#[derive(clap::Args, Debug)]
#[group(required = false, multiple = false)]
pub struct TrustArgs {
    /// The log's verifier key: a file, or the text itself.
    #[arg(long, value_name = "VKEY")]
    key: Option<String>,
    /// The logs and witnesses to believe and the quorum to ask for, a file of C2SP tlog-policy.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

/// Whom to believe.
pub enum Trust {
    /// One log, whoever witnessed it.
    Key(VerifierKey),
    /// The logs of a policy, seen by its witnesses.
    Policy(TrustPolicy),
}

/// A checkpoint that is believed.
pub struct Believed {
    /// What the log signed.
    pub checkpoint: Checkpoint,
    /// The witnesses that cosigned and were asked for, each with its time in unix seconds.
    pub witnesses: Vec<(String, u64)>,
}

impl TrustArgs {
    /// Reads the key or the policy.
    pub fn read(&self) -> anyhow::Result<Trust> {
        if let Some(file) = &self.policy {
            let name = file.display();
            let policy = fs::read(file).with_context(|| format!("{name} cannot be read"))?;
            let policy = TrustPolicy::parse(policy);
            let policy = policy.with_context(|| format!("{name} is not a trust policy"))?;
            return Ok(Trust::Policy(policy));
        }
        let key = self.key.as_deref().context(
            "name --key or --policy for a .tlog-proof file or a log, or --keys for a .jwt file",
        )?;
        let key = VerifierKey::parse(text_or_file(key).trim());
        Ok(Trust::Key(key.context("--key is not a verifier key")?))
    }
}

impl Trust {
    /// Reads the checkpoint of a note after verifying its signatures, those of the witnesses too.
    pub fn open(&self, note: &Note) -> Result<Believed, LedgerError> {
        match self {
            Self::Key(key) => Ok(Believed {
                checkpoint: Checkpoint::open(note, key)?,
                witnesses: Vec::new(),
            }),
            Self::Policy(policy) => {
                let trusted = policy.verify(note)?;
                let witnesses = trusted.cosigned_by.iter();
                Ok(Believed {
                    witnesses: witnesses
                        .map(|it| (it.witness.key.name().to_owned(), it.time))
                        .collect(),
                    checkpoint: trusted.checkpoint,
                })
            }
        }
    }

    /// Reads the checkpoint of a note that the log signed; nobody else need have seen it.
    pub fn open_unwitnessed(&self, note: &Note) -> Result<Checkpoint, LedgerError> {
        match self {
            Self::Key(key) => Checkpoint::open(note, key),
            Self::Policy(policy) => policy.open(note),
        }
    }
}

impl Believed {
    /// Who saw it besides whoever asks, and when, for a sentence about what the log signed.
    pub fn seen_by(&self) -> String {
        let witnesses = self.witnesses.iter();
        let cosigned: Vec<_> = witnesses
            .map(|(name, time)| format!("{name} cosigned at {}", moment((*time).into())))
            .collect();
        match cosigned.as_slice() {
            [] => String::new(),
            cosigned => format!(" and {}", cosigned.join(", ")),
        }
    }

    /// What its signatures leave open, for the end of that sentence.
    pub fn not_proved(&self) -> Vec<&'static str> {
        let newer = "that nothing newer was signed";
        match self.witnesses.as_slice() {
            [] => vec!["that anybody witnessed it", newer],
            _ => vec![newer],
        }
    }
}
