//! Expressions that result in a number, a duration, a time, a text or any JSON.

use std::borrow::Cow;
use std::fmt;

use cel::common::ast::IdedExpr;
use cel::common::types::{CelBool, CelDouble, CelDuration, CelInt, CelString, CelTimestamp, CelUInt};
use cel::common::value::Val;
use elate_domain::{Better, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::convert;
use super::program::{CompileError, Program, Uses};
use super::scope::Scope;

/// Why there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Miss {
    /// A property was missing, or the evaluation failed.
    #[error("a property is missing, or the evaluation failed")]
    Failed,
    /// It came to `null`: the value is known to be absent.
    #[error("the value is null")]
    Null,
    /// It came to something of another type.
    #[error("the value is of another type")]
    Type,
}

/// Something that can be compared and has a distance: what experiences and expectations are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// A plain number.
    Number(f64),
    /// A span of time in milliseconds.
    Duration(i64),
    /// An instant.
    Time(Timestamp),
}

impl Quantity {
    /// The quantity as a number: milliseconds for durations, and since 1970 for times.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Number(number) => number,
            Self::Duration(millis) => millis as f64,
            Self::Time(time) => time.0 as f64,
        }
    }

    /// Whether the direction fits the kind: numbers and durations are higher or lower, times earlier or later.
    pub fn fits(self, better: Better) -> bool {
        match better {
            Better::Earlier | Better::Later => matches!(self, Self::Time(_)),
            Better::Higher | Better::Lower => !matches!(self, Self::Time(_)),
        }
    }
}

/// An expression with a result. Compiled once; cloning shares it.
#[derive(Clone)]
pub struct Value(Program);

impl Value {
    /// Compiles an expression.
    pub fn compile(text: &str) -> Result<Self, CompileError> {
        Program::compile(text).map(Self)
    }

    /// The result as a number, a duration or a time. A text is read as an RFC 3339 time where it is one.
    pub fn quantity(&self, scope: &Scope<'_>) -> Result<Quantity, Miss> {
        self.read(scope, |value| {
            number(value)
                .map(Quantity::Number)
                .or_else(|| duration(value).map(Quantity::Duration))
                .or_else(|| time(value).map(Quantity::Time))
        })
    }

    /// The result as a number.
    pub fn number(&self, scope: &Scope<'_>) -> Result<f64, Miss> {
        self.read(scope, number)
    }

    /// The result as a duration in milliseconds.
    pub fn duration(&self, scope: &Scope<'_>) -> Result<i64, Miss> {
        self.read(scope, duration)
    }

    /// The result as a time; an RFC 3339 text is read as one.
    pub fn time(&self, scope: &Scope<'_>) -> Result<Timestamp, Miss> {
        self.read(scope, time)
    }

    /// The result as a text: texts as they are, numbers and truth values as they are written, times as RFC 3339.
    /// Correlation keys are read in this way, so the order ids `4711` and `"4711"` are the same.
    pub fn text_of(&self, scope: &Scope<'_>) -> Result<String, Miss> {
        self.read(scope, text)
    }

    /// The result as JSON.
    pub fn json(&self, scope: &Scope<'_>) -> Result<serde_json::Value, Miss> {
        self.read(scope, |value| convert::to_json(value, 0))
    }

    fn read<T>(&self, scope: &Scope<'_>, convert: impl FnOnce(&dyn Val) -> Option<T>) -> Result<T, Miss> {
        let result = self.0.evaluate(scope, |result| match result {
            Err(_) => Err(Miss::Failed),
            Ok(value) => match convert(value.as_ref()) {
                Some(converted) => Ok(converted),
                None if convert::is_null(value.as_ref()) => Err(Miss::Null),
                None => Err(Miss::Type),
            },
        });
        if matches!(result, Err(Miss::Failed | Miss::Type)) {
            scope.count_failure();
        }
        result
    }

    /// The variables that it reads.
    pub fn uses(&self) -> &Uses {
        self.0.uses()
    }

    /// Its parts, for checks of what they may come to.
    pub(crate) fn tree(&self) -> &IdedExpr {
        self.0.tree()
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        self.0.text()
    }
}

fn number(value: &dyn Val) -> Option<f64> {
    let double = value.downcast_ref::<CelDouble>().map(|d| *d.inner());
    double
        .or_else(|| value.downcast_ref::<CelInt>().map(|i| *i.inner() as f64))
        .or_else(|| value.downcast_ref::<CelUInt>().map(|u| *u.inner() as f64))
        .filter(|number| number.is_finite())
}

fn duration(value: &dyn Val) -> Option<i64> {
    value.downcast_ref::<CelDuration>().map(|span| span.inner().num_milliseconds())
}

fn time(value: &dyn Val) -> Option<Timestamp> {
    if let Some(time) = value.downcast_ref::<CelTimestamp>() {
        return Some(Timestamp(time.inner().timestamp_millis()));
    }
    value.downcast_ref::<CelString<'_>>().and_then(|text| Timestamp::parse(text.inner()))
}

fn text(value: &dyn Val) -> Option<String> {
    if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        return Some(text.inner().to_owned());
    }
    if let Some(truth) = value.downcast_ref::<CelBool>() {
        return Some(truth.inner().to_string());
    }
    if let Some(time) = value.downcast_ref::<CelTimestamp>() {
        return Some(Timestamp(time.inner().timestamp_millis()).to_string());
    }
    // `Display` writes 4711.0 as 4711, as JSON has it.
    number(value).map(|number| number.to_string())
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({:?})", self.text())
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::compile(&text).map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Value {
    fn schema_name() -> Cow<'static, str> {
        "Value".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "minLength": 1,
            "maxLength": super::limits::MAX_LENGTH,
            "description": "A CEL expression that results in a number, a duration, a time or a text.",
            "examples": ["event.occurred_at", "ordered.occurred_at + duration('120h')"]
        })
    }
}
