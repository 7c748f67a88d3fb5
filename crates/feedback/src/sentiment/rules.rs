//! The rules: what the words around a rated word do to its rating, and how ratings become a score.
//!
//! The order in which the rules apply is part of the method: scores equal those of the reference implementation
//! (vaderSentiment 3.3.2) to its four decimals, including what a reader may find odd, which is marked here.

use super::token::Token;
use super::words;

/// What capitals add to a word's strength where other words are not in capitals.
const SHOUT: f64 = 0.733;
/// What a negation multiplies a rating with: turned around, and weaker than the opposite.
const NEGATION: f64 = -0.74;
/// How much a degree adverb still counts with one and two words between.
const DISTANCE: [f64; 3] = [1.0, 0.95, 0.9];
/// `never so`, `never this`: no negation but emphasis.
const NEVER_SO: f64 = 1.25;
/// How much counts of what stands before and after a `but`.
const BEFORE_BUT: f64 = 0.5;
const AFTER_BUT: f64 = 1.5;

/// The rating of every token in its context: 0 where the lexicon has none.
pub(super) fn ratings(tokens: &[Token]) -> Vec<f64> {
    let shouts = tokens.iter().filter(|token| token.shouted).count();
    let context = Context { tokens, shouting: 0 < shouts && shouts < tokens.len() };
    let mut ratings: Vec<f64> = (0..tokens.len()).map(|at| context.rating(at)).collect();
    if let Some(but) = tokens.iter().position(|token| token.word == "but") {
        weigh_around(&mut ratings, but);
    }
    ratings
}

/// A text, as its rules see it.
struct Context<'a> {
    tokens: &'a [Token],
    /// Whether capitals mean something: some words have them, and some do not.
    shouting: bool,
}

impl Context<'_> {
    fn word(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.word.as_str())
    }

    /// Whether the word `back` places before `at` is `word`.
    fn before(&self, at: usize, back: usize, word: &str) -> bool {
        at >= back && self.word(at - back) == word
    }

    fn rating(&self, at: usize) -> f64 {
        let token = &self.tokens[at];
        let of_phrase = token.word == "kind" && self.word(at + 1) == "of";
        let Some(own) = token.rating.filter(|_| token.degree.is_none() && !of_phrase) else { return 0.0 };
        let mut rating = self.after_no(at, own);
        if token.shouted && self.shouting {
            rating += if rating > 0.0 { SHOUT } else { -SHOUT };
        }
        for back in 1..=3 {
            if at >= back && self.tokens[at - back].rating.is_none() {
                rating += self.degree(at - back, rating) * DISTANCE[back - 1];
                rating = self.negated(rating, at, back);
                if back == 3 {
                    rating = self.idioms(rating, at);
                }
            }
        }
        self.least(rating, at)
    }

    /// `no` before a rated word negates it and has no rating of its own.
    fn after_no(&self, at: usize, own: f64) -> f64 {
        let distant = self.before(at, 3, "no") && matches!(self.word(at - 1), "or" | "nor");
        if self.before(at, 1, "no") || self.before(at, 2, "no") || distant {
            return own * NEGATION;
        }
        let next_is_rated = self.tokens.get(at + 1).is_some_and(|next| next.rating.is_some());
        if self.word(at) == "no" && next_is_rated { 0.0 } else { own }
    }

    /// What the adverb at `at` adds to a rating, away from zero or towards it.
    fn degree(&self, at: usize, rating: f64) -> f64 {
        let token = &self.tokens[at];
        let Some(step) = token.degree else { return 0.0 };
        let step = if rating < 0.0 { -step } else { step };
        if !(token.shouted && self.shouting) {
            return step;
        }
        if rating > 0.0 { step + SHOUT } else { step - SHOUT }
    }

    /// What a negation `back` words before `at` makes of a rating.
    fn negated(&self, rating: f64, at: usize, back: usize) -> f64 {
        let so = |back: usize| matches!(self.word(at - back), "so" | "this");
        let doubt = |back: usize| self.word(at - back) == "doubt";
        let (emphasis, without_doubt) = match back {
            2 => (self.before(at, 2, "never") && so(1), self.before(at, 2, "without") && doubt(1)),
            // As in the reference implementation, `so` right before the word is enough here.
            3 => {
                let emphasis = (self.before(at, 3, "never") && so(2)) || so(1);
                (emphasis, self.before(at, 3, "without") && (doubt(2) || doubt(1)))
            }
            _ => (false, false),
        };
        if emphasis {
            rating * NEVER_SO
        } else if !without_doubt && self.tokens[at - back].negates {
            rating * NEGATION
        } else {
            rating
        }
    }

    /// Idioms around the word, and dampeners of two words before it. Asked for only where three words stand before
    /// it, the first of them without a rating: as in the reference implementation.
    fn idioms(&self, rating: f64, at: usize) -> f64 {
        let phrase = |from: usize, to: usize| -> String {
            self.tokens[from..=to].iter().map(|t| t.word.as_str()).collect::<Vec<_>>().join(" ")
        };
        let pair_before = phrase(at - 2, at - 1);
        let far_pair = phrase(at - 3, at - 2);
        let ending = [
            phrase(at - 1, at),
            phrase(at - 2, at),
            pair_before.clone(),
            phrase(at - 3, at - 1),
            far_pair.clone(),
        ];
        let mut rating = ending.iter().find_map(|phrase| words::idiom(phrase)).unwrap_or(rating);
        for last in at + 1..=at + 2 {
            if last < self.tokens.len() {
                rating = words::idiom(&phrase(at, last)).unwrap_or(rating);
            }
        }
        let dampened =
            [far_pair, pair_before].iter().filter_map(|phrase| words::degree_phrase(phrase)).sum::<f64>();
        rating + dampened
    }

    /// `least` negates, `at least` and `very least` do not.
    fn least(&self, rating: f64, at: usize) -> f64 {
        let spared = self.before(at, 2, "at") || self.before(at, 2, "very");
        if self.before(at, 1, "least") && !spared { rating * NEGATION } else { rating }
    }
}

