//! Which segments a customer belongs to: one value of each trait that the workspace tells customers apart by.

use std::collections::BTreeMap;

use elate_domain::{Event, EventType};
use elate_manifest::spec::ScoreSegment;
use serde::{Deserialize, Serialize};

/// The value of customers who have another one than those listed.
pub const OTHER: &str = "(other)";
/// The value of customers of whom none is known.
pub const NONE: &str = "(none)";

/// One trait with one value. Everybody is in the empty segment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Segment {
    /// The trait; empty for everybody.
    pub trait_name: String,
    /// Its value, as listed, or [`OTHER`] or [`NONE`].
    pub value: String,
}

/// Takes over what an identify call says about the traits asked for; answers whether anything changed. A trait that
/// is not mentioned stays as it was, null takes it away.
pub fn learn(known: &mut BTreeMap<String, String>, asked: &[ScoreSegment], event: &Event) -> bool {
    if asked.is_empty() || event.event_type != EventType::Identify {
        return false;
    }
    let Ok(traits) = event.traits.read::<serde_json::Map<String, serde_json::Value>>() else { return false };
    let mut changed = false;
    for segment in asked {
        let Some(value) = traits.get(&segment.trait_name) else { continue };
        changed |= match label(segment, value) {
            Some(label) => known.insert(segment.trait_name.clone(), label.clone()) != Some(label),
            None => known.remove(&segment.trait_name).is_some(),
        };
    }
    changed
}

fn label(segment: &ScoreSegment, value: &serde_json::Value) -> Option<String> {
    let text = match value {
        serde_json::Value::Null => return None,
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Bool(_) | serde_json::Value::Number(_) => value.to_string(),
        serde_json::Value::Array(_) | serde_json::Value::Object(_) => return Some(OTHER.to_owned()),
    };
    Some(if segment.values.contains(&text) { text } else { OTHER.to_owned() })
}

/// The segments of a customer, one to each trait asked for, in the order of the manifest.
pub fn of(known: &BTreeMap<String, String>, asked: &[ScoreSegment]) -> Vec<Segment> {
    let segment = |asked: &ScoreSegment| Segment {
        trait_name: asked.trait_name.clone(),
        value: known.get(&asked.trait_name).cloned().unwrap_or_else(|| NONE.to_owned()),
    };
    asked.iter().map(segment).collect()
}

/// Segments as one text, a line each, for a column.
pub fn to_text(segments: &[Segment]) -> String {
    let lines: Vec<String> = segments.iter().map(|s| format!("{}={}", s.trait_name, s.value)).collect();
    lines.join("\n")
}

/// The segments of a column; traits hold no equals sign.
pub fn from_text(text: &str) -> Vec<Segment> {
    let segment = |line: &str| {
        let (trait_name, value) = line.split_once('=')?;
        Some(Segment { trait_name: trait_name.to_owned(), value: value.to_owned() })
    };
    text.lines().filter_map(segment).collect()
}
