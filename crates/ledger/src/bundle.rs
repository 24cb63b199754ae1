//! Entry bundles: the entries below a level-zero tile, each behind its length (C2SP tlog-tiles).

use crate::LedgerError;
use crate::tile::{TILE_WIDTH, width_at};

/// The coordinates of an entry bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BundleId {
    /// Place in the log, from zero: entries from `256 * index` on.
    pub index: u64,
    /// How many entries it holds, 1 to 256.
    pub width: u16,
}

impl BundleId {
    /// The bundle as a log of this size has it; `None` if no entry of it exists yet.
    pub fn in_log(index: u64, size: u64) -> Option<Self> {
        let width = width_at(index, size)?;
        Some(Self { index, width })
    }
}

/// Writes entries one after the other, each behind its big-endian 16-bit length.
///
/// # Errors
/// [`LedgerError::EntryTooLong`] for an entry over 65,535 bytes.
pub fn write_bundle<'a>(
    entries: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<u8>, LedgerError> {
    let mut bytes = Vec::new();
    for entry in entries {
        let length = u16::try_from(entry.len()).map_err(|_| LedgerError::EntryTooLong)?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    Ok(bytes)
}

/// Reads the entries of a bundle.
///
/// # Errors
/// [`LedgerError::BundleMalformed`] if a length reaches past the end, or for over 256 entries.
pub fn parse_bundle(mut bytes: &[u8]) -> Result<Vec<&[u8]>, LedgerError> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes
            .split_first_chunk()
            .ok_or(LedgerError::BundleMalformed)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, rest) = rest
            .split_at_checked(length)
            .ok_or(LedgerError::BundleMalformed)?;
        if entries.len() == usize::from(TILE_WIDTH) {
            return Err(LedgerError::BundleMalformed);
        }
        entries.push(entry);
        bytes = rest;
    }
    Ok(entries)
}
