//! Where the outermost keys come from: a file now, a key service behind the same trait later.

use std::{collections::HashSet, fs, io, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use zeroize::Zeroizing;

use crate::{Key, KeyEncryptionKey, Secret};

/// The keys that wrap tenant keys.
pub trait KeySource: Send + Sync {
    /// The key that wraps from now on.
    fn current(&self) -> &KeyEncryptionKey;

    /// The key a wrapped key names, current or earlier.
    fn by_id(&self, id: &str) -> Option<&KeyEncryptionKey>;
}

/// Keys from a file or a mounted secret, one to a line: an id, a space, and 32 bytes in Base64.
///
/// The first is current. To rotate, put a new line on top; a line may go once nothing names its id.
/// Empty lines and lines that begin with `#` say nothing.
#[derive(Debug)]
pub struct FileKeySource {
    current: KeyEncryptionKey,
    earlier: Vec<KeyEncryptionKey>,
}

/// Why a key file was not taken. Errors name lines and never what is on them.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file could not be read as text.
    #[error("the key file cannot be read")]
    Unreadable(#[source] io::Error),
    /// There is no key in it.
    #[error("the key file holds no key")]
    Empty,
    /// A line is not an id and 32 bytes in Base64.
    #[error("line {line} of the key file is not an id and 32 bytes in base64")]
    Malformed {
        /// Counted from 1.
        line: usize,
    },
    /// Two lines have the same id, and a wrapped key could not say which it means.
    #[error("line {line} of the key file repeats an id")]
    RepeatedId {
        /// Counted from 1.
        line: usize,
    },
}

impl FileKeySource {
    /// Reads the keys from a file.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let text = fs::read_to_string(path).map_err(KeyFileError::Unreadable)?;
        Self::parse(&Zeroizing::new(text))
    }

    /// Reads the keys from the text of a file.
    pub fn parse(text: &str) -> Result<Self, KeyFileError> {
        let mut ids = HashSet::new();
        let mut keys = Vec::new();
        for (line, content) in (1..).zip(text.lines().map(str::trim)) {
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let key = parse_line(content).ok_or(KeyFileError::Malformed { line })?;
            if !ids.insert(key.id().to_owned()) {
                return Err(KeyFileError::RepeatedId { line });
            }
            keys.push(key);
        }
        let mut keys = keys.into_iter();
        let current = keys.next().ok_or(KeyFileError::Empty)?;
        Ok(Self {
            current,
            earlier: keys.collect(),
        })
    }

    /// The line of a key file for `key`, with its line end. The id must be one word.
    pub fn line(key: &KeyEncryptionKey) -> Secret {
        let encoded = Zeroizing::new(BASE64_STANDARD.encode(key.key().as_bytes()));
        Secret::new(format!("{} {}\n", key.id(), *encoded).into_bytes())
    }
}

impl KeySource for FileKeySource {
    fn current(&self) -> &KeyEncryptionKey {
        &self.current
    }

    fn by_id(&self, id: &str) -> Option<&KeyEncryptionKey> {
        [&self.current]
            .into_iter()
            .chain(&self.earlier)
            .find(|key| key.id() == id)
    }
}

fn parse_line(line: &str) -> Option<KeyEncryptionKey> {
    let (id, encoded) = line.split_once(char::is_whitespace)?;
    let bytes = Zeroizing::new(BASE64_STANDARD.decode(encoded.trim_start()).ok()?);
    Some(KeyEncryptionKey::new(id, Key::from_slice(&bytes)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Owner, unwrap, wrap};

    fn line(id: &str) -> String {
        let key = KeyEncryptionKey::new(id, Key::generate());
        String::from_utf8(FileKeySource::line(&key).expose().to_vec()).expect("base64 is text")
    }

    #[test]
    fn after_a_rotation_old_wraps_still_open_and_new_ones_use_the_new_key() {
        let old_line = line("2026-10");
        let before = FileKeySource::parse(&old_line).expect("one line");
        let key = Key::generate();
        let old_wrap = wrap(before.current(), &key, "acme", &Owner::Tenant);

        let text = format!("# rotated\n\n{}{old_line}", line("2026-11"));
        let after = FileKeySource::parse(&text).expect("two lines");
        assert_eq!(after.current().id(), "2026-11");
        let by = after
            .by_id(old_wrap.key_encryption_key_id())
            .expect("the old line is kept");
        let opened = unwrap(by, &old_wrap, "acme", &Owner::Tenant).expect("the same old key");
        assert_eq!(opened.as_bytes(), key.as_bytes());
        assert!(after.by_id("2026-09").is_none());
    }

    #[test]
    fn a_faulty_key_file_is_refused_by_line() {
        let good = line("a");
        let short = BASE64_STANDARD.encode([7; 31]);
        let long = BASE64_STANDARD.encode([7; 33]);
        for (text, message) in [
            (String::new(), "the key file holds no key"),
            ("# a comment\n\n".to_owned(), "the key file holds no key"),
            (
                format!("{good}b\n"),
                "line 2 of the key file is not an id and 32 bytes in base64",
            ),
            (
                format!("a {short}"),
                "line 1 of the key file is not an id and 32 bytes in base64",
            ),
            (
                format!("a {long}"),
                "line 1 of the key file is not an id and 32 bytes in base64",
            ),
            (
                "a ???".to_owned(),
                "line 1 of the key file is not an id and 32 bytes in base64",
            ),
            (
                format!("{good}\n{}", line("a")),
                "line 3 of the key file repeats an id",
            ),
        ] {
            let error = FileKeySource::parse(&text).expect_err(message);
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn a_missing_key_file_is_refused() {
        let error = FileKeySource::read(Path::new("no-such-key-file"));
        assert!(matches!(error, Err(KeyFileError::Unreadable(_))));
    }
}
