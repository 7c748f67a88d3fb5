//! The registry of definitions.

/// A request to publish manifests.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Apply {
    /// Makes a repeat harmless; empty for none.
    pub request_id: String,
    /// YAML or JSON documents, several to a text where `---` divides them; at most 1 MiB together.
    pub documents: Vec<String>,
    /// Manifests to take out, as `Kind/name`.
    pub delete: Vec<String>,
    /// Only validate and compare.
    pub dry_run: bool,
    /// How much history new and changed definitions see, in milliseconds; 0 starts now.
    pub replay_millis: u64,
}

/// What happens to one manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is new.
    Created,
    /// It differs.
    Updated,
    /// It is the same.
    Unchanged,
    /// It goes.
    Deleted,
}

/// What changes with one manifest.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ManifestChange {
    /// `Kind/name`.
    pub manifest: String,
    /// What changes.
    pub change: Change,
    /// The differing paths with old and new value, a line each.
    pub diff: Vec<String>,
}

/// What a valid request would bring about.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// All manifests in force afterwards, as JSON, in canonical order (kind, name).
    pub manifests: Vec<serde_json::Value>,
    /// What changes.
    pub changes: Vec<ManifestChange>,
    /// Hints that do not hinder.
    pub warnings: Vec<String>,
    /// Names of events that the manifests speak of; those that were never seen become warnings.
    pub event_names: Vec<String>,
}

/// What comes of comparing a plan with what was seen of events.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fit {
    /// What can never be right in manifests that are new or changed.
    pub errors: Vec<elate_domain::FieldError>,
    /// What may be a slip.
    pub warnings: Vec<String>,
}

/// What was published, or would be.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Applied {
    /// The version in force from here on; for a dry run, and where nothing changed, the one in force.
    pub version: u64,
    /// What changed.
    pub changes: Vec<ManifestChange>,
    /// Hints that do not hinder.
    pub warnings: Vec<String>,
}

/// Manifests in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    /// The version; 0 where nothing was ever published.
    pub version: u64,
    /// YAML documents in canonical order.
    pub documents: Vec<String>,
}
