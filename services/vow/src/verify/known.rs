//! Checkpoints that are remembered from one check to the next.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use anyhow::Context;
use ledger::{Checkpoint, Note};
use uuid::Uuid;

use super::{Trust, Unsound};

/// The checkpoint that is known from `known`, and the one remembered in `remember`, if it is there.
pub fn read(
    [known, remember]: [Option<&Path>; 2],
    trust: &Trust,
) -> anyhow::Result<Vec<Checkpoint>> {
    let mut files: Vec<_> = known.into_iter().collect();
    if let Some(file) = remember
        && is_there(file)?
    {
        files.push(file);
    }
    files.into_iter().map(|it| checkpoint(it, trust)).collect()
}

/// Where nothing is, nothing was remembered yet. A link that leads nowhere is something.
fn is_there(file: &Path) -> anyhow::Result<bool> {
    match fs::symlink_metadata(file) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", file.display())),
    }
}

fn checkpoint(file: &Path, trust: &Trust) -> anyhow::Result<Checkpoint> {
    let name = file.display();
    let note = fs::read_to_string(file).with_context(|| format!("{name} cannot be read"))?;
    // Shells and editors add empty lines.
    let note = Note::parse(&format!("{}\n", note.trim_end()));
    let opened = note.and_then(|it| trust.open_unwitnessed(&it));
    opened.map_err(|error| Unsound::error(name, error))
}

/// Replaces what is remembered, so that after a crash the old or the new is there, whole.
pub fn remember(file: &Path, note: &str) -> anyhow::Result<()> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // A name that is nobody else's, not even another check's that runs at the same time.
    let new = folder.join(format!(".{}.new", Uuid::new_v4()));
    let write = || -> io::Result<()> {
        let mut written = File::create_new(&new)?;
        written.write_all(note.as_bytes())?;
        written.sync_all()?;
        fs::rename(&new, file)?;
        File::open(folder)?.sync_all()
    };
    let written = write();
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written.with_context(|| format!("{} cannot be written", file.display()))
}
