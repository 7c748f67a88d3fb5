//! The files of the workspace.

use anyhow::Context;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Folders that hold what is made, fetched or kept, not what is written.
const SKIPPED: [&str; 6] = [".git", "target", "node_modules", "__pycache__", ".elate", "dist"];

/// A text file of the workspace.
#[derive(Debug, Clone)]
pub struct File {
    /// From the workspace's root, with `/` between folders.
    pub path: String,
    /// The whole text.
    pub text: String,
}

impl File {
    /// Whether the file holds tests or benchmarks only, by its place.
    #[must_use]
    pub fn is_test(&self) -> bool {
        let mut folders = self.path.split('/');
        folders.any(|folder| matches!(folder, "tests" | "benches" | "examples" | "fuzz"))
            || self.path.starts_with("crates/testkit/")
            || self.path.ends_with("/tests.rs")
    }

    /// Whether a folder of this name is on the file's path, or the file itself is `name.rs`.
    #[must_use]
    pub fn is_under(&self, name: &str) -> bool {
        self.path.split('/').any(|part| part == name || part.strip_suffix(".rs") == Some(name))
    }
}

/// The workspace's root, seen from this package.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every UTF-8 file below `root` that somebody wrote.
///
/// # Errors
/// When a folder or file cannot be read.
pub fn load(root: &Path) -> anyhow::Result<Vec<File>> {
    let mut files = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("list {}", folder.display()))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let skipped = SKIPPED.contains(&name.as_str()) || name.starts_with("target-");
            if entry.file_type()?.is_dir() {
                if !skipped {
                    open.push(entry.path());
                }
            } else if let Ok(text) = String::from_utf8(fs::read(entry.path())?) {
                let path = entry.path().strip_prefix(root)?.to_string_lossy().replace('\\', "/");
                files.push(File { path, text });
            }
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

/// The Rust sources among `files`.
pub fn rust(files: &[File]) -> impl Iterator<Item = &File> {
    files.iter().filter(|file| file.path.ends_with(".rs"))
}

#[cfg(test)]
mod tests {
    use super::{File, load};

    #[test]
    fn tests_are_known_by_their_place() {
        let file = |path: &str| File { path: path.into(), text: String::new() };
        assert!(file("crates/log/tests/contract.rs").is_test());
        assert!(file("services/events/src/app/tests.rs").is_test());
        assert!(!file("services/events/src/app.rs").is_test());
        assert!(file("services/events/src/store/customers.rs").is_under("store"));
        assert!(file("services/events/src/store.rs").is_under("store"));
        assert!(!file("services/events/src/restore.rs").is_under("store"));
    }

    #[test]
    fn made_folders_are_skipped() {
        let files = load(&super::root()).expect("load");
        assert!(files.iter().any(|file| file.path == "Cargo.toml"));
        assert!(!files.iter().any(|file| file.path.starts_with("target")));
    }
}
