//! Merging the layers, and reading them so that one problem doesn't hide the others.

use std::path::Path;

use elate_domain::FieldError;
use serde_json::{Map, Value};
use serde_path_to_error::Segment;

use super::Settings;

/// Prefix of our variables.
const PREFIX: &str = "ELATE_";
/// More problems than this are not looked for.
const MAX_PROBLEMS: usize = 100;

/// The layers, merged so far.
#[derive(Debug, Default)]
pub struct Layers {
    merged: Map<String, Value>,
    problems: Vec<FieldError>,
}

fn object<T: serde::Serialize>(value: &T) -> Map<String, Value> {
    // Settings are structs with text keys, which serialise without fail.
    match serde_json::to_value(value) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

fn merge(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                merge(under.entry(key).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over,
    }
}

impl Layers {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn put(&mut self, layer: Map<String, Value>) {
        for (key, value) in layer {
            merge(self.merged.entry(key).or_insert(Value::Null), value);
        }
    }

    /// The defaults of a section.
    pub fn defaults<S: Settings>(&mut self, section: &S) {
        self.put(object(section));
    }

    /// A YAML file.
    pub fn file(&mut self, path: &Path) {
        let problem = |reason: String| FieldError::new(path.display().to_string(), reason);
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return self.problems.push(problem(format!("can't be read: {error}"))),
        };
        match serde_yaml::from_str(&text) {
            Ok(Value::Object(map)) => self.put(map),
            Ok(Value::Null) => {}
            Ok(_) => self.problems.push(problem("is no mapping of settings".to_owned())),
            Err(error) => self.problems.push(problem(format!("is no YAML: {error}"))),
        }
    }

    /// The environment; variables that aren't ours are passed over.
    pub fn environment(&mut self, variables: impl IntoIterator<Item = (String, String)>) {
        let mut variables: Vec<_> = variables.into_iter().collect();
        variables.sort();
        for (name, text) in variables {
            let Some(rest) = name.strip_prefix(PREFIX) else { continue };
            let path = rest.to_ascii_lowercase();
            if path.starts_with("test_") || !(path.contains("__") || self.merged.contains_key(&path)) {
                continue;
            }
            let keys: Vec<&str> = path.split("__").collect();
            let value = typed(lookup(&self.merged, &keys), &text);
            let nested = keys
                .iter()
                .rev()
                .fold(value, |inner, key| Value::Object(Map::from_iter([((*key).to_owned(), inner)])));
            if let Value::Object(layer) = nested {
                self.put(layer);
            }
        }
    }

    /// The part that belongs to the process, and the rest, which belongs to its component.
    pub fn split<P: Settings>(&mut self) -> (Value, Value) {
        let known = object(&P::default());
        let (mut process, mut component) = (Map::new(), Map::new());
        for (key, value) in std::mem::take(&mut self.merged) {
            let part = if known.contains_key(&key) { &mut process } else { &mut component };
            part.insert(key, value);
        }
        (Value::Object(process), Value::Object(component))
    }

    /// What was wrong with the layers themselves.
    pub fn into_problems(self) -> Vec<FieldError> {
        self.problems
    }
}

fn lookup<'a>(map: &'a Map<String, Value>, keys: &[&str]) -> Option<&'a Value> {
    let (first, rest) = keys.split_first()?;
    let value = map.get(*first)?;
    if rest.is_empty() { Some(value) } else { lookup(value.as_object()?, rest) }
}

/// A variable's text as the kind of value that stands there by default. Texts stay texts: a password `007` is no number.
fn typed(default: Option<&Value>, text: &str) -> Value {
    match default {
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            serde_yaml::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
        }
        _ => Value::String(text.to_owned()),
    }
}

/// Reads a section. Each problem is noted, the value at its place is replaced by the default, and reading goes on.
pub(super) fn read<S: Settings>(mut value: Value, problems: &mut Vec<FieldError>) -> Option<S> {
    let defaults = Value::Object(object(&S::default()));
    let before = problems.len();
    for _ in 0..MAX_PROBLEMS {
        match serde_path_to_error::deserialize::<_, S>(&value) {
            Ok(section) => {
                problems.extend(section.problems());
                return (problems.len() == before).then_some(section);
            }
            Err(error) => {
                let mut keys: Vec<String> = error.path().iter().filter_map(key).collect();
                let reason = error.inner().to_string();
                if let Some(unknown) = unknown_field(&reason)
                    && keys.last().map(String::as_str) != Some(unknown)
                {
                    keys.push(unknown.to_owned());
                }
                if retry_as_scalar(&mut value, &keys) {
                    continue;
                }
                problems.push(FieldError::new(keys.join("."), plain(&reason)));
                if !replace(&mut value, &keys, defaults.pointer(&pointer(&keys)).cloned()) {
                    return None;
                }
            }
        }
    }
    None
}

fn key(segment: &Segment) -> Option<String> {
    match segment {
        Segment::Map { key } => Some(key.clone()),
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Enum { .. } | Segment::Unknown => None,
    }
}

fn unknown_field(reason: &str) -> Option<&str> {
    reason.strip_prefix("unknown field `")?.split('`').next()
}

fn plain(reason: &str) -> String {
    match unknown_field(reason) {
        Some(_) => {
            let expected = reason.split_once("expected ").map_or("nothing", |(_, rest)| rest);
            format!("is unknown; there are {}", expected.trim_start_matches("one of "))
        }
        None => reason.to_owned(),
    }
}

fn pointer(keys: &[String]) -> String {
    keys.iter().map(|key| format!("/{}", key.replace('~', "~0").replace('/', "~1"))).collect()
}

/// An optional setting has no default that tells its type, so its variable was taken as a text: `8` may yet be a number.
fn retry_as_scalar(value: &mut Value, keys: &[String]) -> bool {
    let Some(place) = value.pointer_mut(&pointer(keys)) else { return false };
    let Value::String(text) = place else { return false };
    match serde_yaml::from_str::<Value>(text) {
        Ok(scalar @ (Value::Bool(_) | Value::Number(_))) => {
            *place = scalar;
            true
        }
        _ => false,
    }
}

/// Puts the default in place of what was wrong, or takes it away. Whether something changed.
fn replace(value: &mut Value, keys: &[String], default: Option<Value>) -> bool {
    let Some((last, parents)) = keys.split_last() else { return false };
    let Some(parent) = value.pointer_mut(&pointer(parents)) else { return false };
    match (parent, default) {
        (Value::Object(map), Some(default)) => map.insert(last.clone(), default.clone()) != Some(default),
        (Value::Object(map), None) => map.remove(last).is_some(),
        (other, _) => {
            let whole = Value::Null;
            std::mem::replace(other, whole.clone()) != whole
        }
    }
}
