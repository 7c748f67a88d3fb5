//! What is wrong with a document, where, and what would be right.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Id;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Problem {
    /// Which of the given documents, from 0; absent where it is about the set as a whole.
    pub document: Option<usize>,
    /// The document's kind and name (`Play/recover-late-gift`) as far as they are known, or empty.
    pub manifest: String,
    /// Where in the document (`spec.steps[2].wait.for`); empty for the whole.
    pub path: String,
    /// What is wrong.
    pub reason: String,
    /// What would be right, where there is something to say; or empty.
    pub hint: String,
}

impl Problem {
    pub(crate) fn of_document(document: usize, manifest: &str, problem: At) -> Self {
        let At { path, reason, hint } = problem;
        Self { document: Some(document), manifest: manifest.to_owned(), path, reason, hint }
    }

    pub(crate) fn of_set(reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            document: None,
            manifest: String::new(),
            path: String::new(),
            reason: reason.into(),
            hint: hint.into(),
        }
    }

    pub(crate) fn of_stored(id: &Id, problem: At) -> Self {
        let At { path, reason, hint } = problem;
        Self { document: None, manifest: id.to_string(), path, reason, hint }
    }
}

impl fmt::Display for Problem {
    /// `document 3 (Play/recover-late-gift), spec.steps[2].wait.for: "soon" is no duration (write 5d or 12h)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.document, self.manifest.as_str()) {
            (Some(index), "") => write!(f, "document {}", index + 1)?,
            (Some(index), manifest) => write!(f, "document {} ({manifest})", index + 1)?,
            (None, "") => write!(f, "the manifests")?,
            (None, manifest) => f.write_str(manifest)?,
        }
        if !self.path.is_empty() {
            write!(f, ", {}", self.path)?;
        }
        write!(f, ": {}", self.reason)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, " ({})", self.hint) }
    }
}

/// A problem within one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) path: String,
    pub(crate) reason: String,
    pub(crate) hint: String,
}

impl At {
    pub(crate) fn new(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { path: path.into(), reason: reason.into(), hint: String::new() }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Whether one of two problems lies within the other's place.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        within(&self.path, &other.path) || within(&other.path, &self.path)
    }
}

fn within(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// The known word that is nearest to an unknown one, if it is near enough to be meant.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edits (one character inserted, left out or replaced) that lead from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        assert_eq!(nearest("touchpont", ["stage", "touchpoint"]), Some("touchpoint"));
        assert_eq!(nearest("colour", ["stage", "touchpoint"]), None);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn places_overlap_only_at_whole_segments() {
        let at = |path: &str| At::new(path, "");
        assert!(at("spec.steps[1].wait").overlaps(&at("spec.steps[1]")));
        assert!(!at("spec.steps[10]").overlaps(&at("spec.steps[1]")));
    }
}
