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

/// What names the nodes of a cluster, and what each of them is reached by.
const CLUSTERS: [(&str, &str); 2] = [("redis-cluster://", "redis://"), ("rediss-cluster://", "rediss://")];

impl RedisOptions {
    /// As a setting says it: `redis://host:6379/0` is one server, `redis-cluster://user:password@one:6379,two:6379` are
    /// nodes of a cluster, of which any will do; with `rediss` under TLS.
    pub fn of(setting: &str) -> Self {
        for (cluster, single) in CLUSTERS {
            let Some(rest) = setting.strip_prefix(cluster) else { continue };
            let (credential, nodes) = rest.rsplit_once('@').map_or(("", rest), |(user, nodes)| (user, nodes));
            let at = if credential.is_empty() { "" } else { "@" };
            let nodes = nodes.trim_end_matches('/').split(',').map(str::trim).filter(|node| !node.is_empty());
            let urls = nodes.map(|node| format!("{single}{credential}{at}{node}")).collect();
            return Self { urls, cluster: true, ..Self::single("") };
        }
        Self::single(setting)
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

#[cfg(test)]
mod tests {
    use super::RedisOptions;

    #[test]
    fn a_setting_names_one_server_or_the_nodes_of_a_cluster() {
        for (setting, cluster, urls) in [
            ("redis://one:6379/0", false, vec!["redis://one:6379/0"]),
            ("redis-cluster://one:6379,two:6380/", true, vec!["redis://one:6379", "redis://two:6380"]),
            ("rediss-cluster://u:p@one, two", true, vec!["rediss://u:p@one", "rediss://u:p@two"]),
        ] {
            let options = RedisOptions::of(setting);
            assert_eq!(
                (options.cluster, options.urls),
                (cluster, urls.into_iter().map(str::to_owned).collect())
            );
        }
    }
}
