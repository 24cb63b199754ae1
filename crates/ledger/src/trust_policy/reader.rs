//! Reading a trust policy, line by line.

use std::collections::{HashMap, HashSet};
use std::mem::take;

use super::{Component, TrustPolicy, TrustedParty};
use crate::key::ml_dsa_key;
use crate::{LedgerError, SignatureType, VerifierKey};

const POLICY_BYTES_MAX: usize = 256 * 1024;
/// The one name that nothing else may have.
const NONE: &[u8] = b"none";

/// Why a policy was refused, and the line, from 1, on which reading stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct TrustPolicyError {
    /// The line; the one after the last when something is missing.
    pub line: usize,
    /// What is wrong with it.
    pub fault: PolicyFault,
}

/// What can be wrong with a line of a trust policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PolicyFault {
    /// The file is over its bound of 256 KiB.
    #[error("the policy is longer than 256 KiB")]
    TooLong,
    /// A control character other than tab and newline, or a last line without its newline.
    #[error("the line is not plain text that ends in a newline")]
    NotText,
    /// Neither log, witness, group nor quorum, or more or fewer words than it takes.
    #[error(
        "write log VKEY [URL], witness NAME VKEY [URL], group NAME all|any|K NAME..., or quorum NAME|none"
    )]
    Malformed,
    /// Not a verifier key.
    #[error(transparent)]
    Key(LedgerError),
    /// A key of another type: a log signs with type 1, a witness cosigns with type 4 or 6.
    #[error("the key is not of the type that this line needs")]
    KeyType,
    /// Another log or another witness has the same public key.
    #[error("the same public key stands on an earlier line")]
    KeyRepeated,
    /// A URL that is not UTF-8.
    #[error("the URL is not text")]
    Url,
    /// The name is taken, or `none`.
    #[error("the name is taken")]
    NameTaken,
    /// No earlier line defines the name.
    #[error("no earlier line defines the name")]
    NameUnknown,
    /// The name is a member of a group already.
    #[error("the name is in a group already")]
    NameRepeated,
    /// A group asks for none of its members or for more than it has.
    #[error("a group needs at least one of its members and at most all of them")]
    Threshold,
    /// There is a quorum already, or none at the end.
    #[error("a policy has exactly one quorum")]
    Quorum,
}

/// What the lines read so far say.
#[derive(Default)]
pub(super) struct Reader<'a> {
    logs: Vec<TrustedParty>,
    witnesses: Vec<TrustedParty>,
    /// The public keys of those whose cosignatures cannot be checked.
    unchecked: HashSet<Vec<u8>>,
    components: Vec<Component>,
    names: HashMap<&'a [u8], usize>,
    grouped: HashSet<usize>,
    quorum: Option<Option<usize>>,
}

impl<'a> Reader<'a> {
    /// Reads all of a policy; `line` follows it.
    pub(super) fn read(
        &mut self,
        policy: &'a [u8],
        line: &mut usize,
    ) -> Result<TrustPolicy, PolicyFault> {
        if policy.len() > POLICY_BYTES_MAX {
            return Err(PolicyFault::TooLong);
        }
        let mut rest = policy;
        while !rest.is_empty() {
            let end = rest.iter().position(|it| *it == b'\n');
            let (text, after) = rest.split_at(end.ok_or(PolicyFault::NotText)?);
            self.line(text)?;
            rest = &after[1..];
            *line += 1;
        }
        Ok(TrustPolicy {
            quorum: self.quorum.ok_or(PolicyFault::Quorum)?,
            logs: take(&mut self.logs),
            witnesses: take(&mut self.witnesses),
            components: take(&mut self.components),
        })
    }

