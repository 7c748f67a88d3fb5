//! What holds for every comment, and what is not scored.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use elate_feedback::sentiment::{
    Analyser, Evidence, LanguageTag, MAX_CHARS, NotScored, Sentiment, score_english,
};
use proptest::prelude::*;

fn tag(text: &str) -> LanguageTag {
    LanguageTag::try_new(text).unwrap()
}

fn evidence(sentiment: &Sentiment) -> Option<Evidence> {
    match sentiment {
        Sentiment::Scored { language, .. } | Sentiment::NotScored(NotScored::Language(language)) => {
            Some(language.evidence)
        }
        Sentiment::NotScored(_) => None,
    }
}

const FOREIGN: [(&str, &str); 8] = [
    ("de", "Die Lieferung kam leider zwei Wochen zu spät und niemand hat sich bei mir gemeldet."),
    ("fr", "Le service client était très aimable mais la livraison a pris beaucoup trop de temps."),
    ("es", "Estoy muy contento con el producto, pero el envío tardó demasiado y nadie me avisó."),
    ("it", "Sono molto soddisfatto del prodotto, ma la consegna è arrivata con due settimane di ritardo."),
    ("nl", "De bezorging was veel te laat en niemand van de klantenservice heeft mij teruggebeld."),
    ("pl", "Przesyłka przyszła o dwa tygodnie za późno i nikt nie odpowiedział na moje wiadomości."),
    ("ru", "Посылка пришла на две недели позже, и никто не ответил на мои сообщения."),
    ("ja", "配達が二週間も遅れて、誰も連絡してくれませんでした。とても残念です。"),
];

#[test]
fn languages_without_a_lexicon_are_not_scored() {
    let mut detected = 0;
    for (code, text) in FOREIGN {
        let read = Analyser::new().read(text, None);
        assert_eq!(read.compound(), None, "{text}: {read:?}");
        match read {
            Sentiment::NotScored(NotScored::Language(found)) => {
                assert_eq!((found.tag.as_str(), found.evidence), (code, Evidence::Detected));
                detected += 1;
            }
            // The detector takes its time to tell close relatives apart; that is no reason to score.
            other => assert_eq!(other, Sentiment::NotScored(NotScored::UnknownLanguage)),
        }
    }
    assert!(detected >= 6, "only {detected} languages were told");
}

#[test]
fn english_is_found_in_long_and_in_short_comments() {
    let long = "I waited for two weeks until the parcel arrived and nobody told me where it was.";
    let read = Analyser::new().read(long, None);
    assert_eq!(evidence(&read), Some(Evidence::Detected), "{read:?}");
    for short in ["Great!", "Very good service", "Awful.", "love it", "Never again!"] {
        let read = Analyser::new().read(short, None);
        assert!(read.compound().is_some(), "{short}: {read:?}");
    }
}

#[test]
fn what_cannot_be_told_is_unknown_and_not_neutral() {
    for unclear in ["Schade.", "Lieferung ok", "xkcd qwfp", "Muy malo"] {
        let read = Analyser::new().read(unclear, None);
        assert_eq!(read.compound(), None, "{unclear}: {read:?}");
    }
}

#[test]
fn a_declared_language_is_believed_and_an_assumed_one_only_in_doubt() {
    let german = tag("de-AT");
    let declared = Analyser::new().read("Great!", Some(&german));
    assert_eq!(evidence(&declared), Some(Evidence::Declared));
    assert_eq!(declared.compound(), None);
    let assuming = Analyser::new().assuming(tag("en"));
    assert_eq!(evidence(&assuming.read("Schade.", None)), Some(Evidence::Assumed));
    assert_eq!(assuming.read(FOREIGN[0].1, None).compound(), None);
    assert_eq!(Analyser::new().assuming(german).read("Great!", None).compound(), None);
}

#[test]
fn signs_are_read_in_any_language_and_mere_numbers_in_none() {
    assert!(Analyser::new().read("😀 :)", None).compound().unwrap() > 0.4);
    assert!(Analyser::new().read("😢😢", None).compound().unwrap() < -0.4);
    for nothing in ["", "   ", "10/10", "...", "42"] {
        assert_eq!(
            Analyser::new().read(nothing, None),
            Sentiment::NotScored(NotScored::NoWords),
            "{nothing:?}"
        );
    }
}

