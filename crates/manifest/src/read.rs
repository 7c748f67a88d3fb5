//! Texts into documents.

use serde_json::Value as Json;

use crate::problem::{At, Problem};

/// Bytes of one text.
pub const MAX_BYTES: usize = 1 << 20;
/// Documents of one set.
pub const MAX_DOCUMENTS: usize = 2_000;
/// How deep a document may nest.
pub const MAX_DEPTH: usize = 32;
/// Values in one document.
pub const MAX_VALUES: usize = 50_000;

/// Reads YAML (of which JSON is a part) into documents; empty ones between separators are left out. Key order,
/// comments and anchors do not survive.
pub fn read(text: &str) -> Result<Vec<Json>, Vec<Problem>> {
    if text.len() > MAX_BYTES {
        let reason = format!("{} bytes are more than the {MAX_BYTES} that are allowed", text.len());
        return Err(vec![Problem::of_set(reason, "split it over several files")]);
    }
    let mut documents = Vec::new();
    let mut problems = Vec::new();
    for (index, document) in serde_yaml::Deserializer::from_str(text).enumerate() {
        if index >= MAX_DOCUMENTS {
            problems.push(Problem::of_set(format!("more than {MAX_DOCUMENTS} documents"), ""));
            break;
        }
        // By way of YAML's own value, which refuses a key that is given twice.
        match <serde_yaml::Value as serde::Deserialize>::deserialize(document) {
            Ok(serde_yaml::Value::Null) => {}
            Ok(value) => match to_json(value, "") {
                Ok(json) => documents.push(json),
                Err(problem) => problems.push(Problem::of_document(index, "", problem)),
            },
            Err(error) => {
                problems.push(Problem::of_document(index, "", At::new("", format!("not YAML: {error}"))));
                // What follows an error in the syntax cannot be told apart any more.
                break;
            }
        }
    }
    if problems.is_empty() { Ok(documents) } else { Err(problems) }
}

fn to_json(value: serde_yaml::Value, path: &str) -> Result<Json, At> {
    Ok(match value {
        serde_yaml::Value::Null => Json::Null,
        serde_yaml::Value::Bool(truth) => Json::Bool(truth),
        serde_yaml::Value::String(text) => Json::String(text),
        serde_yaml::Value::Number(number) => number_to_json(&number)
            .ok_or_else(|| At::new(path, format!("{number} is no number that JSON knows")))?,
        serde_yaml::Value::Sequence(items) => {
            let items = items.into_iter().enumerate();
            Json::Array(
                items.map(|(i, item)| to_json(item, &format!("{path}[{i}]"))).collect::<Result<_, _>>()?,
            )
        }
        serde_yaml::Value::Mapping(entries) => {
            let mut object = serde_json::Map::new();
            for (key, value) in entries {
                let key =
                    key_text(&key).ok_or_else(|| At::new(path, "a key is neither a text nor a number"))?;
                let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                object.insert(key, to_json(value, &inner)?);
            }
            Json::Object(object)
        }
        serde_yaml::Value::Tagged(tagged) => {
            return Err(At::new(path, format!("tags such as {} are not used here", tagged.tag)));
        }
    })
}

fn key_text(key: &serde_yaml::Value) -> Option<String> {
    match key {
        serde_yaml::Value::String(text) => Some(text.clone()),
        serde_yaml::Value::Number(number) => Some(number.to_string()),
        serde_yaml::Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

fn number_to_json(number: &serde_yaml::Number) -> Option<Json> {
    if let Some(number) = number.as_u64() {
        return Some(Json::from(number));
    }
    if let Some(number) = number.as_i64() {
        return Some(Json::from(number));
    }
    number.as_f64().and_then(serde_json::Number::from_f64).map(Json::Number)
}

/// Whether a document is within the limits of depth and size.
pub(crate) fn check_limits(document: &Json) -> Result<(), At> {
    let mut values = 0_usize;
    // Documents may come from a wire, so nothing here may recurse before the depth is known.
    let mut open: Vec<(&Json, usize)> = vec![(document, 1)];
    while let Some((value, depth)) = open.pop() {
        values += 1;
        if depth > MAX_DEPTH {
            return Err(At::new("", format!("nests deeper than {MAX_DEPTH} levels")));
        }
        if values > MAX_VALUES {
            return Err(At::new("", format!("has more than {MAX_VALUES} values")));
        }
        match value {
            Json::Array(items) => open.extend(items.iter().map(|item| (item, depth + 1))),
            Json::Object(object) => open.extend(object.values().map(|item| (item, depth + 1))),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
    }
    Ok(())
}
