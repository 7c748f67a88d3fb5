//! Looks up secrets and settings when they are needed: a rotated secret is in force with the next message.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use elate_manifest::spec::{Secret as Reference, SecretSource, Setting};
use elate_rpc::Secret;

/// A secret or setting that is not there. The text names the place, never the content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The environment variable is not set.
    #[error("the environment variable {0} is not set")]
    Variable(String),
    /// The environment variable is not for channels.
    #[error(
        "the environment variable {0} is not open to channels: only names that begin with {PREFIXES:?} are"
    )]
    Closed(String),
    /// The file can't be read.
    #[error("the file {0} can't be read: {1}")]
    File(String, std::io::ErrorKind),
    /// The file lies elsewhere.
    #[error("the file {0} is not in the folder of secrets that is open to channels")]
    Outside(String),
}

/// Variables of the process's environment that channels may refer to begin with one of these. Whoever may apply
/// manifests chooses where a channel sends to: what else the environment holds (the service token, the database's
/// password) must not be within reach.
const PREFIXES: [&str; 3] = ["ELATE_CHANNEL_", "ELATE_DEV_", "ELATE_PUBLIC_"];

/// What `env:NAME` and `file:PATH` stand for: own values first, then what of the environment and of the file system is
/// open to channels.
#[derive(Clone)]
pub struct Variables {
    own: Arc<BTreeMap<String, String>>,
    folder: Arc<Path>,
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Variables(redacted)")
    }
}

impl Variables {
    /// Own values that go before the environment's, and the folder that files must lie in.
    pub fn new(own: BTreeMap<String, String>, folder: &Path) -> Self {
        Self { own: Arc::new(own), folder: Arc::from(folder) }
    }

    fn get(&self, name: &str) -> Result<String, Error> {
        if let Some(value) = self.own.get(name) {
            return Ok(value.clone());
        }
        if !PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
            return Err(Error::Closed(name.to_owned()));
        }
        std::env::var(name).map_err(|_| Error::Variable(name.to_owned()))
    }

    /// The secret that a manifest refers to.
    pub async fn secret(&self, reference: &Reference) -> Result<Secret, Error> {
        match reference.source() {
            SecretSource::Variable(name) => self.get(name).map(Secret::new),
            SecretSource::File(path) => self.file(path).await,
        }
    }

    /// Links are followed before the folder is looked at, so that none leads out of it.
    async fn file(&self, path: &str) -> Result<Secret, Error> {
        let unreadable = |error: std::io::Error| Error::File(path.to_owned(), error.kind());
        let real = tokio::fs::canonicalize(path).await.map_err(unreadable)?;
        let folder = tokio::fs::canonicalize(&self.folder).await;
        if !folder.is_ok_and(|folder| real.starts_with(folder)) {
            return Err(Error::Outside(path.to_owned()));
        }
        let text = tokio::fs::read_to_string(real).await.map_err(unreadable)?;
        Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
    }

    /// The value of a setting.
    pub fn setting(&self, setting: &Setting) -> Result<String, Error> {
        let closed = Cell::new(false);
        let value = setting.resolve(|name| {
            let value = self.get(name);
            closed.set(matches!(value, Err(Error::Closed(_))));
            value.ok()
        });
        let name = || setting.text().trim_start_matches("env:").to_owned();
        if closed.get() {
            return Err(Error::Closed(name()));
        }
        value.ok_or_else(|| Error::Variable(name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(text: &str) -> Reference {
        serde_json::from_value(serde_json::Value::from(text)).unwrap()
    }

    #[tokio::test]
    async fn channels_reach_neither_the_services_secrets_nor_files_outside_their_folder() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for folder in [&inside, &outside] {
            std::fs::write(folder.path().join("key"), "whsec_1\n").unwrap();
        }
        std::os::unix::fs::symlink(outside.path().join("key"), inside.path().join("link")).unwrap();
        let own = BTreeMap::from([("MINE".to_owned(), "1".to_owned())]);
        let variables = Variables::new(own, inside.path());
        let path =
            |folder: &tempfile::TempDir, name: &str| format!("file:{}", folder.path().join(name).display());

        let read = variables.secret(&reference(&path(&inside, "key"))).await.unwrap();
        assert_eq!(read.reveal(), "whsec_1");
        for hidden in [path(&outside, "key"), path(&inside, "link")] {
            let refused = variables.secret(&reference(&hidden)).await;
            assert!(matches!(refused, Err(Error::Outside(_))), "{hidden}: {refused:?}");
        }
        assert!(variables.secret(&reference("env:MINE")).await.is_ok());
        for hidden in ["env:PATH", "env:ELATE_SERVICE_TOKEN", "env:ELATE_DATABASE__URL"] {
            let refused = variables.secret(&reference(hidden)).await;
            assert!(matches!(refused, Err(Error::Closed(_))), "{hidden}: {refused:?}");
        }
    }
}
