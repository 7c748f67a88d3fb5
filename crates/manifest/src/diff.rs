//! What changes from one set to another.

use std::fmt;

use serde_json::Value as Json;

use crate::{Document, Id, Set};

/// What becomes of one manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It says something else.
    Changed,
    /// It is gone.
    Deleted,
}

/// What changes with one manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The manifest.
    pub id: Id,
    /// What becomes of it.
    pub kind: ChangeKind,
    /// The values that differ, by path; for new and deleted manifests all of them.
    pub lines: Vec<Line>,
}

/// One value that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Where: `spec.steps[2].wait.for`.
    pub path: String,
    /// What stood there.
    pub before: Option<Json>,
    /// What stands there now.
    pub after: Option<Json>,
}

impl fmt::Display for Change {
    /// A first line with a sign, and one for each value that differs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.kind {
            ChangeKind::Added => '+',
            ChangeKind::Changed => '~',
            ChangeKind::Deleted => '-',
        };
        write!(f, "{sign} {}", self.id)?;
        if self.kind == ChangeKind::Changed {
            for line in &self.lines {
                write!(f, "\n    {line}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => write!(f, "~ {}: {before} -> {after}", self.path),
            (None, Some(after)) => write!(f, "+ {}: {after}", self.path),
            (Some(before), None) => write!(f, "- {}: {before}", self.path),
            (None, None) => write!(f, "  {}", self.path),
        }
    }
}

/// Everything that changes from `old` to `new`, by kind and name.
pub fn diff(old: &Set, new: &Set) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    for document in old.iter() {
        match new.get(&document.id) {
            None => changes.push(change(document, ChangeKind::Deleted, Some(document.json()), None)),
            Some(now) if now.json() != document.json() => {
                changes.push(change(now, ChangeKind::Changed, Some(document.json()), Some(now.json())));
            }
            Some(_) => {}
        }
    }
    for document in new.iter().filter(|document| old.get(&document.id).is_none()) {
        changes.push(change(document, ChangeKind::Added, None, Some(document.json())));
    }
    changes.sort_by(|a, b| a.id.cmp(&b.id));
    changes
}

fn change(document: &Document, kind: ChangeKind, before: Option<&Json>, after: Option<&Json>) -> Change {
    let mut lines = Vec::new();
    compare("", before, after, &mut lines);
    Change { id: document.id.clone(), kind, lines }
}

fn compare(path: &str, before: Option<&Json>, after: Option<&Json>, lines: &mut Vec<Line>) {
    if before == after {
        return;
    }
    // Objects and lists are walked where at least one side is one and the other is not something else.
    let objects = (before.and_then(Json::as_object), after.and_then(Json::as_object));
    let arrays = (before.and_then(Json::as_array), after.and_then(Json::as_array));
    match (objects, arrays) {
        ((Some(_), Some(_)), _) => compare_objects(path, before, after, lines),
        ((Some(object), None), _) if after.is_none() && !object.is_empty() => {
            compare_objects(path, before, after, lines)
        }
        ((None, Some(object)), _) if before.is_none() && !object.is_empty() => {
            compare_objects(path, before, after, lines)
        }
        (_, (Some(_), Some(_))) => compare_arrays(path, before, after, lines),
        (_, (Some(items), None)) if after.is_none() && !items.is_empty() => {
            compare_arrays(path, before, after, lines)
        }
        (_, (None, Some(items))) if before.is_none() && !items.is_empty() => {
            compare_arrays(path, before, after, lines)
        }
        _ => lines.push(Line { path: path.to_owned(), before: before.cloned(), after: after.cloned() }),
    }
}

fn compare_objects(path: &str, before: Option<&Json>, after: Option<&Json>, lines: &mut Vec<Line>) {
    let keys = |json: Option<&Json>| -> Vec<String> {
        json.and_then(Json::as_object).map(|object| object.keys().cloned().collect()).unwrap_or_default()
    };
    let mut all = keys(before);
    all.extend(keys(after));
    all.sort();
    all.dedup();
    for key in all {
        let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        compare(&inner, before.and_then(|json| json.get(&key)), after.and_then(|json| json.get(&key)), lines);
    }
}

fn compare_arrays(path: &str, before: Option<&Json>, after: Option<&Json>, lines: &mut Vec<Line>) {
    let length = |json: Option<&Json>| json.and_then(Json::as_array).map_or(0, Vec::len);
    for index in 0..length(before).max(length(after)) {
        let item = |json: Option<&'_ Json>| json.and_then(|json| json.get(index)).cloned();
        compare(&format!("{path}[{index}]"), item(before).as_ref(), item(after).as_ref(), lines);
    }
}
