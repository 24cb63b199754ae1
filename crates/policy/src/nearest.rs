//! The word that a misspelt one was probably meant to be.

/// A question that ends a message: which of the candidates was meant. Empty when none is near.
#[must_use]
pub fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(word, candidates).map(|it| format!("did you mean `{it}`?"))
}

/// The candidate nearest to a word: the one with the fewest letters to change, or else the one
/// whose end is the word.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    // To write it small or large is no change.
    let lower = word.to_lowercase();
    let misspelt = candidates
        .iter()
        .map(|it| (distance(&lower, &it.to_lowercase()), *it));
    let misspelt = misspelt.filter(|(changes, _)| *changes <= (word.chars().count() / 3).min(3));
    let shortened = || {
        let end = format!(".{word}");
        candidates.iter().copied().find(|it| it.ends_with(&end))
    };
    misspelt
        .min_by_key(|(changes, _)| *changes)
        .map(|(_, it)| it)
        .or_else(shortened)
}

/// How many letters must be put in, taken out, replaced or swapped with their neighbour to make
/// one word the other.
pub(crate) fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut rows = vec![vec![0; other.len() + 1]; one.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=other.len()).collect();
    for i in 1..=one.len() {
        for j in 1..=other.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(one[i - 1] != other[j - 1]);
            let mut fewest = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                fewest = fewest.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = fewest;
        }
    }
    rows[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swap_counts_once_as_any_other_change() {
        let cases = [
            ("", "", 0),
            ("name", "name", 0),
            ("nme", "name", 1),
            ("naame", "name", 1),
            ("nome", "name", 1),
            ("nmae", "name", 1),
            ("", "name", 4),
            ("guphup", "gupshup", 1),
        ];
        for (one, other, changes) in cases {
            assert_eq!(distance(one, other), changes, "{one} {other}");
            assert_eq!(distance(other, one), changes, "{other} {one}");
        }
    }

    #[test]
    fn the_word_meant_is_near_or_ends_alike() {
        let words = ["user.contact.email", "user.contact.address", "user.name"];
        let cases = [
            ("user.nme", Some("user.name")),
            ("user.contact.adress", Some("user.contact.address")),
            ("email", Some("user.contact.email")),
            ("contact.address", Some("user.contact.address")),
            ("User.Name", Some("user.name")),
            ("user.shoe_size", None),
            ("", None),
        ];
        for (word, meant) in cases {
            assert_eq!(nearest(word, words), meant, "{word}");
        }
        let question = did_you_mean("user.nam", words);
        assert_eq!(question.as_deref(), Some("did you mean `user.name`?"));
    }
}
