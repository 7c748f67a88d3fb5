//! A text cut into the tokens that the rules look at.

use super::lexicon::Lexicon;

/// What Python's `string.punctuation` holds, which the reference implementation strips.
fn is_punctuation(char: char) -> bool {
    char.is_ascii_punctuation()
}

/// White space, and the separators U+001C to U+001F, at which the reference implementation splits too.
fn separates(char: char) -> bool {
    char.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&char)
}

/// A word or emoticon and what the lexicon knows of it.
#[derive(Debug, Clone)]
pub(super) struct Token {
    /// In lower case.
    pub(super) word: String,
    /// Written in capitals only.
    pub(super) shouted: bool,
    /// The rating of the word.
    pub(super) rating: Option<f64>,
    /// What it adds to the strength of the words after it.
    pub(super) degree: Option<f64>,
    /// Whether it turns the words after it around.
    pub(super) negates: bool,
}

impl Token {
    fn new(lexicon: &Lexicon, text: &str) -> Self {
        let word = text.to_lowercase();
        let shouted = text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase);
        let (rating, degree, negates) =
            (lexicon.rating(&word), lexicon.degree(&word), lexicon.negates(&word));
        Self { word, shouted, rating, degree, negates }
    }
}

/// The tokens of a text whose emoji were spelt out.
pub(super) fn tokens(lexicon: &Lexicon, text: &str) -> Vec<Token> {
    let pieces = text.split(separates).filter(|piece| !piece.is_empty());
    pieces.map(|piece| Token::new(lexicon, stripped(piece))).collect()
}

/// Without punctuation at its ends; whole if two or fewer characters were left, as it is an emoticon then.
fn stripped(piece: &str) -> &str {
    let bare = piece.trim_matches(is_punctuation);
    if bare.chars().nth(2).is_none() { piece } else { bare }
}

#[cfg(test)]
mod tests {
    use super::super::lexicon::Lexicon;
    use super::tokens;

    fn words(text: &str) -> Vec<String> {
        tokens(Lexicon::english(), text).into_iter().map(|token| token.word).collect()
    }

    #[test]
    fn punctuation_goes_and_emoticons_stay() {
        assert_eq!(
            words("Well, (good)!! :) it's  a-ok\u{1d}So"),
            ["well", "good", ":)", "it's", "a-ok", "so"]
        );
    }

    #[test]
    fn capitals_are_noticed_only_where_there_are_letters() {
        let shouted: Vec<bool> =
            tokens(Lexicon::english(), "LOUD Loud 123 N1CE").iter().map(|t| t.shouted).collect();
        assert_eq!(shouted, [true, false, false, true]);
    }
}
