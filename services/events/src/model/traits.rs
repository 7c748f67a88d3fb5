//! Traits of a customer: each the value of the newest identify that named it.

use std::collections::BTreeMap;

use elate_domain::{RawJson, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Traits with the times at which their values were said. Stored as JSON: `{"name": [value, milliseconds]}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Traits(BTreeMap<String, (Value, i64)>);

impl Traits {
    /// Reads what is stored; empty where it is broken.
    pub fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// As it is stored.
    pub fn write(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned())
    }

    /// Takes over what an identify said. Null takes a trait away, and is remembered so that older news don't bring it back.
    pub fn identify(&mut self, traits: &RawJson, occurred_at: Timestamp) {
        let said: BTreeMap<String, Value> = traits.read().unwrap_or_default();
        for (name, value) in said {
            self.set(name, value, occurred_at.0);
        }
    }

    /// Takes over the traits of a customer who was merged into this one.
    pub fn merge(&mut self, other: Self) {
        for (name, (value, at)) in other.0 {
            self.set(name, value, at);
        }
    }

    fn set(&mut self, name: String, value: Value, at: i64) {
        match self.0.get(&name) {
            Some((_, known)) if *known > at => {}
            _ => {
                self.0.insert(name, (value, at));
            }
        }
    }

    /// The traits as everybody else sees them.
    pub fn shown(&self) -> RawJson {
        let shown: BTreeMap<&String, &Value> = self
            .0
            .iter()
            .filter(|(_, (value, _))| !value.is_null())
            .map(|(name, (value, _))| (name, value))
            .collect();
        RawJson::of(&shown)
    }
}

#[cfg(test)]
mod tests {
    use super::Traits;
    use elate_domain::{RawJson, Timestamp};
    use serde_json::json;

    #[test]
    fn the_newest_word_on_each_trait_counts_in_whatever_order_they_come() {
        let said = [(1, json!({"a": 1, "b": 1})), (3, json!({"b": null})), (2, json!({"a": 2, "b": 2}))];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let mut traits = Traits::default();
            for i in order {
                traits.identify(&RawJson::of(&said[i].1), Timestamp(said[i].0));
            }
            assert_eq!(traits.shown().value(), json!({"a": 2}));
            assert_eq!(Traits::read(&traits.write()), traits);
        }
    }
}
