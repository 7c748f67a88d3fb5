//! Which language a comment is in, and how that is known.
//!
//! In this order: what the record declares; the detector, where it is sure; the language that the survey was asked in;
//! and for a text too short for a detector ("Great service!") whether enough of its words are English ones. Where none
//! of that answers, the language is unknown, and nobody guesses. Of the 4,200 rated English tweets, short and full of
//! names and slang, 3,416 are known to be English, 5 are taken for another language, and the rest needs a declared
//! language or that of the survey. A few foreign words that are also English ones ("Pizza war super") remain a trap.

use std::fmt;

use elate_domain::FieldError;
use serde::{Deserialize, Serialize};

use super::lexicon::Lexicon;
use super::token::tokens;

/// Where the detector thinks of English without being sure, it is English if at least this share of the words are known
/// English words.
const KNOWN_SHARE: f64 = 0.3;

/// Where the detector thinks of another language without being sure, a text of Latin letters is still English with this
/// share of known words, …
const MOSTLY_KNOWN: f64 = 0.6;

/// … if it has no more words than this: on a longer text the detector's guess has its reasons.
const SHORT: usize = 12;

/// Words that make sentences in English and are rare, or mean the same, elsewhere.
const COMMON: &str = "a about after again all also always am an and any are as ask at be been before but by can come \
    could day did do does done each ever every few for from get give go got had has have he help her here him his how \
    i if in into is it its it's i'm just know like long made make many me more most much my need never new next not now \
    of off on once one only or other our out over own people please she should so some still such take than that the \
    their them then there these they thing this those through time to too took under until up us use very wait want was \
    way we well were what when where which while who why will with work would year yes yet you your app customer \
    delivery order price product service shop staff support team website";

/// A language tag as in BCP 47 (RFC 5646), e.g. `en`, `en-GB`, `pt-BR`, `zh-Hant`. Kept in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LanguageTag(String);

impl LanguageTag {
    /// Reads a tag: a language of two or three letters, then subtags of one to eight letters or digits, 35 characters
    /// at most in all. An underscore is taken for a hyphen (`en_GB`).
    pub fn try_new(text: &str) -> Result<Self, InvalidTag> {
        let tag = text.trim().to_ascii_lowercase().replace('_', "-");
        let mut parts = tag.split('-');
        let primary = parts.next().unwrap_or_default();
        let named = (2..=3).contains(&primary.len()) && primary.bytes().all(|b| b.is_ascii_lowercase());
        let fits =
            |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
        if named && parts.all(fits) && tag.len() <= 35 { Ok(Self(tag)) } else { Err(InvalidTag) }
    }

    /// The tag in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The language without region and script: `en` of `en-gb`.
    pub fn primary(&self) -> &str {
        self.0.split('-').next().unwrap_or_default()
    }

    /// Whether it is English of any region.
    pub fn is_english(&self) -> bool {
        matches!(self.primary(), "en" | "eng")
    }

    fn english() -> Self {
        Self("en".to_owned())
    }
}

impl fmt::Display for LanguageTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<LanguageTag> for String {
    fn from(tag: LanguageTag) -> Self {
        tag.0
    }
}

impl TryFrom<String> for LanguageTag {
    type Error = InvalidTag;
    fn try_from(text: String) -> Result<Self, InvalidTag> {
        Self::try_new(&text)
    }
}

/// A text that is no language tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no language tag such as en, en-GB or pt-BR")]
pub struct InvalidTag;

impl InvalidTag {
    /// The same as an error of a field.
    pub fn at(self, field: &str) -> FieldError {
        FieldError::new(field, self.to_string())
    }
}

/// How a language is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The record says so.
    Declared,
    /// The detector is sure of it.
    Detected,
    /// The survey was asked in it.
    Assumed,
    /// Most words of a short text belong to it.
    Words,
    /// There are no letters in the text, only signs that are read alike everywhere.
    NoLetters,
}

/// The language of a text and how it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Language {
    /// The language.
    pub tag: LanguageTag,
    /// How that is known.
    pub evidence: Evidence,
}