    fn line(&mut self, text: &'a [u8]) -> Result<(), PolicyFault> {
        let is_control = |it: &u8| (*it < b' ' && *it != b'\t') || *it == 0x7f;
        if text.iter().any(is_control) {
            return Err(PolicyFault::NotText);
        }
        let words = text.split(|it| matches!(it, b' ' | b'\t'));
        let words: Vec<_> = words.filter(|it| !it.is_empty()).collect();
        match words.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with(b"#") => Ok(()),
            [b"log", key, url @ ..] => {
                let log = party(key, url, SignatureType::Ed25519, &self.logs)?;
                self.logs.push(log);
                Ok(())
            }
            [b"witness", name, key, url @ ..] => {
                let witness = self.witness(key, url)?;
                self.define(name, witness)
            }
            [b"group", name, threshold, members @ ..] => {
                let group = self.group(threshold, members)?;
                self.define(name, group)
            }
            [b"quorum", name] => self.set_quorum(name),
            _ => Err(PolicyFault::Malformed),
        }
    }

    fn witness(&mut self, key: &[u8], url: &[&[u8]]) -> Result<Component, PolicyFault> {
        if let Some(public) = str::from_utf8(key).ok().and_then(ml_dsa_key) {
            read_url(url)?;
            let is_new = self.unchecked.insert(public);
            return is_new
                .then_some(Component::Unchecked)
                .ok_or(PolicyFault::KeyRepeated);
        }
        let witness = party(key, url, SignatureType::Cosignature, &self.witnesses)?;
        self.witnesses.push(witness);
        Ok(Component::Witness(self.witnesses.len() - 1))
    }

    fn define(&mut self, name: &'a [u8], component: Component) -> Result<(), PolicyFault> {
        if name == NONE || self.names.contains_key(name) {
            return Err(PolicyFault::NameTaken);
        }
        self.names.insert(name, self.components.len());
        self.components.push(component);
        Ok(())
    }

    fn group(&mut self, threshold: &[u8], names: &[&[u8]]) -> Result<Component, PolicyFault> {
        let mut members = Vec::with_capacity(names.len());
        for name in names {
            let member = self.place(name)?;
            if !self.grouped.insert(member) {
                return Err(PolicyFault::NameRepeated);
            }
            members.push(member);
        }
        let threshold = match threshold {
            b"any" => 1,
            b"all" => members.len(),
            digits => number(digits).ok_or(PolicyFault::Malformed)?,
        };
        if threshold < 1 || threshold > members.len() {
            return Err(PolicyFault::Threshold);
        }
        Ok(Component::Group { threshold, members })
    }

    fn set_quorum(&mut self, name: &[u8]) -> Result<(), PolicyFault> {
        if self.quorum.is_some() {
            return Err(PolicyFault::Quorum);
        }
        let is_none = name == NONE;
        self.quorum = Some((!is_none).then(|| self.place(name)).transpose()?);
        Ok(())
    }

    fn place(&self, name: &[u8]) -> Result<usize, PolicyFault> {
        let place = self.names.get(name).copied();
        place.ok_or(PolicyFault::NameUnknown)
    }
}

/// A log or a witness that none of the earlier ones is.
fn party(
    key: &[u8],
    url: &[&[u8]],
    signature_type: SignatureType,
    earlier: &[TrustedParty],
) -> Result<TrustedParty, PolicyFault> {
    let key = str::from_utf8(key).map_err(|_| PolicyFault::Key(LedgerError::KeyMalformed))?;
    let key = VerifierKey::parse(key).map_err(PolicyFault::Key)?;
    if key.signature_type() != signature_type {
        return Err(PolicyFault::KeyType);
    }
    if earlier.iter().any(|it| it.key.has_same_public_key(&key)) {
        return Err(PolicyFault::KeyRepeated);
    }
    let url = read_url(url)?;
    Ok(TrustedParty { key, url })
}

fn read_url(words: &[&[u8]]) -> Result<Option<String>, PolicyFault> {
    match words {
        [] => Ok(None),
        [url] => match str::from_utf8(url) {
            Ok(url) => Ok(Some(url.to_owned())),
            Err(_) => Err(PolicyFault::Url),
        },
        _ => Err(PolicyFault::Malformed),
    }
}

