//! Looks up secrets and settings when they are needed: a rotated secret is in force with the next message.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use elate_manifest::spec::{Secret as Reference, SecretSource, Setting};
use elate_rpc::Secret;

/// A secret or setting that is not there. The text names the place, never the content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The environment variable is not set.
    #[error("the environment variable {0} is not set")]
    Variable(String),
    /// The file can't be read.
    #[error("the file {0} can't be read: {1}")]
    File(String, std::io::ErrorKind),
}

/// What `env:NAME` stands for: own values first, then the process's environment.
#[derive(Clone, Default)]
pub struct Variables(Arc<BTreeMap<String, String>>);

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Variables(redacted)")
    }
}

impl Variables {
    /// Own values that go before the environment's.
    pub fn new(own: BTreeMap<String, String>) -> Self {
        Self(Arc::new(own))
    }

    fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned().or_else(|| std::env::var(name).ok())
    }

    /// The secret that a manifest refers to.
    pub async fn secret(&self, reference: &Reference) -> Result<Secret, Error> {
        match reference.source() {
            SecretSource::Variable(name) => {
                self.get(name).map(Secret::new).ok_or_else(|| Error::Variable(name.to_owned()))
            }
            SecretSource::File(path) => {
                let text = tokio::fs::read_to_string(path).await;
                let text = text.map_err(|error| Error::File(path.to_owned(), error.kind()))?;
                Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
            }
        }
    }

    /// The value of a setting.
    pub fn setting(&self, setting: &Setting) -> Result<String, Error> {
        let missing = || Error::Variable(setting.text().trim_start_matches("env:").to_owned());
        setting.resolve(|name| self.get(name)).ok_or_else(missing)
    }
}
