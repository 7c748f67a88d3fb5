//! The settings that every process has.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::time::Duration;

use elate_domain::{FieldError, HumanDuration};
use elate_rpc::{ClientConfig, Limits, Secret};
use elate_storage::{Dsn, InvalidDsn, Options};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::Settings;

/// What every process of Elate can be told.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProcessSettings {
    /// Address of the port for gRPC, gRPC-Web and HTTP; by default port 7400 (events) to 7403 (notifications) of this machine.
    #[schemars(with = "Option<String>")]
    pub listen: Option<SocketAddr>,
    /// Address of the port for `/healthz`, `/readyz` and `/metrics`; by default a hundred ports above `listen`.
    #[schemars(with = "Option<String>")]
    pub admin_listen: Option<SocketAddr>,
    /// The credential that Elate's services share. Without one, services can't call each other over the network.
    pub service_token: Secret,
    /// The service's own database.
    pub database: DatabaseSettings,
    /// The tail of the log (only events uses it).
    pub redis: RedisSettings,
    /// Where events is (not for events itself).
    pub events: ClientConfig,
    /// TLS of the port.
    pub tls: ServerTls,
    /// Limits of the port.
    pub limits: Limits,
    /// Log lines.
    pub log: elate_telemetry::Log,
    /// Export over OTLP.
    pub otlp: elate_telemetry::Otlp,
    /// How the process stops.
    pub stop: StopSettings,
}

impl ProcessSettings {
    /// The settings of telemetry.
    pub fn telemetry(&self) -> elate_telemetry::Config {
        elate_telemetry::Config { log: self.log.clone(), otlp: self.otlp.clone() }
    }
}

impl Settings for ProcessSettings {
    fn problems(&self) -> Vec<FieldError> {
        let mut problems: Vec<_> = self
            .telemetry()
            .problems()
            .into_iter()
            .map(|(field, reason)| FieldError::new(field, reason))
            .collect();
        let mut add = |field: &str, reason: &str| problems.push(FieldError::new(field, reason));
        if let Err(error) = self.database.dsn() {
            add("database.url", &error.to_string());
        }
        if self.database.max_connections == 0 {
            add("database.max_connections", "must be at least 1");
        }
        if self.limits.max_in_flight == 0 {
            add("limits.max_in_flight", "must be at least 1");
        }
        if self.limits.max_streams == 0 {
            add("limits.max_streams", "must be at least 1");
        }
        if self.tls.cert_file.is_some() != self.tls.key_file.is_some() {
            add("tls", "needs both cert_file and key_file, or neither");
        }
        if self.events.tls.cert_file.is_some() != self.events.tls.key_file.is_some() {
            add("events.tls", "needs both cert_file and key_file, or neither");
        }
        if self.tls.client_ca_file.is_some() && self.tls.cert_file.is_none() {
            add("tls.client_ca_file", "needs cert_file and key_file");
        }
        problems
    }
}

/// Who brings the schema up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Migrations {
    /// This process on SQLite; on PostgreSQL it waits for `migrate` to be run.
    #[default]
    Auto,
    /// This process.
    Run,
    /// Somebody else; this process waits.
    Wait,
}

/// A service's own database.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseSettings {
    /// `sqlite:<path>` or `postgres://user:password@host/name`; by default a file in `data/`.
    pub url: Secret,
    /// Connections at the most.
    #[schemars(range(min = 1))]
    pub max_connections: u32,
    /// Longest wait for a free connection.
    #[schemars(with = "String")]
    pub acquire_timeout: HumanDuration,
    /// `auto`, `run` or `wait`: who brings the schema up to date.
    pub migrations: Migrations,
    /// Longest wait for the database and its schema at the start.
    #[schemars(with = "String")]
    pub wait: HumanDuration,
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        let options = Options::default();
        Self {
            url: Secret::default(),
            max_connections: options.max_connections,
            acquire_timeout: HumanDuration(options.acquire_timeout),
            migrations: Migrations::Auto,
            wait: HumanDuration(Duration::from_secs(120)),
        }
    }
}

impl DatabaseSettings {
    /// A database at this place, with the other defaults.
    pub fn at(url: impl Into<String>) -> Self {
        Self { url: Secret::new(url), ..Self::default() }
    }

    /// Where it is; `None` where nothing was said.
    pub fn dsn(&self) -> Result<Option<Dsn>, InvalidDsn> {
        if self.url.is_empty() { Ok(None) } else { Dsn::from_str(self.url.reveal()).map(Some) }
    }
}

/// The tail of the log.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RedisSettings {
    /// `redis://host:6379/0`, or `redis-cluster://one:6379,two:6379` for nodes of a Redis Cluster; empty keeps the tail
    /// in this process.
    pub url: Secret,
}

impl RedisSettings {
    /// Where it is; `None` where the tail stays in the process.
    pub fn url(&self) -> Option<&str> {
        (!self.url.is_empty()).then(|| self.url.reveal())
    }
}

/// TLS of the port.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ServerTls {
    /// The server's certificates (PEM); plain text where it is absent.
    pub cert_file: Option<PathBuf>,
    /// The key of the certificate (PEM).
    pub key_file: Option<PathBuf>,
    /// Certificates of the authorities whose clients are let in (PEM); mutual TLS where it is given.
    pub client_ca_file: Option<PathBuf>,
}

/// How a process stops.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StopSettings {
    /// Time between "not ready" and the end of service, for load balancers to notice.
    #[schemars(with = "String")]
    pub delay: HumanDuration,
    /// Longest time from there to the end of the process.
    #[schemars(with = "String")]
    pub grace: HumanDuration,
}

impl Default for StopSettings {
    fn default() -> Self {
        Self { delay: HumanDuration(Duration::ZERO), grace: HumanDuration(Duration::from_secs(25)) }
    }
}
