//! The settings of the events service.

use std::path::PathBuf;

use elate_domain::{FieldError, WorkspaceId};
use elate_runtime::{ByteSize, Settings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The settings of the events service.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EventsSettings {
    /// How many partitions a new log has; 0 is 8 on SQLite and 64 on PostgreSQL. A log keeps the number that it was made with.
    #[schemars(range(max = 4096))]
    pub partitions: u32,
    /// The first workspace.
    pub bootstrap: BootstrapSettings,
    /// The tracking API over HTTP.
    pub http: HttpSettings,
    /// Taking messages in.
    pub ingest: IngestSettings,
}

/// The first workspace, made where there is none yet.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BootstrapSettings {
    /// Its id; empty makes none.
    pub workspace: String,
    /// File that the secret of its admin key is written to, readable by its owner only. Without one the secret is
    /// printed to the standard output, once.
    pub key_file: Option<PathBuf>,
}

impl Default for BootstrapSettings {
    fn default() -> Self {
        Self { workspace: "default".to_owned(), key_file: None }
    }
}

/// The tracking API over HTTP.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSettings {
    /// Bytes of a body at the most, inflated.
    pub max_body: ByteSize,
    /// Requests in flight at the most; more are answered with 429.
    #[schemars(range(min = 1))]
    pub max_in_flight: usize,
    /// Proxies of ours in front of this port. That many entries of `X-Forwarded-For` are believed, from its end.
    pub trusted_proxies: usize,
    /// The host (and port) that browsers reach this server under; by default what they asked for.
    pub public_host: Option<String>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self { max_body: ByteSize(4 << 20), max_in_flight: 1024, trusted_proxies: 0, public_host: None }
    }
}

/// Taking messages in.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IngestSettings {
    /// Batches of one stream that are appended at the same time. With 1, what is sent first is first on the timeline;
    /// more trade that order for speed.
    #[schemars(range(min = 1))]
    pub stream_batches: usize,
    /// Makes the ids of new customers out of this text and their first message, so that the same recording gives the
    /// same customers (and the same holdouts) wherever it is played. For demonstrations and comparisons.
    pub customer_seed: Option<String>,
}

impl Default for IngestSettings {
    fn default() -> Self {
        Self { stream_batches: 1, customer_seed: None }
    }
}

impl Settings for EventsSettings {
    fn problems(&self) -> Vec<FieldError> {
        let mut problems = Vec::new();
        let mut check = |ok: bool, field: &str, reason: &str| {
            if !ok {
                problems.push(FieldError::new(field, reason));
            }
        };
        check(self.partitions <= 4096, "partitions", "must be at most 4096");
        let workspace = &self.bootstrap.workspace;
        check(
            workspace.is_empty() || WorkspaceId::try_new(workspace).is_ok(),
            "bootstrap.workspace",
            "is no workspace id: 1 to 63 of a-z, 0-9, - and _",
        );
        check(self.http.max_body.0 >= 1024, "http.max_body", "must be at least 1KiB");
        check(self.http.max_in_flight > 0, "http.max_in_flight", "must be at least 1");
        check(self.ingest.stream_batches > 0, "ingest.stream_batches", "must be at least 1");
        problems
    }
}
