//! Entry bundles: the entries below a level-zero tile, each behind its length (C2SP tlog-tiles).

use crate::LedgerError;
use crate::tile::{TILE_WIDTH, width_at};

const LENGTH_BYTES: usize = size_of::<u16>();

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

/// The bytes of the first entries of a bundle: what it was when the log was shorter.
///
/// # Errors
/// [`LedgerError::BundleMalformed`] if it holds fewer, or cannot be read.
pub fn cut_bundle(bytes: &[u8], width: u16) -> Result<&[u8], LedgerError> {
    let entries = parse_bundle(bytes)?;
    let kept = entries
        .get(..usize::from(width))
        .ok_or(LedgerError::BundleMalformed)?;
    let length = kept.iter().map(|entry| entry.len() + LENGTH_BYTES).sum();
    Ok(&bytes[..length])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::tests::hex;

    #[test]
    fn bundle_is_the_worked_vector() {
        let entries = ["entry-0", "entry-1", "entry-2", "entry-3", "entry-4"].map(str::as_bytes);
        let bundle = write_bundle(entries).unwrap();
        let expected = "0007656e7472792d300007656e7472792d310007656e7472792d32\
                        0007656e7472792d330007656e7472792d34";
        assert_eq!(hex(&bundle), expected);
        assert_eq!(parse_bundle(&bundle), Ok(entries.to_vec()));
    }

    #[test]
    fn a_bundle_cut_anywhere_but_between_entries_is_refused() {
        let bundle = write_bundle([b"ab".as_slice(), b"c"]).unwrap();
        for length in 0..=bundle.len() {
            let whole = [0, 4, 7].contains(&length);
            assert_eq!(
                parse_bundle(&bundle[..length]).is_ok(),
                whole,
                "{length} bytes"
            );
        }
    }

    #[test]
    fn a_bundle_holds_256_entries_and_no_more() {
        let full = write_bundle([b"".as_slice(); 256]).unwrap();
        assert_eq!(parse_bundle(&full).unwrap().len(), 256);
        let over = write_bundle([b"".as_slice(); 257]).unwrap();
        assert_eq!(parse_bundle(&over), Err(LedgerError::BundleMalformed));
    }

    #[test]
    fn a_bundle_begins_with_what_it_was() {
        let wide = write_bundle([b"ab".as_slice(), b"", b"c"]).unwrap();
        for (width, length) in [(0, 0), (1, 4), (2, 6), (3, 9)] {
            assert_eq!(cut_bundle(&wide, width), Ok(&wide[..length]));
        }
        let refused = Err(LedgerError::BundleMalformed);
        assert_eq!(cut_bundle(&wide, 4), refused);
        assert_eq!(cut_bundle(&wide[..8], 1), refused);
    }

    #[test]
    fn an_entry_fills_its_16_bit_length_and_no_more() {
        let longest = vec![7; 65_535];
        let bundle = write_bundle([longest.as_slice()]).unwrap();
        assert_eq!(parse_bundle(&bundle), Ok(vec![longest.as_slice()]));
        let over = vec![7; 65_536];
        assert_eq!(
            write_bundle([over.as_slice()]),
            Err(LedgerError::EntryTooLong)
        );
    }

    #[test]
    fn the_last_bundle_of_a_log_is_partial() {
        let cases = [
            (0, 0, None),
            (0, 1, Some(1)),
            (0, 256, Some(256)),
            (1, 256, None),
            (1, 300, Some(44)),
        ];
        for (index, size, width) in cases {
            assert_eq!(
                BundleId::in_log(index, size).map(|id| id.width),
                width,
                "{index} of {size}"
            );
        }
    }
}
