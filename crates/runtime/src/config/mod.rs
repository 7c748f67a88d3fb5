//! Settings: defaults, then a YAML file, then the environment.
//!
//! A setting `limits.max_in_flight` is `ELATE_LIMITS__MAX_IN_FLIGHT` in the environment: two underscores go one level down.
//! Unknown settings are problems, and all problems are reported at once ([`Problems`]). Variables without two underscores
//! count only where there is a top-level setting of that name, because others set such variables too (Kubernetes, for
//! each service in the namespace).
//!
//! The reference in `docs/config.md` is made from the types and their comments ([`reference()`]).

mod bytes;
mod layered;
pub mod reference;

use std::fmt;
use std::path::Path;

use elate_domain::FieldError;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::reference::reference;
pub use bytes::ByteSize;
pub use layered::Layers;

/// A section of settings. Secrets have no defaults: a default is written out and read back when layers are merged.
pub trait Settings:
    Serialize + DeserializeOwned + Default + JsonSchema + Clone + fmt::Debug + Send + Sync + 'static
{
    /// What is wrong beyond the types: bounds, and settings that contradict each other.
    fn problems(&self) -> Vec<FieldError> {
        Vec::new()
    }
}

/// No settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoSettings {}

impl Settings for NoSettings {}

/// All that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<FieldError>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(f, "{count} problem{} in the settings:", if count == 1 { "" } else { "s" })?;
        for problem in &self.0 {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}

/// Reads the settings of a process (`P`) and of its component (`C`), which share the top level.
pub fn load<P: Settings, C: Settings>(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<(P, C), Problems> {
    let mut layers = Layers::new();
    layers.defaults(&P::default());
    layers.defaults(&C::default());
    if let Some(file) = file {
        layers.file(file);
    }
    layers.environment(environment);
    let (process, component) = layers.split::<P>();
    let mut problems = layers.into_problems();
    let process = layered::read::<P>(process, &mut problems);
    let component = layered::read::<C>(component, &mut problems);
    match (process, component) {
        (Some(process), Some(component)) if problems.is_empty() => Ok((process, component)),
        _ => Err(Problems(problems)),
    }
}

/// The settings as YAML, secrets redacted.
pub fn print<P: Settings, C: Settings>(process: &P, component: &C) -> Result<String, serde_yaml::Error> {
    Ok(format!("{}{}", yaml(process)?, yaml(component)?))
}

fn yaml<T: Serialize>(section: &T) -> Result<String, serde_yaml::Error> {
    let text = serde_yaml::to_string(section)?;
    Ok(if text.trim() == "{}" { String::new() } else { text })
}
