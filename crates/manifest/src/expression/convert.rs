//! JSON as CEL values and back. Objects are looked into without being converted; lists are converted when an
//! expression walks over them.

use std::sync::OnceLock;

use cel::ExecutionError;
use cel::common::traits::{Container, Indexer, Iterable, Iterator as CelIterator, Sizer};
use cel::common::types::{
    CelBool, CelDouble, CelDuration, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelTimestamp,
    MAP_TYPE, NULL_TYPE, Type,
};
use cel::common::value::{CowVal, Val};
use elate_domain::Timestamp;
use serde_json::Value as Json;

use super::limits::{MAX_ELEMENTS, MAX_JSON_DEPTH};

/// A JSON value for an expression; an error where a list is too long.
pub(super) fn from_json<'v>(json: &'v Json) -> Result<Box<dyn Val + 'v>, ExecutionError> {
    Ok(match json {
        Json::Null => Box::new(CelNull),
        Json::Bool(truth) => Box::new(CelBool::from(*truth)),
        Json::Number(number) => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN))),
        Json::String(text) => Box::new(CelString::from(text.as_str())),
        Json::Array(items) => {
            if items.len() > MAX_ELEMENTS {
                return Err(too_large());
            }
            Box::new(CelList::from(items.iter().map(from_json).collect::<Result<Vec<_>, _>>()?))
        }
        Json::Object(object) => Box::new(Object::new(object)),
    })
}

/// A time for an expression; an error outside the years 1 to 9999.
pub(super) fn from_time<'v>(time: Timestamp) -> Option<Box<dyn Val + 'v>> {
    let time = time.to_datetime()?;
    Some(Box::new(CelTimestamp::from(time.fixed_offset())))
}

fn too_large() -> ExecutionError {
    ExecutionError::function_error("json", format!("more than {MAX_ELEMENTS} elements"))
}

/// Something with named fields that are made when they are asked for.
pub(super) trait Fields: std::fmt::Debug + Send + Sync + Copy {
    fn field<'v>(self, name: &str) -> Result<Option<Box<dyn Val + 'v>>, ExecutionError>
    where
        Self: 'v;
    fn names<'v>(self) -> Vec<&'v str>
    where
        Self: 'v;
    fn len(self) -> usize;
}

impl Fields for &serde_json::Map<String, Json> {
    fn field<'v>(self, name: &str) -> Result<Option<Box<dyn Val + 'v>>, ExecutionError>
    where
        Self: 'v,
    {
        self.get(name).map(from_json).transpose()
    }

    fn names<'v>(self) -> Vec<&'v str>
    where
        Self: 'v,
    {
        self.keys().map(String::as_str).collect()
    }

    fn len(self) -> usize {
        serde_json::Map::len(self)
    }
}

/// A CEL map over anything with fields.
#[derive(Debug)]
pub(super) struct Object<F> {
    fields: F,
    // Only what walks over the keys needs them as values.
    keys: OnceLock<Vec<CelString<'static>>>,
}

impl<F: Fields> Object<F> {
    pub(super) fn new(fields: F) -> Self {
        Self { fields, keys: OnceLock::new() }
    }

    fn find<'v>(&self, key: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        F: 'v,
    {
        let name =
            key.downcast_ref::<CelString<'_>>().ok_or_else(|| ExecutionError::no_such_key("not a text"))?;
        self.fields.field(name.inner())?.ok_or_else(|| ExecutionError::no_such_key(name.inner()))
    }

    fn keys(&self) -> &[CelString<'static>] {
        self.keys.get_or_init(|| self.fields.names().into_iter().map(|name| name.to_owned().into()).collect())
    }
}

impl<F: Fields> Val for Object<F> {
    fn get_type(&self) -> &Type {
        &MAP_TYPE
    }
    fn cel_type() -> &'static Type {
        &MAP_TYPE
    }
    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }
    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }
    fn into_indexer<'v>(self: Box<Self>) -> Option<Box<dyn Indexer + 'v>>
    where
        Self: 'v,
    {
        Some(self)
    }
    fn as_iterable<'b, 'v>(&'b self) -> Option<&'b (dyn Iterable + 'v)>
    where
        Self: 'v,
    {
        if self.fields.len() > MAX_ELEMENTS { None } else { Some(self) }
    }
    fn as_sizer(&self) -> Option<&dyn Sizer> {
        Some(self)
    }
    fn equals(&self, other: &dyn Val) -> bool {
        // By way of JSON: rare, and so bounded in depth and size like everything that is looked at as a whole.
        matches!((to_json(self, 0), to_json(other, 0)), (Some(ours), Some(theirs)) if ours == theirs)
    }
    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(Self::new(self.fields))
    }
}

