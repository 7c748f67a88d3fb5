//! Moves on journeys: the line that each visit of an instance leaves, so that journeys can be looked at as they were.

use std::collections::BTreeMap;

use elate_domain::Timestamp;
use elate_manifest::expression::EventView;
use serde_json::Value as Json;
use uuid::Uuid;

use super::rows::{Owner, Row};
use super::state::JourneyInstance;
use super::turn::Turn;
use crate::metrics;

/// Lines of one instance that are kept. Further ones are counted, and left out.
pub const MAX_MOVES: u32 = 1_000;
/// Traits, and properties, that one line carries at most: the first ones by name.
pub const MAX_CARRIED: usize = 24;
/// Bytes of a name or value that is carried. What is longer is no segment.
pub const MAX_CARRIED_BYTES: usize = 64;

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MoveKind {
    /// The instance began here.
    Entered,
    /// To a later stage of the design.
    Forward,
    /// To another touchpoint of the same stage.
    Within,
    /// To an earlier stage of the design.
    Backward,
    /// To the touchpoint where it stood already.
    Repeated,
    /// The instance came to its end.
    Completed,
    /// Silent for longer than the definition allows.
    Abandoned,
}

impl MoveKind {
    /// Whether the line ends the instance, rather than being a visit.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Completed | Self::Abandoned)
    }
}

/// One line of an instance: a visit, or its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JourneyMoveRow {
    /// Whose.
    pub owner: Owner,
    /// The instance.
    pub instance_id: Uuid,
    /// From 1, in order of the log.
    pub sequence: u32,
    /// The Journey manifest.
    pub journey: String,
    /// When what began the instance happened.
    pub began_at: Timestamp,
    /// Log time.
    pub at: Timestamp,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// What it is about.
    pub kind: MoveKind,
    /// The stage from here on; the last one for an end.
    pub stage: String,
    /// The touchpoint visited, for an end the last one; empty for an entry that is no visit.
    pub touchpoint: String,
    /// What the instance can be divided by: `traits.NAME` as of the entry, `properties.NAME` of the event.
    pub carried: BTreeMap<String, String>,
}

/// What made a move.
#[derive(Clone, Copy)]
pub(super) struct Cause<'a> {
    pub(super) occurred_at: Timestamp,
    /// The touchpoint that was visited; empty for none.
    pub(super) touchpoint: &'a str,
    pub(super) event: Option<&'a EventView>,
    /// Of the customer, as they are now.
    pub(super) traits: Option<&'a Json>,
}

impl Cause<'_> {
    /// Nothing but time.
    pub(super) fn time(occurred_at: Timestamp) -> Self {
        Self { occurred_at, touchpoint: "", event: None, traits: None }
    }

    fn carried(&self, kind: MoveKind) -> BTreeMap<String, String> {
        let mut carried = BTreeMap::new();
        if kind.is_end() {
            return carried;
        }
        // Who the customer was at the entry is what the whole instance is counted under.
        if let Some(traits) = self.traits.filter(|_| kind == MoveKind::Entered) {
            carry(&mut carried, "traits", traits);
        }
        if let Some(event) = self.event {
            carry(&mut carried, "properties", event.properties.get());
        }
        carried
    }
}

/// Takes plain values over, the first ones by name.
fn carry(into: &mut BTreeMap<String, String>, group: &str, values: &Json) {
    let plain = values.as_object().into_iter().flatten().filter_map(|(name, value)| {
        let text = match value {
            Json::String(text) => text.clone(),
            Json::Bool(_) | Json::Number(_) => value.to_string(),
            Json::Null | Json::Array(_) | Json::Object(_) => return None,
        };
        let fits = !text.is_empty() && text.len() <= MAX_CARRIED_BYTES && name.len() <= MAX_CARRIED_BYTES;
        fits.then_some((name, text))
    });
    let plain: BTreeMap<&String, String> = plain.collect();
    into.extend(plain.into_iter().take(MAX_CARRIED).map(|(name, text)| (format!("{group}.{name}"), text)));
}

/// Leaves a line for a move of an instance.
pub(super) fn tell(turn: &mut Turn<'_>, instance: &mut JourneyInstance, kind: MoveKind, cause: &Cause<'_>) {
    // Of an instance that began before lines were kept, nobody knows how; half a way would look like a whole one.
    let Some(began_at) = instance.began_at else { return };
    instance.moves = instance.moves.saturating_add(1);
    // The end is always told: the last place is kept free for it.
    if instance.moves >= MAX_MOVES && !kind.is_end() {
        metrics::MOVES_LEFT_OUT.counter(metrics::NO_LABELS).increment(1);
        return;
    }
    let touchpoint = if kind.is_end() { &instance.touchpoint } else { cause.touchpoint };
    turn.row(Row::JourneyMove(JourneyMoveRow {
        owner: turn.owner.clone(),
        instance_id: instance.id,
        sequence: instance.moves,
        journey: instance.journey.clone(),
        began_at,
        at: turn.now,
        occurred_at: cause.occurred_at,
        kind,
        stage: instance.stage.clone(),
        touchpoint: touchpoint.to_owned(),
        carried: cause.carried(kind),
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn plain_values_are_carried_within_bounds() {
        let mut carried = BTreeMap::new();
        let values = json!({"device": "mobile", "total": 12.5, "gift": true, "none": null, "lines": [1],
                            "empty": "", "story": "x".repeat(MAX_CARRIED_BYTES + 1)});
        carry(&mut carried, "properties", &values);
        let told: Vec<_> = carried.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(told, ["properties.device=mobile", "properties.gift=true", "properties.total=12.5"]);
        let many: serde_json::Map<String, Json> = (0..100).map(|n| (format!("p{n:03}"), json!(n))).collect();
        let mut carried = BTreeMap::new();
        carry(&mut carried, "traits", &Json::Object(many));
        assert_eq!(carried.len(), MAX_CARRIED);
        assert!(carried.contains_key("traits.p000") && carried.contains_key("traits.p023"));
    }
}
