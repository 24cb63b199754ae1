//! The search for a value in bytes: in any case, and for digits with separators between them.

use std::{fs, path::Path};

use memchr::memmem;

use crate::suite::{Database, Suite, postgres};

/// A place that was searched, prepared for many searches.
pub struct Place {
    /// What a failure names.
    pub name: String,
    lower: Vec<u8>,
    joined: Vec<u8>,
}

impl Place {
    /// A place that holds these bytes.
    pub fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        let mut lower = bytes.into();
        lower.make_ascii_lowercase();
        let joined = lower
            .iter()
            .copied()
            .filter(|it| !matches!(it, b' ' | b'-'))
            .collect();
        Self {
            name: name.into(),
            lower,
            joined,
        }
    }

    /// Whether a value stands here.
    pub fn contains(&self, value: &str) -> bool {
        let value = value.to_ascii_lowercase();
        if memmem::find(&self.lower, value.as_bytes()).is_some() {
            return true;
        }
        let digits: Vec<u8> = value.bytes().filter(u8::is_ascii_digit).collect();
        // Fewer digits stand together by chance.
        digits.len() >= 10 && memmem::find(&self.joined, &digits).is_some()
    }
}

/// Everything that a suite and its database server have written.
pub fn written(suite: &Suite, database: Database) -> Vec<Place> {
    let mut places = files(suite.folder());
    if database == Database::Postgres {
        let cluster = postgres::cluster().expect("the suite runs on it");
        for folder in cluster.written(&suite.database_urls()) {
            assert!(folder.is_dir(), "{} is searched", folder.display());
            places.extend(files(&folder));
        }
    }
    places
}

/// Every file below a folder; its name counts as part of its bytes.
pub fn files(folder: &Path) -> Vec<Place> {
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
            found.push(Place::new(name, bytes));
        }
    }
    found
}
