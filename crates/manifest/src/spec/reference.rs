//! Settings and secrets that a manifest takes from where the service runs.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A setting: the text itself, or `env:NAME`, or `env:NAME|default`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting(String);

impl Setting {
    /// A setting as written.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// As written.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The setting's value. `variable` looks up an environment variable; `None` where it is not set and there is
    /// no default.
    pub fn resolve(&self, variable: impl Fn(&str) -> Option<String>) -> Option<String> {
        let Some(reference) = self.0.strip_prefix("env:") else { return Some(self.0.clone()) };
        match reference.split_once('|') {
            Some((name, default)) => Some(variable(name).unwrap_or_else(|| default.to_owned())),
            None => variable(reference),
        }
    }

    /// What is wrong with it, if something is.
    pub(crate) fn problem(&self) -> Option<String> {
        let reference = self.0.strip_prefix("env:")?;
        let name = reference.split_once('|').map_or(reference, |(name, _)| name);
        (!is_variable(name)).then(|| format!("{name:?} is no name of an environment variable"))
    }
}

impl Serialize for Setting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Setting {
    /// Reads a text; a number, as ports are written, becomes one.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = Setting;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, `env:NAME` or `env:NAME|default`")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Setting, E> {
                let setting = Setting(text.to_owned());
                setting.problem().map_or(Ok(setting), |problem| Err(E::custom(problem)))
            }
            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Setting, E> {
                Ok(Setting(number.to_string()))
            }
        }
        deserializer.deserialize_any(Text)
    }
}

impl JsonSchema for Setting {
    fn schema_name() -> Cow<'static, str> {
        "Setting".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "oneOf": [{ "type": "string" }, { "type": "integer", "minimum": 0 }],
            "description": "A text, `env:NAME` or `env:NAME|default`."
        })
    }
}

/// A secret: where it is, never what it is. `env:NAME` or `file:/absolute/path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Where a secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretSource<'a> {
    /// In this environment variable.
    Variable(&'a str),
    /// In this file; a newline at its end is not part of it.
    File(&'a str),
}

impl Secret {
    /// Reads a reference.
    pub fn try_new(text: &str) -> Result<Self, String> {
        let well_formed = match text.split_once(':') {
            Some(("env", name)) => is_variable(name),
            Some(("file", path)) => path.starts_with('/'),
            _ => false,
        };
        if well_formed {
            return Ok(Self(text.to_owned()));
        }
        // The text is not repeated: it may be the secret itself.
        Err("a secret must be a reference, `env:NAME` or `file:/absolute/path`, never the secret itself"
            .to_owned())
    }

    /// Where the secret is.
    pub fn source(&self) -> SecretSource<'_> {
        match self.0.strip_prefix("file:") {
            Some(path) => SecretSource::File(path),
            None => SecretSource::Variable(self.0.strip_prefix("env:").unwrap_or(&self.0)),
        }
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::try_new(&text).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^(env:[A-Za-z_][A-Za-z0-9_]*|file:/.*)$",
            "description": "Where the secret is: env:NAME or file:/absolute/path."
        })
    }
}

fn is_variable(name: &str) -> bool {
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    begins_well && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
