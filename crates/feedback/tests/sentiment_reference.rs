//! Scores against those of the reference implementation, and against people.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

mod suites;

use std::path::{Path, PathBuf};

use elate_feedback::sentiment::{Analyser, LanguageTag, NotScored, Sentiment};

/// A file of the reference data that is not part of the repository; `None`, with a printed line, where it is absent.
fn outside(file: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let found = std::env::var_os("ELATE_REFERENCE_DATA").map_or(beside, PathBuf::from).join(file);
    if !found.exists() {
        println!("skipped: no {file}; set ELATE_REFERENCE_DATA to its folder");
        return None;
    }
    Some(found)
}

#[test]
fn generated_sentences_score_as_the_reference_scores_them() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sentences.json");
    let report = suites::sentences(&file).unwrap();
    assert!(report.failures.is_empty(), "{:#?}", report.failures);
    assert_eq!(report.passed, 400, "cases were lost from the reference file");
}

#[test]
fn sentences_of_the_demonstration_score_as_published() {
    let Some(file) = outside("sentiment/vader_demo_sentences.json") else { return };
    let report = suites::sentences(&file).unwrap();
    assert!(report.failures.is_empty(), "{:#?}", report.failures);
    assert!(report.passed > 0);
}

#[test]
fn rated_texts_score_as_the_reference_scores_them_and_agree_with_people() {
    let Some(file) = outside("sentiment/vader_tweets.csv") else { return };
    let tweets = suites::tweets(&file).unwrap();
    let report = suites::scores(&tweets);
    assert!(report.failures.is_empty(), "{:#?}", report.failures);
    assert_eq!(report.passed, 4_200);
    let r = suites::agreement_with_people(&tweets);
    assert!(r >= 0.872, "r is {r}");
}

#[test]
fn most_english_comments_are_known_to_be_english() {
    let Some(file) = outside("sentiment/vader_tweets.csv") else { return };
    // Every seventh: the detector is slow without optimisation.
    let tweets: Vec<suites::Tweet> = suites::tweets(&file).unwrap().into_iter().step_by(7).collect();
    let reader = Analyser::new();
    let read: Vec<Sentiment> = tweets.iter().map(|tweet| reader.read(&tweet.text, None)).collect();
    let count = |of: fn(&Sentiment) -> bool| read.iter().filter(|sentiment| of(sentiment)).count();
    let scored = count(|sentiment| sentiment.compound().is_some());
    let foreign = count(|sentiment| matches!(sentiment, Sentiment::NotScored(NotScored::Language(_))));
    println!("{scored} scored, {foreign} taken for another language, of {}", read.len());
    // Short texts full of names and slang are the hardest; with a declared or assumed language all are scored.
    assert!(scored * 4 >= read.len() * 3, "{scored}");
    assert!(foreign <= 5, "{foreign}");
    let assuming = Analyser::new().assuming(LanguageTag::try_new("en").unwrap());
    let all = tweets.iter().filter(|tweet| assuming.read(&tweet.text, None).compound().is_some()).count();
    assert!(all + 5 >= tweets.len(), "{all}");
}
