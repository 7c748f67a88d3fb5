//! One server or a cluster, behind one connection type.

use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{AsyncConnectionConfig, Cmd, Pipeline, RedisFuture, Value};

use crate::{Error, RedisOptions};

/// Where to connect to.
#[derive(Clone)]
pub(super) enum Client {
    Single(redis::Client),
    Cluster(Box<ClusterClient>),
}

/// An open connection.
#[derive(Clone)]
pub(super) enum Connection {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Single(_) => "Single",
            Self::Cluster(_) => "Cluster",
        })
    }
}

impl Client {
    pub(super) fn new(options: &RedisOptions) -> Result<Self, Error> {
        let wrong = |error: redis::RedisError| Error::Redis(error.to_string());
        if options.cluster {
            let builder = ClusterClient::builder(options.urls.clone()).response_timeout(options.timeout);
            return builder.build().map(|client| Self::Cluster(Box::new(client))).map_err(wrong);
        }
        let url = options.urls.first().ok_or_else(|| Error::Redis("no URL is given".to_owned()))?;
        redis::Client::open(url.as_str()).map(Self::Single).map_err(wrong)
    }

    /// Connects; an answer that takes longer than `response` breaks the connection.
    pub(super) async fn connect(&self, response: Duration) -> redis::RedisResult<Connection> {
        match self {
            Self::Single(client) => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(Duration::from_secs(2)))
                    .set_response_timeout(Some(response));
                client.get_multiplexed_async_connection_with_config(&config).await.map(Connection::Single)
            }
            Self::Cluster(client) => client.get_async_connection().await.map(Connection::Cluster),
        }
    }

    pub(super) fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Single(connection) => connection.req_packed_command(cmd),
            Self::Cluster(connection) => connection.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Single(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Single(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}