/// A decimal number in its one spelling.
fn number(digits: &[u8]) -> Option<usize> {
    let digits = str::from_utf8(digits).ok()?;
    let number: usize = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::tests::{log_key, ml_dsa_line, witness_key};
    use crate::{NoteKey, SignatureType};

    fn log() -> VerifierKey {
        log_key().verifier(SignatureType::Ed25519)
    }

    fn witness(number: u8) -> VerifierKey {
        let key = NoteKey::from_seed("w", &[100 + number; 32]).unwrap();
        key.verifier(SignatureType::Cosignature)
    }

    fn refused(policy: impl AsRef<[u8]>) -> (usize, PolicyFault) {
        let TrustPolicyError { line, fault } = TrustPolicy::parse(policy).unwrap_err();
        (line, fault)
    }

    #[test]
    fn spaces_comments_and_empty_lines_mean_nothing() {
        let plain = format!("log {} u\nwitness a {}\nquorum a\n", log(), witness(0));
        let airy = format!(
            "# Ours.\n\n \t\n\tlog  {} \t u  \n # witness b\nwitness\ta {} \nquorum a\n\n",
            log(),
            witness(0)
        );
        let plain = TrustPolicy::parse(plain).unwrap();
        assert_eq!(TrustPolicy::parse(airy), Ok(plain.clone()));
        assert_eq!(plain.logs()[0].url.as_deref(), Some("u"));
        assert_eq!(plain.witnesses()[0].url, None);
    }

    #[test]
    fn names_are_octets() {
        // A Kelvin sign is no K, and half a character is as good a name as any.
        let [k, kelvin, half] = [&b"K"[..], "\u{212a}".as_bytes(), b"\xe2"];
        let mut policy = Vec::new();
        for (number, name) in [k, kelvin, half].into_iter().enumerate() {
            let key = witness(number as u8).to_string();
            policy.extend([b"witness ", name, b" ", key.as_bytes(), b"\n"].concat());
        }
        policy.extend([b"group g 2 K \xe2\nquorum g\n".as_slice()].concat());
        assert_eq!(TrustPolicy::parse(policy).unwrap().witnesses().len(), 3);
    }

    #[test]
    fn the_first_wrong_line_is_named() {
        let w = |name: &str, number| format!("witness {name} {}\n", witness(number));
        let two = w("a", 0) + &w("b", 1);
        let plain = witness_key().verifier(SignatureType::Ed25519);
        let same_key = NoteKey::from_seed("other", &[100; 32]).unwrap();
        let same_key = same_key.verifier(SignatureType::Cosignature);
        let ml_dsa = |name: &str| format!("witness {name} {}\n", ml_dsa_line(name, 7, 1312));
        for (policy, expected) in [
            (String::new(), (1, PolicyFault::Quorum)),
            (two.clone(), (3, PolicyFault::Quorum)),
            (
                "quorum none\nquorum none\n".into(),
                (2, PolicyFault::Quorum),
            ),
            ("quorum none".into(), (1, PolicyFault::NotText)),
            ("quorum none\r\n".into(), (1, PolicyFault::NotText)),
            ("# \u{7f}\nquorum none\n".into(), (1, PolicyFault::NotText)),
            ("quorum\n".into(), (1, PolicyFault::Malformed)),
            ("quorum none none\n".into(), (1, PolicyFault::Malformed)),
            ("Quorum none\n".into(), (1, PolicyFault::Malformed)),
            (format!("log {} u u\n", log()), (1, PolicyFault::Malformed)),
            ("log\n".into(), (1, PolicyFault::Malformed)),
            (
                "log a\n".into(),
                (1, PolicyFault::Key(LedgerError::KeyMalformed)),
            ),
            (format!("log {}\n", witness(0)), (1, PolicyFault::KeyType)),
            (format!("witness a {plain}\n"), (1, PolicyFault::KeyType)),
            (
                format!("log {0}\nlog {0}\n", log()),
                (2, PolicyFault::KeyRepeated),
            ),
            (
                two.clone() + &format!("witness c {same_key}\n"),
                (3, PolicyFault::KeyRepeated),
            ),
            (ml_dsa("c") + &ml_dsa("d"), (2, PolicyFault::KeyRepeated)),
            (
                ml_dsa("c").replacen('\n', " u u\n", 1),
                (1, PolicyFault::Malformed),
            ),
            (two.clone() + &ml_dsa("a"), (3, PolicyFault::NameTaken)),
            (two.clone() + &w("a", 2), (3, PolicyFault::NameTaken)),
            (w("none", 0), (1, PolicyFault::NameTaken)),
            (two.clone() + "group a any b\n", (3, PolicyFault::NameTaken)),
            ("quorum a\n".into(), (1, PolicyFault::NameUnknown)),
            ("group g any g\n".into(), (1, PolicyFault::NameUnknown)),
            ("group g any none\n".into(), (1, PolicyFault::NameUnknown)),
            (
                two.clone() + "group g any a a\n",
                (3, PolicyFault::NameRepeated),
            ),
            (
                two.clone() + "group g any a\ngroup h any a b\n",
                (4, PolicyFault::NameRepeated),
            ),
            (two.clone() + "group g all\n", (3, PolicyFault::Threshold)),
            (two.clone() + "group g any\n", (3, PolicyFault::Threshold)),
            (two.clone() + "group g 0 a b\n", (3, PolicyFault::Threshold)),
            (two.clone() + "group g 3 a b\n", (3, PolicyFault::Threshold)),
            (
                two.clone() + "group g 02 a b\n",
                (3, PolicyFault::Malformed),
            ),
            (
                two.clone() + "group g most a b\n",
                (3, PolicyFault::Malformed),
            ),
            (
                "#".repeat(POLICY_BYTES_MAX) + "\n",
                (1, PolicyFault::TooLong),
            ),
        ] {
            assert_eq!(refused(&policy), expected, "{policy:.200}");
        }
        let url = [format!("log {} ", log()).as_bytes(), b"\xe2\n"].concat();
        assert_eq!(refused(url), (1, PolicyFault::Url));
    }

    #[test]
    fn two_hundred_of_each_are_read() {
        let mut policy = String::new();
        for number in 0..200 {
            let key = NoteKey::from_seed(&format!("l{number}"), &[number; 32]).unwrap();
            let (log, witness) = (SignatureType::Ed25519, SignatureType::Cosignature);
            policy += &format!("log {}\n", key.verifier(log));
            policy += &format!("witness w{number} {}\n", key.verifier(witness));
            let inner = if number == 0 {
                String::new()
            } else {
                format!(" g{}", number - 1)
            };
            policy += &format!("group g{number} all w{number}{inner}\n");
        }
        let policy = TrustPolicy::parse(policy + "quorum g199\n").unwrap();
        assert_eq!((policy.logs().len(), policy.witnesses().len()), (200, 200));
    }
}
