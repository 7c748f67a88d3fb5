//! The settings of a connection, and the connection.

use std::path::PathBuf;
use std::time::Duration;

use elate_domain::HumanDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

/// Why a channel could not be made. An unreachable server is not among the reasons: channels connect when they are used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address.
    #[error("{url:?} is no address of a server such as http://events:7400: {source}")]
    Address {
        /// As given.
        url: String,
        /// Why.
        source: tonic::transport::Error,
    },
    /// A file of certificates or keys.
    #[error("{path} can't be read: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The certificates.
    #[error("the TLS settings are wrong: {0}")]
    Tls(#[source] tonic::transport::Error),
}

/// TLS towards a server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClientTls {
    /// Certificates of the authorities that are trusted (PEM).
    pub ca_file: Option<PathBuf>,
    /// Our own certificate, for mutual TLS (PEM).
    pub cert_file: Option<PathBuf>,
    /// The key of our own certificate (PEM).
    pub key_file: Option<PathBuf>,
    /// The name that the server's certificate must carry, where it is not that of the address.
    pub domain: Option<String>,
}

/// A server that is called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClientConfig {
    /// Address, e.g. `http://events:7400`; `https://` for TLS.
    pub url: String,
    /// Longest wait for a connection.
    #[schemars(with = "String")]
    pub connect_timeout: HumanDuration,
    /// Deadline of a call that sets none (not of streams).
    #[schemars(with = "String")]
    pub timeout: HumanDuration,
    /// A silent connection is probed after this time, and closed where the probe stays unanswered.
    #[schemars(with = "String")]
    pub keep_alive: HumanDuration,
    /// Certificates, where the address is `https://`.
    pub tls: ClientTls,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:7400".to_owned(),
            connect_timeout: HumanDuration(Duration::from_secs(5)),
            timeout: HumanDuration(Duration::from_secs(30)),
            keep_alive: HumanDuration(Duration::from_secs(10)),
            tls: ClientTls::default(),
        }
    }
}

fn read(path: &PathBuf) -> Result<Vec<u8>, ConnectError> {
    std::fs::read(path).map_err(|source| ConnectError::File { path: path.clone(), source })
}

fn tls(config: &ClientTls) -> Result<ClientTlsConfig, ConnectError> {
    let mut tls = ClientTlsConfig::new();
    if let Some(path) = &config.ca_file {
        tls = tls.ca_certificate(Certificate::from_pem(read(path)?));
    }
    if let (Some(cert), Some(key)) = (&config.cert_file, &config.key_file) {
        tls = tls.identity(Identity::from_pem(read(cert)?, read(key)?));
    }
    if let Some(domain) = &config.domain {
        tls = tls.domain_name(domain);
    }
    Ok(tls)
}

pub(super) fn endpoint(config: &ClientConfig) -> Result<Endpoint, ConnectError> {
    let endpoint = Endpoint::from_shared(config.url.clone())
        .map_err(|source| ConnectError::Address { url: config.url.clone(), source })?
        .connect_timeout(config.connect_timeout.0)
        .tcp_nodelay(true)
        .tcp_keepalive(Some(config.keep_alive.0))
        // A follower may hear nothing for long; without probes a dead peer would look like a quiet one.
        .http2_keep_alive_interval(config.keep_alive.0)
        .keep_alive_timeout(config.keep_alive.0)
        .keep_alive_while_idle(true)
        // Batches of records are large: the default windows of 64 KiB would make a round trip of each piece.
        .initial_stream_window_size(4 * 1024 * 1024)
        .initial_connection_window_size(16 * 1024 * 1024);
    if config.url.starts_with("https://") {
        endpoint.tls_config(tls(&config.tls)?).map_err(ConnectError::Tls)
    } else {
        Ok(endpoint)
    }
}
