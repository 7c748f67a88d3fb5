//! The embedded lexicon: ratings of words, and the words that emoji stand for.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::words;

/// `word<TAB>mean rating`; where it is from stands in `data/README.md`.
const WORDS: &str = include_str!("../../data/lexicon.tsv");

/// `emoji<TAB>description`.
const EMOJI: &str = include_str!("../../data/emoji.tsv");

/// Constant data, parsed once: there is nothing to configure in it.
static ENGLISH: LazyLock<Lexicon> = LazyLock::new(Lexicon::embedded);

/// Ratings of English words, from −4 to 4, and descriptions of emoji.
#[derive(Debug)]
pub(super) struct Lexicon {
    ratings: HashMap<&'static str, f64>,
    degrees: HashMap<&'static str, f64>,
    negations: HashSet<&'static str>,
    emoji: HashMap<char, &'static str>,
}

impl Lexicon {
    /// The embedded one.
    pub(super) fn english() -> &'static Self {
        &ENGLISH
    }

    fn embedded() -> Self {
        let ratings = WORDS.lines().filter_map(|line| {
            let (word, rating) = line.split_once('\t')?;
            Some((word, rating.parse().ok()?))
        });
        let emoji = EMOJI.lines().filter_map(|line| {
            let (emoji, description) = line.split_once('\t')?;
            Some((emoji.chars().next()?, description))
        });
        Self {
            ratings: ratings.collect(),
            degrees: words::degrees().collect(),
            negations: words::negations().collect(),
            emoji: emoji.collect(),
        }
    }

    /// The rating of a word in lower case.
    pub(super) fn rating(&self, word: &str) -> Option<f64> {
        self.ratings.get(word).copied()
    }

    /// What a degree adverb in lower case adds to the word after it.
    pub(super) fn degree(&self, word: &str) -> Option<f64> {
        self.degrees.get(word).copied()
    }

    /// Whether a word in lower case turns the word after it around.
    pub(super) fn negates(&self, word: &str) -> bool {
        self.negations.contains(word) || word.contains("n't")
    }

    /// The text with each emoji as its description, a space before it unless there is one.
    pub(super) fn spelt_out(&self, text: &str) -> String {
        let mut spelt = String::with_capacity(text.len());
        let mut after_space = true;
        for char in text.chars() {
            if let Some(description) = self.emoji.get(&char) {
                if !after_space {
                    spelt.push(' ');
                }
                spelt.push_str(description);
                after_space = false;
            } else {
                spelt.push(char);
                after_space = char == ' ';
            }
        }
        spelt
    }
}

#[cfg(test)]
mod tests {
    use super::{EMOJI, Lexicon, WORDS};

    #[test]
    fn every_line_of_the_data_is_read() {
        let lexicon = Lexicon::english();
        assert_eq!((lexicon.ratings.len(), WORDS.lines().count()), (7_488, 7_488));
        assert_eq!((lexicon.emoji.len(), EMOJI.lines().count()), (1_212, 1_212));
        assert!(lexicon.ratings.values().all(|rating| (-4.0..=4.0).contains(rating)));
    }

    #[test]
    fn emoji_are_spelt_out_apart_from_words() {
        let spelt = Lexicon::english().spelt_out("yes😀 no");
        assert_eq!(spelt, "yes grinning face no");
    }
}
