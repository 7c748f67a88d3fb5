//! Looks up secrets and settings when they are needed: a rotated secret is in force with the next message.

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

/// The secret that a manifest refers to.
pub async fn secret(reference: &Reference) -> Result<Secret, Error> {
    match reference.source() {
        SecretSource::Variable(name) => {
            let missing = || Error::Variable(name.to_owned());
            std::env::var(name).ok().map(Secret::new).ok_or_else(missing)
        }
        SecretSource::File(path) => {
            let text = tokio::fs::read_to_string(path).await;
            let text = text.map_err(|error| Error::File(path.to_owned(), error.kind()))?;
            Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
        }
    }
}

/// The value of a setting.
pub fn setting(setting: &Setting) -> Result<String, Error> {
    let missing = || Error::Variable(setting.text().trim_start_matches("env:").to_owned());
    setting.resolve(|name| std::env::var(name).ok()).ok_or_else(missing)
}
