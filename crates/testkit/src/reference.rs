//! The reference data sets: files of cases that lie outside the repository.

use std::{env, path::PathBuf};

/// Names the folder of the reference data.
pub const REFERENCE_DATA: &str = "ELATE_REFERENCE_DATA";

/// The folder of the reference data: what `ELATE_REFERENCE_DATA` names, else `../shared/data` beside the workspace.
///
/// `None`, after a line that says so, where neither is a folder; the suites that need it are then skipped.
///
/// # Panics
/// When the variable names something that is not a folder: a typing error must not skip tests in silence.
#[must_use]
pub fn reference_data() -> Option<PathBuf> {
    if let Some(named) = env::var_os(REFERENCE_DATA) {
        let folder = PathBuf::from(named);
        assert!(folder.is_dir(), "{REFERENCE_DATA} names {}, which is not a folder", folder.display());
        return Some(folder);
    }
    let folder = workspace_root().join("../shared/data");
    if folder.is_dir() {
        return folder.canonicalize().ok();
    }
    eprintln!("skipped: no reference data at {} ({REFERENCE_DATA} is not set)", folder.display());
    None
}

/// The folder of the workspace's `Cargo.toml`.
#[must_use]
pub fn workspace_root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}
