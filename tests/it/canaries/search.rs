//! The search for a value in bytes: in any case, and for digits with separators between them.

use std::{fs, path::Path};

/// Every file below a folder with its bytes; the name counts as part of them.
pub fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            // A server may remove a file between listing and reading it.
            let mut bytes = fs::read(&path).unwrap_or_default();
            let name = path.display().to_string();
            bytes.extend_from_slice(format!("\n{name}").as_bytes());
            found.push((name, bytes));
        }
    }
    found
}

/// Whether a value stands in bytes.
pub fn contains(bytes: &[u8], value: &str) -> bool {
    let value = value.as_bytes();
    if bytes.windows(value.len()).any(|it| it.eq_ignore_ascii_case(value)) {
        return true;
    }
    let digits: Vec<u8> = value.iter().copied().filter(u8::is_ascii_digit).collect();
    if digits.len() < 10 {
        return false;
    }
    let joined: Vec<u8> =
        bytes.iter().copied().filter(|it| !matches!(it, b' ' | b'-')).collect();
    joined.windows(digits.len()).any(|it| it == digits)
}
