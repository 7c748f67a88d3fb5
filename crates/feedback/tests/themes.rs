//! Themes: planted ones are found, noise has none, and every number can be counted again.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use elate_feedback::sentiment::score_english;
use elate_feedback::themes::{Comment, Error, MAX_COMMENTS, Options, Report, find};
use proptest::prelude::*;

/// A comment of a test: id, text, in question.
type Written = (String, String, bool);

fn report(written: &[Written], options: &Options) -> Report {
    let comments: Vec<Comment<'_>> = written
        .iter()
        .map(|(id, text, in_question)| Comment {
            id,
            text,
            sentiment: score_english(text).filter(|score| score.rated > 0).map(|score| score.compound),
            in_question: *in_question,
        })
        .collect();
    find(&comments, options).unwrap()
}

/// xorshift64*: the same numbers on every run.
fn random(state: &mut u64) -> f64 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    (state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1u64 << 53) as f64
}

const ABOUT: [&str; 12] = [
    "the colour of the chair",
    "a table in the hall",
    "my garden hose",
    "their catalogue",
    "the sofa cushions",
    "an oak shelf",
    "some candles",
    "the window blinds",
    "new curtains",
    "a reading lamp",
    "the kitchen tiles",
    "our carpet",
];

fn chatter(state: &mut u64) -> String {
    let pick = |state: &mut u64| ABOUT[(random(state) * ABOUT.len() as f64) as usize];
    format!("We ordered {} and {}", pick(state), pick(state))
}

fn planted() -> Vec<Written> {
    let mut state = 11;
    let late = [
        "The delivery was two weeks late",
        "Late delivery again, and the driver was rude!",
        "Deliveries are always late",
        "late delivery. The driver left it in the rain",
    ];
    let mut written: Vec<Written> = Vec::new();
    for n in 0..60 {
        let text = format!("{}. {}", chatter(&mut state), late[n % late.len()]);
        written.push((format!("unhappy{n:03}"), text, true));
    }
    for n in 0..200 {
        let more = if n % 25 == 0 { "delivery was fine" } else { "all good" };
        written.push((format!("happy{n:03}"), format!("{}, {more}", chatter(&mut state)), false));
    }
    written
}

#[test]
fn what_sets_the_unhappy_apart_is_found_with_numbers_and_examples() {
    let found = report(&planted(), &Options::default());
    assert_eq!((found.comments, found.others, found.left_out), (60, 200, 0));
    let theme = &found.themes[0];
    let terms: Vec<&str> = theme.terms.iter().map(|term| term.text.as_str()).collect();
    assert!(terms.contains(&"delivery") && terms.contains(&"late"), "{terms:?}");
    assert!(!terms.contains(&"deliveries"), "a plural is its singular: {terms:?}");
    assert_eq!((theme.comments, theme.share.value), (60, 1.0));
    assert!(theme.terms.iter().all(|term| term.z.unwrap() > found.threshold.unwrap()));
    assert_eq!(theme.examples.len(), 3);
    assert!(theme.examples.iter().all(|example| example.id.starts_with("unhappy")));
    let about: Vec<&str> = found.themes.iter().flat_map(|t| &t.terms).map(|t| t.text.as_str()).collect();
    assert!(
        !about.iter().any(|term| term.contains("chair") || term.contains("sofa")),
        "chatter is no theme: {about:?}"
    );
}

#[test]
fn without_others_frequent_terms_make_the_themes() {
    let written: Vec<Written> = planted().into_iter().filter(|comment| comment.2).collect();
    let found = report(&written, &Options::default());
    assert_eq!((found.threshold, found.others), (None, 0));
    assert!(found.themes.iter().any(|theme| theme.terms.iter().any(|term| term.text == "rude")));
    assert!(found.themes.len() <= Options::default().themes);
    assert!(found.themes.iter().flat_map(|t| &t.terms).all(|term| term.z.is_none()));
}

#[test]
fn comments_in_question_at_random_have_hardly_ever_a_theme() {
    let mut state = 23;
    let (mut named, runs) = (0, 60);
    for _ in 0..runs {
        let written: Vec<Written> =
            (0..150).map(|n| (format!("c{n:03}"), chatter(&mut state), random(&mut state) < 0.4)).collect();
        named += usize::from(!report(&written, &Options::default()).themes.is_empty());
    }
    assert!(named <= runs / 20, "{named} of {runs} runs had a theme");
}

#[test]
fn negations_and_pairs_are_kept_together() {
    let written: Vec<Written> =
        (0..5).map(|n| (format!("c{n}"), "The app is not working".to_owned(), true)).collect();
    let found = report(&written, &Options::default());
    let terms: Vec<&str> = found.themes[0].terms.iter().map(|term| term.text.as_str()).collect();
    assert!(terms.contains(&"not working"), "{terms:?}");
    assert!(terms.contains(&"app") && !terms.contains(&"not"), "{terms:?}");
}

