//! Events that concern a partition as a whole: one record in each.

use serde::{Deserialize, Serialize};

/// Definitions of a workspace, whole, as of one version. Each partition switches at its record's offset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DefinitionsPublished {
    /// Rises by one with each publication in the workspace.
    pub version: u64,
    /// All manifests in force as JSON documents, in canonical order (kind, name).
    pub manifests: Vec<serde_json::Value>,
    /// How much history a definition that is new or changed in this version sees, in milliseconds; 0 is `now`.
    #[serde(default)]
    pub replay_millis: u64,
    /// Who applied it: the name of the API key.
    #[serde(default)]
    pub applied_by: String,
}

/// The begin or end of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportMark {
    /// The import.
    pub import_id: String,
    /// Whether effects (messages, emitted events) of its records are wanted all the same.
    #[serde(default)]
    pub effects: bool,
}

/// A switch that pauses a play, a channel, or all sending of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseChanged {
    /// `all`, `channel` or `play`.
    pub scope: PauseScope,
    /// The channel or play; empty for `all`.
    #[serde(default)]
    pub target: String,
    /// Paused or resumed.
    pub paused: bool,
    /// Who and why, for the record.
    #[serde(default)]
    pub reason: String,
}

/// What a pause covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseScope {
    /// Every message of the workspace.
    All,
    /// One channel.
    Channel,
    /// One play.
    Play,
}