#[test]
fn documents_are_not_read() {
    let longest = "good ".repeat(MAX_CHARS / 5);
    assert!(Analyser::new().read(&longest, Some(&tag("en"))).compound().is_some());
    let longer = format!("{longest}!");
    let read = Analyser::new().read(&longer, Some(&tag("en")));
    assert_eq!(read, Sentiment::NotScored(NotScored::TooLong { chars: MAX_CHARS + 1 }));
    assert_eq!(score_english(&longer), None);
    assert!(Analyser::new().explain(&longer).is_empty());
}

#[test]
fn the_worst_case_of_the_longest_text_takes_no_square_of_time() {
    let emoji = format!("but {}", "😀".repeat(MAX_CHARS - 4));
    let score = score_english(&emoji).unwrap();
    assert!(score.words >= 2 * (MAX_CHARS - 4));
    assert!(score.compound > 0.99);
}

#[test]
fn an_explanation_names_the_words_that_count() {
    let words = Analyser::new().explain("The food was not good, but the staff was lovely!");
    let rated: Vec<(&str, bool)> =
        words.iter().filter(|w| w.rating != 0.0).map(|w| (w.word.as_str(), w.rating > 0.0)).collect();
    assert_eq!(rated, [("good", false), ("lovely", true)]);
}

/// Texts with many of the words and signs that the rules are about.
fn text() -> impl Strategy<Value = String> {
    let words = "good bad not never no but very so this least at kind of without doubt GREAT awful ! ??? :) 😀 the was";
    let known = prop::sample::select(words.split(' ').map(str::to_owned).collect::<Vec<_>>());
    let piece = prop_oneof![6 => known, 1 => "\\PC{0,12}", 1 => any::<String>()];
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn scores_stay_in_their_bounds_and_shares_add_up(text in text()) {
        let score = score_english(&text).unwrap();
        prop_assert!((-1.0..=1.0).contains(&score.compound));
        let shares = [score.positive, score.neutral, score.negative];
        prop_assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)));
        let sum: f64 = shares.iter().sum();
        let whole = if score.words == 0 { 0.0 } else { 1.0 };
        prop_assert!((sum - whole).abs() < 1e-9);
        prop_assert!(score.rated <= score.words);
        prop_assert!(score.rated > 0 || score.compound == 0.0);
    }

    #[test]
    fn an_explanation_has_every_word_and_adds_up_to_the_sign(text in text()) {
        let (score, words) = (score_english(&text).unwrap(), Analyser::new().explain(&text));
        prop_assert_eq!(words.len(), score.words);
        let sum: f64 = words.iter().map(|word| word.rating).sum();
        prop_assert!(sum * score.compound >= 0.0);
    }

    #[test]
    fn reading_is_repeatable_and_survives_json(text in text()) {
        let read = Analyser::new().read(&text, None);
        prop_assert_eq!(&read, &Analyser::new().read(&text, None));
        let back: Sentiment = serde_json::from_str(&serde_json::to_string(&read).unwrap()).unwrap();
        prop_assert_eq!(back.compound().map(|c| (c * 1e9).round()), read.compound().map(|c| (c * 1e9).round()));
    }

    #[test]
    fn exclamation_marks_never_weaken(text in "(good |bad |great |awful |the |was ){1,12}", marks in 1usize..6) {
        let plain = score_english(&text).unwrap().compound;
        let loud = score_english(&format!("{}{}", text.trim(), "!".repeat(marks))).unwrap().compound;
        prop_assert!(loud.abs() >= plain.abs() && loud * plain >= 0.0);
    }

    #[test]
    fn a_declared_language_other_than_english_is_never_scored(text in text(), code in "[a-df-z][a-z]") {
        let read = Analyser::new().read(&text, Some(&tag(&code)));
        prop_assert!(read.compound().is_none() || evidence(&read) == Some(Evidence::NoLetters));
    }
}
