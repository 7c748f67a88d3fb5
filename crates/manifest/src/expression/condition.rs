//! Conditions.

use std::borrow::Cow;
use std::fmt;

use cel::common::ast::{Expr, IdedExpr, LiteralValue};
use cel::common::types::CelBool;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::program::{CompileError, Program, Uses};
use super::scope::Scope;

/// What a condition came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holds {
    /// Whether it holds; false where it could not be told.
    pub holds: bool,
    /// Whether it could not be told: a property was missing or of another type. To be counted.
    pub failed: bool,
}

/// A condition on an event, a customer and the earlier steps of a match. Compiled once; cloning shares it.
#[derive(Clone)]
pub struct Condition(Program);

impl Condition {
    /// Compiles a condition.
    pub fn compile(text: &str) -> Result<Self, CompileError> {
        Program::compile(text).map(Self)
    }

    /// Whether it holds; a missing property or an error makes it false.
    pub fn holds(&self, scope: &Scope<'_>) -> bool {
        self.evaluate(scope).holds
    }

    /// Whether it holds, and whether that could be told. A failure is counted in the scope as well.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Holds {
        let result = self.0.evaluate(scope, |result| {
            result.ok().and_then(|value| value.downcast_ref::<CelBool>().map(|truth| *truth.inner()))
        });
        if result.is_none() {
            scope.count_failure();
        }
        Holds { holds: result.unwrap_or(false), failed: result.is_none() }
    }

    /// The variables that it reads.
    pub fn uses(&self) -> &Uses {
        self.0.uses()
    }

    /// Whether it is written down as false.
    pub(crate) fn is_never(&self) -> bool {
        matches!(&self.tree().expr, Expr::Literal(LiteralValue::Boolean(truth)) if !*truth.inner())
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

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Condition({:?})", self.text())
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::compile(&text).map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Condition {
    fn schema_name() -> Cow<'static, str> {
        "Condition".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "minLength": 1,
            "maxLength": super::limits::MAX_LENGTH,
            "description": "A CEL expression that is true or false.",
            "examples": ["event.properties.total >= 100"]
        })
    }
}
