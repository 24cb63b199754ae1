//! The one way several fields become bytes, so that no two lists of fields give the same bytes.

/// Each field preceded by its length, four bytes big-endian.
pub(crate) fn encode(fields: &[&[u8]]) -> Vec<u8> {
    // Exact, because a buffer that grew would leave copies of a value behind it.
    let length = fields.iter().map(|field| 4 + field.len()).sum();
    let mut bytes = Vec::with_capacity(length);
    for field in fields {
        let length = u32::try_from(field.len()).expect("no field reaches 4 GiB");
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(field);
    }
    bytes
}

/// Takes the first field off the front: the field, and what follows it. `None` when cut short.
pub(crate) fn split_first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_cut_elsewhere_give_other_bytes() {
        let lists: [&[&[u8]]; 6] = [
            &[b"ab", b"c"],
            &[b"a", b"bc"],
            &[b"abc"],
            &[b"abc", b""],
            &[b"", b"abc"],
            &[],
        ];
        for (index, list) in lists.iter().enumerate() {
            for other in &lists[index + 1..] {
                assert_ne!(encode(list), encode(other), "{list:?} and {other:?}");
            }
        }
    }

    #[test]
    fn the_first_field_comes_off_whole_or_not_at_all() {
        let bytes = encode(&[b"ab", b"c"]);
        assert_eq!(split_first(&bytes), Some((&b"ab"[..], &bytes[6..])));
        for length in 0..6 {
            assert_eq!(split_first(&bytes[..length]), None, "{length} bytes");
        }
    }
}
