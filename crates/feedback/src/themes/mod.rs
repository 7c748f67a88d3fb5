//! What comments are about: groups of words that stand out and stand together, each with counts, sentiment and examples.
//!
//! No step is a black box. A comment is cut into words and pairs of neighbouring words (module `text`), each counted
//! once a comment. Where the comments in question have others to be compared with (detractors with the rest, this month
//! with the ones before), a term stands out by its **log-odds ratio with an informative Dirichlet prior** (Monroe,
//! Colaresi & Quinn 2008, eqs. 16, 20 and 22): with `y` of `n` mentions among the comments in question and `y'` of `n'`
//! among the rest, and a prior of `a = a₀·(y + y')/(n + n')` mentions of each term,
//!
//! `δ = ln((y + a)/(n + a₀ − y − a)) − ln((y' + a)/(n' + a₀ − y' − a))`, `z = δ / √(1/(y + a) + 1/(y' + a))`.
//!
//! Rare words are drawn to 0 by the prior and frequent ones need a real difference. A term is kept if `z` is beyond the
//! normal quantile corrected for the number of terms (Bonferroni), so that comments drawn at random have no themes.
//! Without others to compare with, terms rank by the number of comments.
//!
//! The highest term that is still free heads a **theme**, and terms that stand together with it join: those that meet it
//! at least half way from what chance would have to the most that is possible (Cole 1949). A comment may belong to
//! several themes. The same comments give the same themes, in any order.
//!
//! Stop words and plurals are English; of other languages words in nearly all comments fall out by their frequency.
//! Languages written without spaces have no words here.

mod cluster;
mod odds;
mod text;
mod vocabulary;

use elate_delight::interval::Interval;
use elate_delight::rates::Figure;
use elate_delight::survey::{Sample, proportion};
use serde::{Deserialize, Serialize};

use crate::sentiment::MAX_CHARS;
use vocabulary::{Candidate, Vocabulary};

/// The most comments of one report.
pub const MAX_COMMENTS: usize = 200_000;

/// The most terms that are looked at for grouping, the highest first.
const MAX_TERMS: usize = 2_000;

/// The longest excerpt of an example, in characters.
const EXCERPT_CHARS: usize = 280;

/// A comment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comment<'a> {
    /// Its id, by which examples are named and order is made.
    pub id: &'a str,
    /// What was written.
    pub text: &'a str,
    /// How it sounds, −1 to 1; `None` where it was not scored.
    pub sentiment: Option<f64>,
    /// Whether the report is about it. The others are what it is compared with.
    pub in_question: bool,
}

/// How themes are made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// A term must be in so many comments in question. At least 2.
    pub least_comments: usize,
    /// A term in more than this share of all comments says nothing of any of them; asked from 20 comments on.
    pub most_share: f64,
    /// The most themes.
    pub themes: usize,
    /// The most terms of a theme.
    pub terms: usize,
    /// The most examples of a theme.
    pub examples: usize,
    /// How closely two terms of a theme must stand together: 0 is chance, 1 is always (Cole 1949).
    pub together: f64,
    /// Mentions in the prior, `a₀`. More of them need more evidence.
    pub prior: f64,
    /// The confidence that a term stands out, over all terms; and of the intervals.
    pub confidence: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            least_comments: 3,
            most_share: 0.8,
            themes: 12,
            terms: 8,
            examples: 3,
            together: 0.5,
            prior: 500.0,
            confidence: 0.95,
        }
    }
}

/// Why there is no report.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Error {
    /// More comments than [`MAX_COMMENTS`].
    #[error("{0} comments; at most {MAX_COMMENTS} at once")]
    TooMany(usize),
    /// An option out of its bounds.
    #[error("{name} is {value}; it must be {must}")]
    Option {
        /// Which one.
        name: &'static str,
        /// What was given.
        value: f64,
        /// What would be right.
        must: &'static str,
    },
}

/// A word or a pair of words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Term {
    /// The words, in lower case, a plural as its singular.
    pub text: String,
    /// Comments in question that have it.
    pub comments: usize,
    /// Other comments that have it.
    pub others: usize,
    /// How far it stands out: the standardised log-odds ratio. `None` where there are no others.
    pub z: Option<f64>,
}

/// A comment that shows a theme.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// The comment's id.
    pub id: String,
    /// The comment, cut after 280 characters.
    pub excerpt: String,
}

/// What several comments are about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Theme {
    /// Its most telling term: a pair of words if one is in half of the first term's comments, else the first term.
    pub name: String,
    /// Its terms; the first is the one that the others stand together with.
    pub terms: Vec<Term>,
    /// Comments in question with at least one of its terms.
    pub comments: usize,
    /// Their share of the comments in question, with Wilson's interval.
    pub share: Figure,
    /// The mean sentiment of those of them that were scored, with a t interval; `None` where none was.
    pub sentiment: Option<Figure>,
    /// How many of them were not scored.
    pub not_scored: usize,
    /// Those with the most of its terms, the shortest first.
    pub examples: Vec<Example>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The themes, the most prominent first.
    pub themes: Vec<Theme>,
    /// Comments in question.
    pub comments: usize,
    /// What they were compared with.
    pub others: usize,
    /// Comments that were too long to be read.
    pub left_out: usize,
    /// The `z` that a term had to exceed; `None` where there were no others.
    pub threshold: Option<f64>,
}

