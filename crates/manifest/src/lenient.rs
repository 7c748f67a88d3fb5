//! Reads JSON into a type and finds everything that does not fit, not only the first thing.
//!
//! The type's own deserialiser stops at the first problem. So that problem is noted, its place is given something
//! that does fit, and the reading starts again. What comes of a document with problems is never used but for
//! finding the rest of them.

use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use serde_path_to_error::Segment;
use std::collections::BTreeMap;

use crate::problem::{At, nearest};

/// Readings of one document; each finds one problem, or tries one replacement.
const MAX_READINGS: usize = 200;

/// What a reading came to.
pub(crate) struct Reading<T> {
    /// The value; of use only for finding further problems where there are some already.
    pub(crate) value: Option<T>,
    /// Everything that does not fit.
    pub(crate) problems: Vec<At>,
}

/// Reads a value that stands at `base` in its document.
pub(crate) fn read<T: DeserializeOwned>(json: &Json, base: &str) -> Reading<T> {
    let mut patched = json.clone();
    let mut problems: Vec<At> = Vec::new();
    let mut replacements: BTreeMap<Vec<Step>, usize> = BTreeMap::new();
    for _ in 0..MAX_READINGS {
        let error = match serde_path_to_error::deserialize::<_, T>(&patched) {
            Ok(value) => return Reading { value: Some(value), problems },
            Err(error) => error,
        };
        let message = error.inner().to_string();
        let mut place = steps(error.path().iter());
        let fault = Fault::of(&message, &mut place);
        let tried = replacements.get(&place).copied();
        if tried.is_none() {
            problems.push(fault.problem(base, &place, &message));
        }
        if place.is_empty() {
            // Not even an object: there is nothing to look at in it.
            break;
        }
        if let Fault::UnknownField(_) = fault {
            if !remove(&mut patched, &place) {
                break;
            }
            continue;
        }
        let attempt = tried.unwrap_or(0);
        let Some(replacement) = replacement(&message, attempt) else { break };
        if !put(&mut patched, &place, replacement) {
            break;
        }
        replacements.insert(place, attempt + 1);
    }
    Reading { value: None, problems }
}

/// One step down into a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Key(String),
    Index(usize),
}

fn steps<'a>(segments: impl Iterator<Item = &'a Segment>) -> Vec<Step> {
    let step = |segment: &Segment| match segment {
        Segment::Map { key } => Some(Step::Key(key.clone())),
        Segment::Enum { variant } => Some(Step::Key(variant.clone())),
        Segment::Seq { index } => Some(Step::Index(*index)),
        Segment::Unknown => None,
    };
    segments.filter_map(step).collect()
}

enum Fault {
    UnknownField(Vec<String>),
    MissingField,
    Other,
}

impl Fault {
    /// What sort of problem it is; `place` becomes the place of the field itself.
    fn of(message: &str, place: &mut Vec<Step>) -> Self {
        let mut quoted = quoted(message);
        if message.starts_with("unknown field") && !quoted.is_empty() {
            let field = Step::Key(quoted.remove(0));
            if place.last() != Some(&field) {
                place.push(field);
            }
            return Self::UnknownField(quoted);
        }
        if message.starts_with("missing field") && !quoted.is_empty() {
            place.push(Step::Key(quoted.remove(0)));
            return Self::MissingField;
        }
        Self::Other
    }

    fn problem(&self, base: &str, place: &[Step], message: &str) -> At {
        let path = path(base, place);
        match self {
            Self::UnknownField(known) => {
                let field = match place.last() {
                    Some(Step::Key(field)) => field.as_str(),
                    Some(Step::Index(_)) | None => "",
                };
                let hint = match nearest(field, known.iter().map(String::as_str)) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None if known.is_empty() => String::new(),
                    None => format!("known here: {}", known.join(", ")),
                };
                At::new(path, "there is no such field").hint(hint)
            }
            Self::MissingField => At::new(path, "is required"),
            Self::Other => other(path, message),
        }
    }
}

fn other(path: String, message: &str) -> At {
    let known = quoted(message);
    if message.starts_with("unknown variant") && known.len() > 1 {
        let (word, known) = (&known[0], &known[1..]);
        let hint = match nearest(word, known.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => String::new(),
        };
        return At::new(path, format!("`{word}` is none of {}", known.join(", "))).hint(hint);
    }
    if message.starts_with("invalid value: map, expected map with a single key") {
        return At::new(path, "must say exactly one thing").hint("make each a step of its own");
    }
    At::new(path, plain(message))
}

/// The deserialiser's words for types, as people say them.
fn plain(message: &str) -> String {
    let Some((found, expected)) = message.rsplit_once("expected ") else { return message.to_owned() };
    let expected = match expected {
        "i32" | "u16" | "u32" | "u64" => "a whole number",
        "f64" => "a number",
        "a string" | "a borrowed string" => "a text",
        "a sequence" => "a list",
        "a map" => "an object",
        "a boolean" => "true or false",
        other if other.starts_with("struct ") => "an object",
        other if other.starts_with("enum ") || other.starts_with("string or map") => "a word, or an object",
        other => other,
    };
    format!("{found}expected {expected}")
}

/// The words in backquotes.
fn quoted(message: &str) -> Vec<String> {
    message.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn path(base: &str, place: &[Step]) -> String {
    let mut path = base.to_owned();
    for step in place {
        match step {
            Step::Index(index) => path.push_str(&format!("[{index}]")),
            Step::Key(key) if path.is_empty() => path.push_str(key),
            Step::Key(key) => {
                path.push('.');
                path.push_str(key);
            }
        }
    }
    path
}

/// Something that might fit where a problem was; `None` when all is tried.
fn replacement(message: &str, attempt: usize) -> Option<Json> {
    let mut candidates = vec![
        serde_json::json!("x"),
        serde_json::json!("1d"),
        serde_json::json!(1),
        serde_json::json!({}),
        serde_json::json!([]),
        serde_json::json!(true),
        serde_json::json!({ "exit": {} }),
        serde_json::json!({ "event": "x" }),
        serde_json::json!("09:00"),
        serde_json::json!("UTC"),
        serde_json::json!("env:X"),
    ];
    // A word from a fixed list is told by the message itself.
    let words = quoted(message);
    if message.contains("expected") || message.contains("is none of") {
        candidates.extend(words.into_iter().skip(1).take(4).map(Json::String));
    }
    candidates.into_iter().nth(attempt)
}

fn find<'a>(json: &'a mut Json, place: &[Step]) -> Option<&'a mut Json> {
    let mut at = json;
    for step in place {
        at = match step {
            Step::Key(key) => at.as_object_mut()?.get_mut(key)?,
            Step::Index(index) => at.as_array_mut()?.get_mut(*index)?,
        };
    }
    Some(at)
}

fn remove(json: &mut Json, place: &[Step]) -> bool {
    let Some((Step::Key(key), parent)) = place.split_last() else { return false };
    find(json, parent).and_then(Json::as_object_mut).is_some_and(|object| object.remove(key).is_some())
}

fn put(json: &mut Json, place: &[Step], value: Json) -> bool {
    let Some((last, parent)) = place.split_last() else {
        *json = value;
        return true;
    };
    match (last, find(json, parent)) {
        (Step::Key(key), Some(Json::Object(object))) => {
            object.insert(key.clone(), value);
            true
        }
        (Step::Index(index), Some(Json::Array(items))) if *index < items.len() => {
            items[*index] = value;
            true
        }
        _ => false,
    }
}
