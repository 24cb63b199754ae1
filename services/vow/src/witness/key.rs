//! The file of a witness's key: one line with its name, as other tools for signed notes write it.

use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use anyhow::Context;
use ledger::NoteKey;

/// Makes a key and its file, which must not exist.
pub fn generate(file: &Path, name: &str) -> anyhow::Result<NoteKey> {
    let key = NoteKey::generate(name)?;
    let mut options = fs::OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(0o600).open(file);
    let mut opened = opened.with_context(|| format!("{} cannot be made", file.display()))?;
    writeln!(opened, "{}", key.to_secret_line())?;
    opened.sync_all()?;
    Ok(key)
}

/// Reads the file.
pub fn read(file: &Path) -> anyhow::Result<NoteKey> {
    let line =
        fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    NoteKey::from_secret_line(line.trim_end())
        .with_context(|| format!("{} is not a key", file.display()))
}