/// Halves what stands before the first `but` and strengthens what stands after it.
///
/// The reference implementation looks every value up by its first equal: of equal ratings the earliest is weighed
/// again where that already changed place. It is followed in this, as scores would differ otherwise.
fn weigh_around(ratings: &mut [f64], but: usize) {
    let mut places = Places::of(ratings);
    for at in 0..ratings.len() {
        let first = places.first(ratings[at]).unwrap_or(at);
        let weight = match first.cmp(&but) {
            std::cmp::Ordering::Less => BEFORE_BUT,
            std::cmp::Ordering::Equal => continue,
            std::cmp::Ordering::Greater => AFTER_BUT,
        };
        let (old, new) = (ratings[first], ratings[first] * weight);
        places.moved(first, old, new);
        ratings[first] = new;
    }
}

/// Where each value stands, so that a long text costs no square of its length.
struct Places(std::collections::HashMap<u64, std::collections::BTreeSet<usize>>);

impl Places {
    fn of(ratings: &[f64]) -> Self {
        let mut places = Self(std::collections::HashMap::new());
        for (at, rating) in ratings.iter().enumerate() {
            places.0.entry(Self::key(*rating)).or_default().insert(at);
        }
        places
    }

    /// Both zeros are one value.
    fn key(rating: f64) -> u64 {
        if rating == 0.0 { 0 } else { rating.to_bits() }
    }

    fn first(&self, rating: f64) -> Option<usize> {
        self.0.get(&Self::key(rating))?.first().copied()
    }

    fn moved(&mut self, at: usize, old: f64, new: f64) {
        if let Some(places) = self.0.get_mut(&Self::key(old)) {
            places.remove(&at);
        }
        self.0.entry(Self::key(new)).or_default().insert(at);
    }
}

#[cfg(test)]
mod tests {
    use super::weigh_around;
    use proptest::prelude::*;

    /// The same by searching the list each time, which is how the method is published.
    fn by_search(ratings: &mut [f64], but: usize) {
        for at in 0..ratings.len() {
            let value = ratings[at];
            let first = ratings.iter().position(|r| *r == value).unwrap();
            if first < but {
                ratings[first] = value * 0.5;
            } else if first > but {
                ratings[first] = value * 1.5;
            }
        }
    }

    proptest! {
        #[test]
        fn weighing_with_an_index_equals_searching(
            values in prop::collection::vec(prop::sample::select(vec![0.0, -0.0, 1.0, 0.5, 0.25, 1.5, -1.9, -0.95]), 1..40),
            but in 0usize..40,
        ) {
            let but = but % values.len();
            let (mut fast, mut plain) = (values.clone(), values);
            weigh_around(&mut fast, but);
            by_search(&mut plain, but);
            prop_assert_eq!(fast, plain);
        }
    }
}