impl Language {
    pub(super) fn english(evidence: Evidence) -> Self {
        Self { tag: LanguageTag::english(), evidence }
    }
}

/// The language of a text; `None` where it cannot be told.
pub fn of(text: &str, declared: Option<&LanguageTag>, assumed: Option<&LanguageTag>) -> Option<Language> {
    let known = |tag: &LanguageTag, evidence| Some(Language { tag: tag.clone(), evidence });
    if let Some(tag) = declared {
        return known(tag, Evidence::Declared);
    }
    let found = whatlang::detect(text);
    if let Some(found) = found.as_ref().filter(|found| found.is_reliable()) {
        return Some(Language { tag: tag_of(found.lang()), evidence: Evidence::Detected });
    }
    if let Some(tag) = assumed {
        return known(tag, Evidence::Assumed);
    }
    sounds_english(text, found.as_ref()).then(|| Language::english(Evidence::Words))
}

/// Whether a text is made of English words, given what the detector thinks of it without being sure.
fn sounds_english(text: &str, guess: Option<&whatlang::Info>) -> bool {
    if guess.is_some_and(|guess| guess.script() != whatlang::Script::Latin) {
        return false;
    }
    let words: Vec<_> = tokens(Lexicon::english(), text)
        .into_iter()
        .filter(|token| token.word.chars().any(char::is_alphabetic))
        .collect();
    let is_common = |word: &str| COMMON.split_whitespace().any(|common| common == word);
    let known = words
        .iter()
        .filter(|t| t.rating.is_some() || t.degree.is_some() || t.negates || is_common(&t.word))
        .count();
    let share = known as f64 / words.len().max(1) as f64;
    let thought_english = guess.is_some_and(|guess| guess.lang() == whatlang::Lang::Eng);
    if thought_english { share >= KNOWN_SHARE } else { share >= MOSTLY_KNOWN && words.len() <= SHORT }
}

/// The detector's code (ISO 639-3), in two letters where the language has such a code (ISO 639-1), as declared
/// languages do.
fn tag_of(lang: whatlang::Lang) -> LanguageTag {
    const TWO_LETTERS: &str = "epo eo eng en rus ru cmn zh spa es por pt ita it ben bn fra fr deu de ukr uk kat ka \
        ara ar hin hi jpn ja heb he yid yi pol pl amh am jav jv kor ko nob nb dan da swe sv fin fi tur tr nld nl hun hu \
        ces cs ell el bul bg bel be mar mr kan kn ron ro slv sl hrv hr srp sr mkd mk lit lt lav lv est et tam ta vie vi \
        urd ur tha th guj gu uzb uz pan pa aze az ind id tel te pes fa mal ml ori or mya my nep ne sin si khm km tuk tk \
        aka ak zul zu sna sn afr af lat la slk sk cat ca tgl tl hye hy cym cy";
    let code = lang.code();
    let mut codes = TWO_LETTERS.split_whitespace();
    while let (Some(three), Some(two)) = (codes.next(), codes.next()) {
        if three == code {
            return LanguageTag(two.to_owned());
        }
    }
    LanguageTag(code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{LanguageTag, tag_of};

    #[test]
    fn every_language_of_the_detector_has_a_tag_of_its_own() {
        let mut tags: Vec<LanguageTag> = whatlang::Lang::all().iter().map(|lang| tag_of(*lang)).collect();
        assert!(tags.iter().all(|tag| tag.as_str().len() == 2), "{tags:?}");
        let all = tags.len();
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), all);
    }

    #[test]
    fn tags_are_read_as_they_are_written_everywhere() {
        assert_eq!(LanguageTag::try_new(" en_GB ").unwrap().as_str(), "en-gb");
        assert!(LanguageTag::try_new("zh-Hant-TW").is_ok());
        for wrong in ["", "e", "english", "en-", "en--gb", "12", "en-toolongsubtag", "é"] {
            assert!(LanguageTag::try_new(wrong).is_err(), "{wrong}");
        }
    }
}
