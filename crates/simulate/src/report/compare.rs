//! The difference of two reports.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Entry, Report};
use crate::Error;

/// What is different between two versions of definitions, replayed over the same recording.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Figures that differ, by their path in the report.
    pub figures: BTreeMap<String, Change>,
    /// Who enters in one and not in the other, of those that both reports list.
    pub entries: Vec<EntryChange>,
}

/// A figure that differs. A figure that one of the reports does not have is null there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// In the base.
    pub before: Json,
    /// In the other.
    pub after: Json,
    /// How much more it is, for numbers; a missing one counts as 0.
    pub delta: Option<f64>,
}

/// An entry that only one of the reports has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryChange {
    /// `added` or `removed`.
    pub change: String,
    /// The entry.
    pub entry: Entry,
}

/// Two reports over the same recording, and what is different in the second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// Under the first definitions.
    pub before: Report,
    /// Under the other ones.
    pub after: Report,
    /// What is different.
    pub difference: Difference,
}

impl Compared {
    /// Compares two reports.
    pub fn new(before: Report, after: Report) -> Self {
        Self { difference: after.compare(&before), before, after }
    }

    /// All of it as JSON, with a line's end behind it.
    ///
    /// # Errors
    /// [`Error::Json`], never in practice.
    pub fn to_json(&self) -> Result<String, Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

impl Difference {
    /// Whether both came to the same.
    pub fn is_empty(&self) -> bool {
        self.figures.is_empty() && self.entries.is_empty()
    }
}

pub(super) fn compare(base: &Report, other: &Report) -> Difference {
    let (before, after) = (figures(base), figures(other));
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut difference = Difference::default();
    for path in paths {
        let (old, new) = (before.get(path), after.get(path));
        if old != new {
            difference.figures.insert(path.clone(), change(old, new));
        }
    }
    difference.entries = entries(base, other);
    difference
}

fn change(old: Option<&Json>, new: Option<&Json>) -> Change {
    let number = |value: Option<&Json>| value.map_or(Some(0.0), Json::as_f64);
    let delta = number(old).zip(number(new)).map(|(old, new)| new - old);
    Change { before: old.cloned().unwrap_or_default(), after: new.cloned().unwrap_or_default(), delta }
}

/// The figures of a report, each by its path. Lists are no figures; neither is what both must share.
fn figures(report: &Report) -> BTreeMap<String, Json> {
    let mut found = BTreeMap::new();
    if let Ok(Json::Object(parts)) = serde_json::to_value(report) {
        for (name, part) in parts {
            if !matches!(name.as_str(), "entries" | "format" | "input") {
                collect(&name, part, &mut found);
            }
        }
    }
    found
}

fn collect(path: &str, value: Json, found: &mut BTreeMap<String, Json>) {
    match value {
        Json::Object(parts) => {
            for (name, part) in parts {
                collect(&format!("{path} › {name}"), part, found);
            }
        }
        Json::Array(_) => {}
        leaf => {
            found.insert(path.to_owned(), leaf);
        }
    }
}

/// Entries are the same where customer, play, key and decision are; another time alone is no other entry.
fn entries(base: &Report, other: &Report) -> Vec<EntryChange> {
    let mut counts: BTreeMap<(&str, &str, &str, &str), i64> = BTreeMap::new();
    for (report, sign) in [(base, -1), (other, 1)] {
        for entry in &report.entries {
            *counts.entry(identity(entry)).or_default() += sign;
        }
    }
    let mut changes = Vec::new();
    for (report, sign, word) in [(base, -1_i64, "removed"), (other, 1, "added")] {
        for entry in &report.entries {
            if let Some(count) = counts.get_mut(&identity(entry)).filter(|count| count.signum() == sign) {
                *count -= sign;
                changes.push(EntryChange { change: word.to_owned(), entry: entry.clone() });
            }
        }
    }
    changes.sort_by(|a, b| (&a.entry, &a.change).cmp(&(&b.entry, &b.change)));
    changes
}

fn identity(entry: &Entry) -> (&str, &str, &str, &str) {
    (&entry.customer, &entry.play, &entry.key, &entry.decision)
}
