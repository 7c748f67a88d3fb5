//! JSON objects from outside, checked once.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// Keys that one object may have, nested ones included.
const MAX_KEYS: usize = 10_000;

/// Walks through a value without keeping it; answers how many keys it has.
struct Keys(usize);

struct Walk;

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Walk).map(Keys)
    }
}

impl<'de> Visitor<'de> for Walk {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<usize, E> {
        Ok(0)
    }
    fn visit_bool<E>(self, _: bool) -> Result<usize, E> {
        Ok(0)
    }
    fn visit_i64<E>(self, _: i64) -> Result<usize, E> {
        Ok(0)
    }
    fn visit_u64<E>(self, _: u64) -> Result<usize, E> {
        Ok(0)
    }
    fn visit_f64<E>(self, _: f64) -> Result<usize, E> {
        Ok(0)
    }
    fn visit_str<E>(self, _: &str) -> Result<usize, E> {
        Ok(0)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<usize, A::Error> {
        let mut keys = 0;
        while let Some(Keys(inner)) = items.next_element()? {
            keys += inner;
        }
        Ok(keys)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<usize, A::Error> {
        let mut keys = 0;
        // The key's text is walked over like a value.
        while let Some((Keys(_), Keys(inner))) = entries.next_entry()? {
            keys += 1 + inner;
        }
        Ok(keys)
    }
}

/// Checks that the bytes are one JSON object that everybody behind the edge can read (serde_json's own depth limit of
/// 128 included). Empty bytes stand for `{}`.
pub fn check_object(bytes: &[u8]) -> Result<(), String> {
    if bytes.is_empty() {
        return Ok(());
    }
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err("must be a JSON object".to_owned());
    }
    match serde_json::from_slice::<Keys>(bytes) {
        Ok(Keys(keys)) if keys > MAX_KEYS => Err(format!("has {keys} keys; {MAX_KEYS} are allowed")),
        Ok(_) => Ok(()),
        Err(error) => Err(format!("is no JSON object: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::check_object;

    #[test]
    fn only_objects_that_can_be_read_again_pass() {
        for good in ["", "{}", r#" {"a":[1,{"b":null}],"c":-1.5e3,"d":"\u00e9"}"#] {
            check_object(good.as_bytes()).unwrap();
        }
        let deep = format!("{}1{}", "{\"a\":".repeat(200), "}".repeat(200));
        let wide = format!("{{{}}}", (0..10_001).map(|i| format!("\"{i}\":1")).collect::<Vec<_>>().join(","));
        for bad in ["[]", "1", "{", "{\"a\":1}x", "{\"a\":1e999}", "{a:1}", deep.as_str(), wide.as_str()] {
            assert!(check_object(bad.as_bytes()).is_err(), "{} passed", &bad[..bad.len().min(20)]);
        }
        assert!(check_object(b"{\"a\":\"\xff\"}").is_err());
    }
}
