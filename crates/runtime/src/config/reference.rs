//! The reference of settings, made from the types and their comments.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::Settings;

/// The settings of a section as rows of a Markdown table: name, variable, default, meaning.
pub fn reference<S: Settings>() -> String {
    let schema = schemars::schema_for!(S).to_value();
    let defaults = serde_json::to_value(S::default()).unwrap_or_default();
    let mut text = String::from("| setting | variable | default | meaning |\n|---|---|---|---|\n");
    rows(&schema, &schema, &defaults, "", &mut text);
    text
}

/// Follows a reference to a definition of the same document.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let target =
        |node: &'a Value| node.get("$ref")?.as_str()?.strip_prefix('#').and_then(|at| root.pointer(at));
    if let Some(target) = target(schema) {
        return target;
    }
    // An optional section is written as "one of these, or null".
    let options = schema.get("anyOf").and_then(Value::as_array);
    options.and_then(|options| options.iter().find_map(target)).unwrap_or(schema)
}

fn rows(root: &Value, schema: &Value, defaults: &Value, prefix: &str, text: &mut String) {
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    for (name, property) in properties {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        let resolved = resolve(root, property);
        let default = defaults.get(name).unwrap_or(&Value::Null);
        if resolved.get("properties").is_some() {
            rows(root, resolved, default, &path, text);
            continue;
        }
        let meaning = property.get("description").or_else(|| resolved.get("description"));
        let meaning = meaning.and_then(Value::as_str).unwrap_or_default();
        let meaning = meaning.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
        let variable = format!("ELATE_{}", path.replace('.', "__").to_uppercase());
        // Writing to a String does not fail.
        let _ = writeln!(text, "| `{path}` | `{variable}` | {} | {meaning} |", shown(default));
    }
}

fn shown(default: &Value) -> String {
    match default {
        Value::Null => "–".to_owned(),
        Value::String(text) if text.is_empty() => "–".to_owned(),
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}
