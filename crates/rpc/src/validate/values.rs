//! Single values.

use elate_domain::{CustomerId, FieldError, RawJson, Timestamp};
use serde::de::IgnoredAny;

type Result<T> = std::result::Result<T, FieldError>;

/// A field that must be there.
pub fn required<T>(field: &str, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| FieldError::new(field, "is required"))
}

/// A text of 1 to `max` characters.
pub fn text(field: &str, value: String, max: usize) -> Result<String> {
    optional_text(field, value, max)?.ok_or_else(|| FieldError::new(field, "is required"))
}

/// A text of at most `max` characters; `None` where it is empty.
pub fn optional_text(field: &str, value: String, max: usize) -> Result<Option<String>> {
    // Characters are at most as many as bytes, so most texts need no count.
    if value.len() > max && value.chars().count() > max {
        return Err(FieldError::new(field, format!("is longer than {max} characters")));
    }
    if value.contains('\0') {
        // PostgreSQL can't store it in a text.
        return Err(FieldError::new(field, "holds a NUL character"));
    }
    Ok((!value.is_empty()).then_some(value))
}

/// An id such as a workspace's or a source's.
pub fn slug<T>(field: &str, value: String) -> Result<T>
where
    T: TryFrom<String, Error = elate_domain::InvalidId>,
{
    T::try_from(value).map_err(|error| FieldError::new(field, error.reason))
}

/// Elate's id of a customer.
pub fn customer_id(field: &str, value: &str) -> Result<CustomerId> {
    let id: CustomerId =
        value.parse().map_err(|error: elate_domain::InvalidId| FieldError::new(field, error.reason))?;
    if id.is_none() { Err(FieldError::new(field, "is the nil UUID, which is nobody's")) } else { Ok(id) }
}

/// The id with which a caller makes a repeat harmless: at most 100 visible ASCII characters; `None` where it is empty.
pub fn request_id(field: &str, value: String) -> Result<Option<String>> {
    let value = optional_text(field, value, 100)?;
    match value {
        Some(id) if !id.bytes().all(|b| b.is_ascii_graphic()) => {
            Err(FieldError::new(field, "may hold only visible ASCII characters"))
        }
        other => Ok(other),
    }
}

/// An instant.
pub fn timestamp(field: &str, value: prost_types::Timestamp) -> Result<Timestamp> {
    if !(0..1_000_000_000).contains(&value.nanos) {
        return Err(FieldError::new(field, "has nanoseconds outside 0 to 999999999"));
    }
    // Years 1 to 9999, as google.protobuf.Timestamp defines it; within, milliseconds don't overflow.
    if !(-62_135_596_800..=253_402_300_799).contains(&value.seconds) {
        return Err(FieldError::new(field, "lies outside the years 1 to 9999"));
    }
    Ok(Timestamp(value.seconds * 1000 + i64::from(value.nanos / 1_000_000)))
}

/// An instant as the contracts write it.
pub fn proto_timestamp(time: Timestamp) -> prost_types::Timestamp {
    let nanos = time.0.rem_euclid(1000) * 1_000_000;
    prost_types::Timestamp {
        seconds: time.0.div_euclid(1000),
        nanos: i32::try_from(nanos).unwrap_or_default(),
    }
}

/// A JSON object as raw bytes, checked and not copied. Empty stands for `{}`.
pub fn json_object(field: &str, bytes: bytes::Bytes) -> Result<RawJson> {
    if bytes.is_empty() {
        return Ok(RawJson::default());
    }
    if bytes.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'{') {
        return Err(FieldError::new(field, "is no JSON object"));
    }
    serde_json::from_slice::<IgnoredAny>(&bytes)
        .map_err(|error| FieldError::new(field, format!("is no JSON: {error}")))?;
    Ok(RawJson::from_trusted(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_counted_in_characters() {
        assert_eq!(text("f", "éé".to_owned(), 2).unwrap(), "éé");
        assert_eq!(text("f", "ééé".to_owned(), 2).unwrap_err().reason, "is longer than 2 characters");
        assert_eq!(text("f", String::new(), 2).unwrap_err().reason, "is required");
        assert!(text("f", "a\0".to_owned(), 9).is_err());
    }

    #[test]
    fn instants_survive_and_are_bounded() {
        for millis in [0, -1, 1_772_000_000_123, -62_135_596_800_000] {
            assert_eq!(timestamp("f", proto_timestamp(Timestamp(millis))), Ok(Timestamp(millis)));
        }
        assert!(timestamp("f", prost_types::Timestamp { seconds: i64::MAX, nanos: 0 }).is_err());
        assert!(timestamp("f", prost_types::Timestamp { seconds: 0, nanos: -1 }).is_err());
    }

    #[test]
    fn only_objects_are_objects() {
        assert!(json_object("f", r#" {"a": 1}"#.into()).is_ok());
        assert!(json_object("f", "".into()).unwrap().is_empty());
        for bad in ["[]", "1", "{", "{\"a\":}", "\"{}\"", "{} {}"] {
            assert!(json_object("f", bad.into()).is_err(), "{bad}");
        }
    }
}