impl<F: Fields> Container for Object<F> {
    fn contains(&self, key: &dyn Val) -> Result<bool, ExecutionError> {
        Ok(self.find(key).is_ok())
    }
}

impl<F: Fields> Indexer for Object<F> {
    fn get<'b, 'v>(&'b self, key: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.find(key).map(CowVal::Owned)
    }
    fn steal<'v>(self: Box<Self>, key: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.find(key)
    }
}

impl<F: Fields> Sizer for Object<F> {
    fn size(&self) -> CelInt {
        i64::try_from(self.fields.len()).unwrap_or(i64::MAX).into()
    }
}

impl<F: Fields> Iterable for Object<F> {
    fn iter<'b, 'v>(&'b self) -> Box<dyn CelIterator<'b, 'v> + 'b>
    where
        Self: 'v,
    {
        Box::new(Keys(self.keys().iter()))
    }
}

struct Keys<'b>(std::slice::Iter<'b, CelString<'static>>);

impl<'b, 'v> CelIterator<'b, 'v> for Keys<'b> {
    fn next(&mut self) -> Option<&'b (dyn Val + 'v)> {
        self.0.next().map(|key| key as &(dyn Val + 'v))
    }
}

/// Whether a value is `null`.
pub(super) fn is_null(value: &dyn Val) -> bool {
    value.get_type() == &NULL_TYPE
}

/// A result as JSON; `None` where JSON has no such thing, or it is too large or too deep.
pub(super) fn to_json(value: &dyn Val, depth: usize) -> Option<Json> {
    if depth > MAX_JSON_DEPTH {
        return None;
    }
    if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        return Some(Json::from(text.inner()));
    }
    if let Some(number) = value.downcast_ref::<CelDouble>() {
        return number_to_json(*number.inner());
    }
    if let Some(number) = value.downcast_ref::<CelInt>() {
        return Some(Json::from(*number.inner()));
    }
    if let Some(truth) = value.downcast_ref::<CelBool>() {
        return Some(Json::from(*truth.inner()));
    }
    if let Some(time) = value.downcast_ref::<CelTimestamp>() {
        return Some(Json::from(Timestamp(time.inner().timestamp_millis()).to_string()));
    }
    if let Some(span) = value.downcast_ref::<CelDuration>() {
        // As protobuf's JSON has it: seconds with a fraction.
        return Some(Json::from(format!("{}s", span.inner().num_milliseconds() as f64 / 1000.0)));
    }
    if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        return list
            .inner()
            .iter()
            .map(|item| to_json(item.as_ref(), depth + 1))
            .collect::<Option<_>>()
            .map(Json::Array);
    }
    if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
        return map_to_json(map, depth);
    }
    if is_null(value) { Some(Json::Null) } else { object_to_json(value, depth) }
}

/// Whole numbers are written as such, so that `3` stays `3`.
fn number_to_json(number: f64) -> Option<Json> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        return Some(Json::from(number as i64));
    }
    serde_json::Number::from_f64(number).map(Json::Number)
}

fn map_to_json(map: &CelMap<'_>, depth: usize) -> Option<Json> {
    let mut object = serde_json::Map::new();
    for (key, value) in map.inner() {
        object.insert(key_text(key)?, to_json(value.as_ref(), depth + 1)?);
    }
    Some(Json::Object(object))
}

fn key_text(key: &CelMapKey<'_>) -> Option<String> {
    key.inner().downcast_ref::<CelString<'_>>().map(|text| text.inner().to_owned())
}

fn object_to_json(value: &dyn Val, depth: usize) -> Option<Json> {
    let indexer = value.as_indexer()?;
    let mut keys = value.as_iterable()?.iter();
    let mut object = serde_json::Map::new();
    while let Some(key) = keys.next() {
        let name = key.downcast_ref::<CelString<'_>>()?.inner().to_owned();
        let field = indexer.get(key).ok()?;
        object.insert(name, to_json(field.as_ref(), depth + 1)?);
    }
    Some(Json::Object(object))
}
