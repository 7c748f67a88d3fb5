//! What is known of a customer: the traits that conditions and templates see, and the clock to go by.

use std::sync::Arc;

use elate_domain::system::PreferencesChanged;
use elate_domain::{Event, EventType};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// Names of traits that are kept at most.
const MAX_TRAITS: usize = 64;
/// Bytes of one trait, as JSON, at most.
const MAX_TRAIT_BYTES: usize = 1_024;
/// Characters of a trait's name at most.
const MAX_NAME: usize = 100;
/// The traits in which senders state a time zone.
const ZONE_TRAITS: [&str; 3] = ["time_zone", "timezone", "timeZone"];

/// What is known of a customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// A JSON object; shared, so that a step can look at it while the state changes.
    traits: Arc<Json>,
    /// Set as a preference; goes before every trait.
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<String>,
    /// Zone of the device that was last identified.
    #[serde(skip_serializing_if = "Option::is_none")]
    seen_zone: Option<String>,
    /// Traits that were too many or too large.
    #[serde(skip_serializing_if = "is_none_left_out")]
    left_out: u32,
}

fn is_none_left_out(count: &u32) -> bool {
    *count == 0
}

impl Default for Profile {
    fn default() -> Self {
        Self { traits: Arc::new(Json::Object(Map::new())), time_zone: None, seen_zone: None, left_out: 0 }
    }
}

impl Profile {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The traits, a JSON object.
    pub fn traits(&self) -> &Json {
        &self.traits
    }

    /// The traits, to be held while the state changes.
    pub fn shared(&self) -> Arc<Json> {
        Arc::clone(&self.traits)
    }

    /// The IANA name of the customer's zone, where one is known: as preferred, as a trait, as last seen.
    pub fn time_zone(&self) -> Option<&str> {
        let stated = || ZONE_TRAITS.iter().find_map(|name| self.traits.get(name)?.as_str());
        self.time_zone.as_deref().or_else(stated).or(self.seen_zone.as_deref())
    }

    /// Takes the traits of an identify event over. A trait of `null` is forgotten.
    pub fn identify(&mut self, event: &Event) {
        if event.event_type != EventType::Identify {
            return;
        }
        if let Json::Object(traits) = event.traits.value() {
            for (name, value) in traits {
                self.set(name, value);
            }
        }
        if event.context.is_empty() {
            return;
        }
        if let Some(Json::String(zone)) = event.context.value().get_mut("timezone").map(Json::take) {
            self.seen_zone = Some(zone).filter(|zone| zone.len() <= MAX_NAME);
        }
    }

    fn set(&mut self, name: String, value: Json) {
        if self.traits.get(&name) == Some(&value) {
            return;
        }
        let Json::Object(kept) = Arc::make_mut(&mut self.traits) else { return };
        if value.is_null() {
            kept.remove(&name);
            return;
        }
        let full = kept.len() >= MAX_TRAITS && !kept.contains_key(&name);
        if full || name.chars().count() > MAX_NAME || bytes(&value) > MAX_TRAIT_BYTES {
            self.left_out = self.left_out.saturating_add(1);
            return;
        }
        kept.insert(name, value);
    }

    /// Takes a preference over.
    pub fn prefer(&mut self, preferences: PreferencesChanged) {
        if let Some(zone) = preferences.time_zone {
            self.time_zone = Some(zone).filter(|zone| !zone.is_empty());
        }
    }

    /// Takes over what is not known here.
    pub fn merge(&mut self, other: Self) {
        for (name, value) in other.traits.as_object().into_iter().flatten() {
            if self.traits.get(name).is_none() {
                self.set(name.clone(), value.clone());
            }
        }
        self.time_zone = self.time_zone.take().or(other.time_zone);
        self.seen_zone = self.seen_zone.take().or(other.seen_zone);
    }
}

fn bytes(value: &Json) -> usize {
    // JSON of ours serialises without fail.
    serde_json::to_vec(value).map_or(0, |text| text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::world::{at, customer, event};
    use elate_domain::RawJson;
    use serde_json::json;

    fn identify(traits: Json, context: Json) -> Event {
        let mut identified = event(customer("ann"), "m", "", at("2026-03-02T12:00:00Z"), json!({}));
        identified.event_type = EventType::Identify;
        identified.traits = RawJson::of(&traits);
        identified.context = RawJson::of(&context);
        identified
    }

    #[test]
    fn traits_are_taken_over_forgotten_and_bounded() {
        let mut profile = Profile::default();
        profile.identify(&identify(json!({"tier": "gold", "name": "Ann"}), json!({})));
        profile.identify(&identify(json!({"tier": null, "story": "x".repeat(5_000)}), json!({})));
        assert_eq!(profile.traits(), &json!({"name": "Ann"}));
        for number in 0..200 {
            profile.identify(&identify(json!({format!("t{number}"): number}), json!({})));
        }
        assert_eq!(profile.traits().as_object().map(Map::len), Some(MAX_TRAITS));
        assert_eq!(profile.left_out, 1 + 200 - (MAX_TRAITS as u32 - 1));
    }

    #[test]
    fn a_preferred_zone_goes_before_a_stated_and_a_seen_one() {
        let mut profile = Profile::default();
        profile.identify(&identify(json!({}), json!({"timezone": "Europe/Vienna"})));
        assert_eq!(profile.time_zone(), Some("Europe/Vienna"));
        profile.identify(&identify(json!({"timezone": "Europe/Berlin"}), json!({"timezone": "Asia/Tokyo"})));
        assert_eq!(profile.time_zone(), Some("Europe/Berlin"));
        profile
            .prefer(PreferencesChanged { time_zone: Some("Europe/Rome".to_owned()), ..Default::default() });
        assert_eq!(profile.time_zone(), Some("Europe/Rome"));
        let mut survivor = Profile::default();
        survivor.merge(profile);
        assert_eq!(survivor.time_zone(), Some("Europe/Rome"));
    }
}