#[test]
fn sentiment_leaves_out_what_was_not_scored() {
    let text = |n: usize| match n {
        0..4 => "Terrible invoice".to_owned(),
        _ => "The invoice came".to_owned(),
    };
    let written: Vec<Written> = (0..6).map(|n| (format!("c{n}"), text(n), true)).collect();
    let found = report(&written, &Options::default());
    let theme = found.themes.iter().find(|theme| theme.terms[0].text == "invoice").unwrap();
    let sentiment = theme.sentiment.unwrap();
    assert_eq!((theme.comments, theme.not_scored, sentiment.observations), (6, 2, 4));
    assert!(sentiment.value < -0.4, "a comment without a score is not a zero: {sentiment:?}");
    assert!(theme.share.small_sample);
}

#[test]
fn bounds_hold() {
    let text = "x".to_owned();
    let one = Comment { id: "a", text: &text, sentiment: None, in_question: true };
    let many = vec![one; MAX_COMMENTS + 1];
    assert_eq!(find(&many, &Options::default()), Err(Error::TooMany(MAX_COMMENTS + 1)));
    let long = "word ".repeat(4_000);
    let found = find(&[Comment { text: &long, ..one }], &Options::default()).unwrap();
    assert_eq!((found.left_out, found.comments), (1, 0));
    assert_eq!(find(&[], &Options::default()).unwrap().themes, Vec::new());
    for wrong in [
        Options { least_comments: 1, ..Options::default() },
        Options { most_share: 0.0, ..Options::default() },
        Options { together: 1.1, ..Options::default() },
        Options { prior: f64::NAN, ..Options::default() },
        Options { confidence: 1.0, ..Options::default() },
    ] {
        assert!(matches!(find(&[one], &wrong), Err(Error::Option { .. })), "{wrong:?}");
    }
}

fn written() -> impl Strategy<Value = Vec<Written>> {
    let words = "delivery late deliveries driver app crash crashes support slow invoice, wrong. not working the was very box boxes";
    let word = prop::sample::select(words.split(' ').collect::<Vec<_>>());
    let text = prop_oneof![
        9 => prop::collection::vec(word, 1..7).prop_map(|words| words.join(" ")),
        1 => "\\PC{0,20}",
    ];
    prop::collection::vec((text, any::<bool>()), 0..50).prop_map(|comments| {
        comments.into_iter().enumerate().map(|(n, (text, focus))| (format!("c{n:02}"), text, focus)).collect()
    })
}

/// Whether a comment of the generator has a term, looked for without the code under test.
fn has(text: &str, term: &str) -> bool {
    let plain = text.replace("deliveries", "delivery").replace("crashes", "crash").replace("boxes", "box");
    plain.split([',', '.']).any(|phrase| {
        let words: Vec<&str> = phrase.split_whitespace().collect();
        let wanted: Vec<&str> = term.split(' ').collect();
        words.windows(wanted.len()).any(|window| window == wanted)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_order_of_comments_does_not_matter(written in written(), turn in any::<prop::sample::Index>()) {
        let options = Options { least_comments: 2, confidence: 0.5, ..Options::default() };
        let before = report(&written, &options);
        let mut turned = written;
        if !turned.is_empty() {
            let by = turn.index(turned.len());
            turned.rotate_left(by);
        }
        turned.reverse();
        prop_assert_eq!(report(&turned, &options), before);
    }

    #[test]
    fn every_number_can_be_counted_again(written in written()) {
        let mut written: Vec<Written> = written.into_iter().filter(|(_, text, _)| text.is_ascii()).collect();
        // Singulars are taken where they occur.
        written.push(("x".to_owned(), "delivery. crash. box".to_owned(), false));
        let options = Options { least_comments: 2, confidence: 0.2, prior: 5.0, ..Options::default() };
        let found = report(&written, &options);
        let mut seen = std::collections::BTreeSet::new();
        for theme in &found.themes {
            for term in &theme.terms {
                prop_assert!(seen.insert(term.text.clone()), "{} is in two themes", term.text);
                let count = |focus: bool| written.iter().filter(|(_, t, f)| *f == focus && has(t, &term.text)).count();
                prop_assert_eq!((term.comments, term.others), (count(true), count(false)), "{}", term.text);
                prop_assert!(term.comments >= 2);
            }
            let mentions = |text: &str| theme.terms.iter().any(|term| has(text, &term.text));
            let with: Vec<&Written> = written.iter().filter(|(_, text, focus)| *focus && mentions(text)).collect();
            prop_assert_eq!(theme.comments, with.len());
            prop_assert!(theme.examples.iter().all(|example| with.iter().any(|(id, ..)| *id == example.id)));
            prop_assert!(theme.terms.iter().any(|term| term.text == theme.name));
            let scored = theme.sentiment.map_or(0, |figure| figure.observations as usize);
            prop_assert_eq!(scored + theme.not_scored, theme.comments);
        }
    }

    #[test]
    fn any_text_is_read(texts in prop::collection::vec(any::<String>(), 0..12)) {
        let written: Vec<Written> = texts.into_iter().enumerate().map(|(n, t)| (n.to_string(), t, n % 2 == 0)).collect();
        let found = report(&written, &Options { least_comments: 2, ..Options::default() });
        prop_assert_eq!(found.comments + found.others, written.len());
    }
}
