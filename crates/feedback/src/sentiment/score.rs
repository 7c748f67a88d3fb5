//! From the ratings of the words of a text to its score.

use serde::{Deserialize, Serialize};

use super::lexicon::Lexicon;
use super::rules;
use super::token::tokens;

/// Makes the sum of ratings `s` a number within ±1: `s / √(s² + 15)`. About 15 is the highest sum that is seen often.
const NORMAL: f64 = 15.0;
/// What an exclamation mark adds, up to four of them.
const EXCLAMATION: f64 = 0.292;
const MOST_EXCLAMATIONS: usize = 4;
/// What a question mark adds from the second on, up to three of them; more count as `MANY_QUESTIONS` together.
const QUESTION: f64 = 0.18;
const MANY_QUESTIONS: f64 = 0.96;

/// How a text sounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The whole, −1 (as negative as can be) to 1: the sum of the ratings, normalised. Within ±0.05 is commonly read
    /// as neutral.
    pub compound: f64,
    /// The share of the text that is positive, 0 to 1. The three shares add up to 1.
    pub positive: f64,
    /// The share that is neither.
    pub neutral: f64,
    /// The share that is negative.
    pub negative: f64,
    /// How many words and emoticons were read.
    pub words: usize,
    /// How many of them carry a rating: what the score rests on.
    pub rated: usize,
}

/// A word or emoticon and what it adds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WordRating {
    /// In lower case, without punctuation around it.
    pub word: String,
    /// Its rating with the words around it taken into account; 0 for words without one.
    pub rating: f64,
}

/// The score of an English text by the method VADER (Hutto & Gilbert 2014). Without words all is 0, and the shares
/// too.
///
/// Nobody asks here which language it is: see [`Analyser::read`](super::Analyser::read).
pub(super) fn score(lexicon: &Lexicon, text: &str) -> Score {
    let spelt = lexicon.spelt_out(text);
    let tokens = tokens(lexicon, &spelt);
    let ratings = rules::ratings(&tokens);
    let emphasis = emphasis(&spelt);
    let (positive, neutral, negative) = shares(&ratings, emphasis);
    let rated = tokens.iter().filter(|token| token.rating.is_some()).count();
    Score { compound: compound(&ratings, emphasis), positive, neutral, negative, words: tokens.len(), rated }
}

/// What every word adds.
pub(super) fn explain(lexicon: &Lexicon, text: &str) -> Vec<WordRating> {
    let tokens = tokens(lexicon, &lexicon.spelt_out(text));
    let ratings = rules::ratings(&tokens);
    tokens.into_iter().zip(ratings).map(|(token, rating)| WordRating { word: token.word, rating }).collect()
}

fn compound(ratings: &[f64], emphasis: f64) -> f64 {
    let sum: f64 = ratings.iter().sum();
    let emphasised = if sum > 0.0 {
        sum + emphasis
    } else if sum < 0.0 {
        sum - emphasis
    } else {
        return 0.0;
    };
    emphasised / (emphasised * emphasised + NORMAL).sqrt()
}

fn emphasis(text: &str) -> f64 {
    let exclamations = text.matches('!').count().min(MOST_EXCLAMATIONS);
    let questions = text.matches('?').count();
    let asked = match questions {
        0 | 1 => 0.0,
        2 | 3 => questions as f64 * QUESTION,
        _ => MANY_QUESTIONS,
    };
    exclamations as f64 * EXCLAMATION + asked
}

/// Positive, neutral and negative share. A neutral word counts 1, a rated one its rating and 1.
fn shares(ratings: &[f64], emphasis: f64) -> (f64, f64, f64) {
    let mut positive: f64 = ratings.iter().filter(|r| **r > 0.0).map(|r| r + 1.0).sum();
    let mut negative: f64 = ratings.iter().filter(|r| **r < 0.0).map(|r| 1.0 - r).sum();
    let neutral = ratings.iter().filter(|r| **r == 0.0).count() as f64;
    if positive > negative {
        positive += emphasis;
    } else if negative > positive {
        negative += emphasis;
    }
    let total = positive + negative + neutral;
    if total > 0.0 { (positive / total, neutral / total, negative / total) } else { (0.0, 0.0, 0.0) }
}
