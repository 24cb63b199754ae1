//! Checkpoints that are remembered from one check to the next.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use anyhow::Context;
use ledger::{Checkpoint, Note};

use super::{Trust, Unsound};

/// The checkpoint that is known from `known`, and the one remembered in `remember`, if it is there.
pub fn read(
    [known, remember]: [Option<&Path>; 2],
    trust: &Trust,
) -> anyhow::Result<Vec<Checkpoint>> {
    let remembered = remember.filter(|it| it.exists());
    let files = known.into_iter().chain(remembered);
    files.map(|it| checkpoint(it, trust)).collect()
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
    let write = || -> io::Result<()> {
        let new = file.with_extension("new");
        let mut written = File::create(&new)?;
        written.write_all(note.as_bytes())?;
        written.sync_all()?;
        fs::rename(&new, file)?;
        File::open(folder)?.sync_all()
    };
    write().with_context(|| format!("{} cannot be written", file.display()))
}
