//! Words that say nothing, and letters that nobody sees: found in a second reading of the text, since
//! the first takes an empty list or a `false` as if it were not there.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Linter;
use crate::finding::Code;
use crate::language::{ClauseBlock, ConditionBlock};
use crate::vocabulary::ACTS;

/// The words whose text is for people to read.
const PROSE: [&str; 4] = ["revision_shown", "says", "shown", "title"];

/// How many bands of age there are.
const AGE_BANDS: usize = 4;

impl<'a> Linter<'a> {
    pub(super) fn idle(&mut self) {
        let Ok(file) = DeTable::parse(self.text) else {
            return; // It was read before.
        };
        self.idle_words(file.get_ref(), &self.file.clauses);
    }

    /// The words of a table; those of a list of clauses are told with their clause.
    fn idle_words(&mut self, table: &DeTable<'_>, clauses: &'a [ClauseBlock]) {
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            match value.get_ref() {
                DeValue::Boolean(false) => {
                    let message = format!("`{name} = false` asks nothing: leave it out");
                    self.find(Code::EmptyWord, key, message);
                }
                DeValue::Array(list) if list.is_empty() => {
                    let message =
                        format!("an empty list says nothing: fill `{name}` or leave it out");
                    self.find(Code::EmptyWord, key, message);
                }
                DeValue::Array(list) => {
                    for (index, item) in list.iter().enumerate() {
                        let DeValue::Table(block) = item.get_ref() else {
                            continue;
                        };
                        let before = self.clause;
                        self.clause = clauses.get(index).filter(|_| name == "clause").or(before);
                        self.idle_words(block, &[]);
                        self.clause = before;
                    }
                }
                DeValue::Table(block) if block.is_empty() && name == "announces" => {
                    self.find(Code::EmptyWord, key, "it announces nothing: leave it out");
                }
                DeValue::Table(block) => self.idle_words(block, &[]),
                DeValue::String(text) => self.letters(name, text, value),
                _ => {}
            }
        }
    }

    fn letters(&mut self, name: &str, text: &str, place: &Spanned<DeValue<'_>>) {
        if PROSE.contains(&name) && text.trim().is_empty() {
            let message = format!("`{name}` says nothing");
            return self.find(Code::EmptyWord, place, message);
        }
        // A promise may run over several lines; of a file from elsewhere each ends in two letters.
        let text = text.replace("\r\n", "\n");
        let is_unseen = |it: char| is_unseen(it) && !(it == '\n' && name == "says");
        if let Some(unseen) = text.chars().find(|it| is_unseen(*it)) {
            let message = format!(
                "`{name}` has a letter that nobody sees, U+{:04X}: take it out",
                u32::from(unseen)
            );
            self.find(Code::UnseenLetter, place, message);
        }
    }

    /// Lists that name all there is.
    pub(super) fn asks_for_all(&mut self, block: &Spanned<ConditionBlock>) {
        let condition = block.get_ref();
        let names = |act: &str| condition.acts.iter().any(|it| it.get_ref() == act);
        if ACTS.keys().all(names) {
            let message = "every act is one of these: name those by which values may arrive";
            self.find(Code::EmptyWord, block, message);
        }
        let mut ages = condition.ages.clone();
        ages.sort();
        ages.dedup();
        if ages.len() == AGE_BANDS {
            let message = "every age is one of these: name those that are meant";
            self.find(Code::EmptyWord, block, message);
        }
    }
}

/// Letters that steer a terminal or a reader's eye, and break a line in two.
fn is_unseen(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}