/// Finds the themes of comments.
pub fn find(comments: &[Comment<'_>], options: &Options) -> Result<Report, Error> {
    check(comments.len(), options)?;
    let mut read: Vec<&Comment<'_>> =
        comments.iter().filter(|comment| comment.text.chars().nth(MAX_CHARS).is_none()).collect();
    read.sort_by(|one, other| (one.id, one.text).cmp(&(other.id, other.text)));
    let left_out = comments.len() - read.len();
    let in_question: Vec<&Comment<'_>> = read.iter().copied().filter(|comment| comment.in_question).collect();
    let others = read.len() - in_question.len();

    let vocabulary = Vocabulary::of(&read);
    let mut candidates = vocabulary.candidates(&read, options);
    let threshold = (others > 0).then(|| odds::rate(&mut candidates, options));
    if let Some(threshold) = threshold {
        candidates.retain(|candidate| candidate.z.is_some_and(|z| z > threshold));
    }
    rank(&mut candidates);
    candidates.truncate(MAX_TERMS);
    let groups = cluster::groups(&candidates, read.len(), options);
    let themes = groups.iter().map(|group| theme(group, &in_question, options)).collect();
    Ok(Report { themes, comments: in_question.len(), others, left_out, threshold })
}

fn check(comments: usize, options: &Options) -> Result<(), Error> {
    if comments > MAX_COMMENTS {
        return Err(Error::TooMany(comments));
    }
    let refuse = |name, value, must| Err(Error::Option { name, value, must });
    let within = |value: f64| value > 0.0 && value <= 1.0;
    if options.least_comments < 2 {
        return refuse("least_comments", options.least_comments as f64, "at least 2");
    }
    if !within(options.most_share) {
        return refuse("most_share", options.most_share, "above 0 and at most 1");
    }
    if !within(options.together) {
        return refuse("together", options.together, "above 0 and at most 1");
    }
    if !(options.prior > 0.0 && options.prior.is_finite()) {
        return refuse("prior", options.prior, "above 0");
    }
    if !(options.confidence > 0.0 && options.confidence < 1.0) {
        return refuse("confidence", options.confidence, "between 0 and 1");
    }
    Ok(())
}

/// The highest first: by `z` where there is one, by comments, longer terms before their parts, by text.
fn rank(candidates: &mut [Candidate]) {
    candidates.sort_by(|one, other| {
        let by_z = other.z.unwrap_or(0.0).total_cmp(&one.z.unwrap_or(0.0));
        let by_count = || other.comments.len().cmp(&one.comments.len());
        by_z.then_with(by_count)
            .then_with(|| other.words.cmp(&one.words))
            .then_with(|| one.text.cmp(&other.text))
    });
}

fn theme(group: &[&Candidate], comments: &[&Comment<'_>], options: &Options) -> Theme {
    // How many of the theme's terms each comment has.
    let mut hits: Vec<(usize, usize)> = Vec::new();
    let mut places: Vec<usize> = group.iter().flat_map(|term| term.comments.iter().copied()).collect();
    places.sort_unstable();
    for place in places {
        match hits.last_mut() {
            Some((last, count)) if *last == place => *count += 1,
            _ => hits.push((place, 1)),
        }
    }
    let sample = Sample::of(hits.iter().filter_map(|(place, _)| comments[*place].sentiment));
    let not_scored = hits.len() - sample.count as usize;
    let terms = group.iter().map(|term| Term {
        text: term.text.clone(),
        comments: term.comments.len(),
        others: term.others,
        z: term.z,
    });
    Theme {
        name: name(group),
        terms: terms.collect(),
        comments: hits.len(),
        share: share(hits.len(), comments.len(), options.confidence),
        sentiment: mean_sentiment(&sample, options.confidence),
        not_scored,
        examples: examples(hits, comments, options.examples),
    }
}

fn name(group: &[&Candidate]) -> String {
    let Some(head) = group.first() else { return String::new() };
    let telling = group.iter().find(|term| {
        term.words > 1 && 2 * cluster::in_common(&term.comments, &head.comments) >= head.comments.len()
    });
    telling.unwrap_or(head).text.clone()
}

fn share(part: usize, all: usize, confidence: f64) -> Figure {
    let whole = Interval { low: 0.0, high: 1.0, confidence };
    let interval = proportion::wilson(part as u64, all as u64, confidence).unwrap_or(whole);
    Figure::new(part as f64 / all.max(1) as f64, interval, all as u64)
}

fn mean_sentiment(sample: &Sample, confidence: f64) -> Option<Figure> {
    if sample.count == 0 {
        return None;
    }
    let whole = Interval { low: -1.0, high: 1.0, confidence };
    let interval = sample.t_interval(confidence).unwrap_or(whole).clipped(-1.0, 1.0);
    Some(Figure::new(sample.mean, interval, sample.count))
}

fn examples(mut hits: Vec<(usize, usize)>, comments: &[&Comment<'_>], most: usize) -> Vec<Example> {
    let length = |place: usize| comments[place].text.chars().count();
    hits.sort_by_key(|(place, count)| (std::cmp::Reverse(*count), length(*place), *place));
    let example = |place: usize| {
        let text = comments[place].text.trim();
        let mut excerpt: String = text.chars().take(EXCERPT_CHARS).collect();
        if excerpt.len() < text.len() {
            excerpt.push('…');
        }
        Example { id: comments[place].id.to_owned(), excerpt }
    };
    hits.into_iter().take(most).map(|(place, _)| example(place)).collect()
}
