//! Redis as the tail between processes. It may be flushed, restarted or lost at any moment: it only makes followers
//! of other processes quicker than the next look at SQL.

mod connection;
mod publisher;
mod reader;

use std::time::Duration;

pub(crate) use publisher::{Publisher, publish};
pub(crate) use reader::read;

use elate_domain::Partition;

/// How Redis is reached and used.
#[derive(Clone)]
pub struct RedisOptions {
    /// `redis://…` or `rediss://…`; several nodes for a cluster.
    pub urls: Vec<String>,
    /// Whether the URLs are those of a Redis Cluster.
    pub cluster: bool,
    /// What the keys start with.
    pub prefix: String,
    /// About how many bytes the stream of one partition may hold.
    pub stream_bytes: usize,
    /// How long an answer may take before the connection is taken for lost.
    pub timeout: Duration,
}

impl RedisOptions {
    /// One server.
    pub fn single(url: impl Into<String>) -> Self {
        Self {
            urls: vec![url.into()],
            cluster: false,
            prefix: "elate".to_owned(),
            stream_bytes: 4 * 1024 * 1024,
            timeout: Duration::from_secs(2),
        }
    }
}

impl std::fmt::Debug for RedisOptions {
    /// Without the URLs, which may hold passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisOptions")
            .field("cluster", &self.cluster)
            .field("prefix", &self.prefix)
            .field("stream_bytes", &self.stream_bytes)
            .finish_non_exhaustive()
    }
}

/// The stream of a partition. The braces keep it and its companion in one slot of a cluster. Generation and erasures
/// are part of the name: what belongs to another log, or was written before an erasure, is where nobody looks.
fn stream_key(prefix: &str, generation: &str, partition: Partition, erasures: u64) -> String {
    format!("{prefix}:{{log:{generation}:{partition}}}:{erasures}")
}

/// Where the stream ends, as text.
fn end_key(stream: &str) -> String {
    format!("{stream}:end")
}
