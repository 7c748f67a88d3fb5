//! The terms of all comments, counted once a comment.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::text::{Role, phrases, role, singulars};
use super::{Comment, Options};

/// From so many comments on a term can be in too many of them.
const ENOUGH: usize = 20;

/// A word by its number.
type Word = u32;

/// A word, or two neighbouring ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Key {
    One(Word),
    Two(Word, Word),
}

/// A term that may become one of a theme.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) text: String,
    /// Of how many words.
    pub(super) words: usize,
    /// The comments in question that have it, by their places among those, ascending.
    pub(super) comments: Vec<usize>,
    /// All comments that have it, by their places among all, ascending.
    pub(super) everywhere: Vec<usize>,
    /// How many others have it.
    pub(super) others: usize,
    /// How far it stands out.
    pub(super) z: Option<f64>,
}

/// All words, and each comment as the terms that it has.
#[derive(Debug)]
pub(super) struct Vocabulary {
    words: Vec<String>,
    terms: Vec<BTreeSet<Key>>,
}

impl Vocabulary {
    pub(super) fn of(comments: &[&Comment<'_>]) -> Self {
        let mut numbers: HashMap<String, Word> = HashMap::new();
        let mut words: Vec<String> = Vec::new();
        let mut cut: Vec<Vec<Vec<Word>>> = Vec::with_capacity(comments.len());
        for comment in comments {
            let numbered = phrases(comment.text).into_iter().map(|phrase| {
                let number = |word: String| {
                    *numbers.entry(word).or_insert_with_key(|word| {
                        words.push(word.clone());
                        // As many words as a 32-bit number counts do not fit into the comments allowed.
                        (words.len() - 1) as Word
                    })
                };
                phrase.into_iter().map(number).collect()
            });
            cut.push(numbered.collect());
        }
        let singular: Vec<Word> =
            words.iter().zip(0..).map(|(word, own)| folded(word, own, &numbers)).collect();
        let roles: Vec<Role> = words.iter().map(|word| role(word)).collect();
        let terms = cut.iter().map(|phrases| terms_of(phrases, &singular, &roles)).collect();
        Self { words, terms }
    }

    /// The terms in enough comments in question and not in nearly all.
    pub(super) fn candidates(&self, comments: &[&Comment<'_>], options: &Options) -> Vec<Candidate> {
        let mut counts: HashMap<Key, (usize, usize)> = HashMap::new();
        for (comment, terms) in comments.iter().zip(&self.terms) {
            for key in terms {
                let (inside, outside) = counts.entry(*key).or_default();
                *(if comment.in_question { inside } else { outside }) += 1;
            }
        }
        let most = if comments.len() < ENOUGH {
            usize::MAX
        } else {
            (options.most_share * comments.len() as f64) as usize
        };
        counts.retain(|_, (inside, outside)| *inside >= options.least_comments && *inside + *outside <= most);
        let mut found: BTreeMap<Key, Candidate> = BTreeMap::new();
        let mut in_question = 0;
        for (place, (comment, terms)) in comments.iter().zip(&self.terms).enumerate() {
            for key in terms {
                let Some((_, others)) = counts.get(key) else { continue };
                let candidate = found.entry(*key).or_insert_with(|| self.candidate(*key, *others));
                candidate.everywhere.push(place);
                if comment.in_question {
                    candidate.comments.push(in_question);
                }
            }
            in_question += usize::from(comment.in_question);
        }
        found.into_values().collect()
    }

    fn candidate(&self, key: Key, others: usize) -> Candidate {
        let word = |number: Word| self.words[number as usize].as_str();
        let (text, words) = match key {
            Key::One(one) => (word(one).to_owned(), 1),
            Key::Two(one, two) => (format!("{} {}", word(one), word(two)), 2),
        };
        Candidate { text, words, comments: Vec::new(), everywhere: Vec::new(), others, z: None }
    }
}

/// The number of the singular where it occurs, else the word's own.
fn folded(word: &str, own: Word, numbers: &HashMap<String, Word>) -> Word {
    singulars(word).iter().find_map(|singular| numbers.get(singular).copied()).unwrap_or(own)
}

fn terms_of(phrases: &[Vec<Word>], singular: &[Word], roles: &[Role]) -> BTreeSet<Key> {
    let mut terms = BTreeSet::new();
    let one = |word: &Word| singular[*word as usize];
    let role = |word: &Word| roles[*word as usize];
    for phrase in phrases {
        terms
            .extend(phrase.iter().filter(|word| role(word) == Role::Content).map(|word| Key::One(one(word))));
        for pair in phrase.windows(2) {
            if role(&pair[0]) != Role::Stop && role(&pair[1]) == Role::Content {
                terms.insert(Key::Two(one(&pair[0]), one(&pair[1])));
            }
        }
    }
    terms
}
