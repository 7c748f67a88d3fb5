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
    /// A file that holds something else.
    #[error("{path} holds no {what} in PEM")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// A certificate without a key, or a key without a certificate.
    #[error("the TLS settings need both cert_file and key_file, or neither")]
    Pair,
    /// The certificates.
    #[error("the TLS settings ({files}) are wrong: {source}")]
    Tls {
        /// The files that they name.
        files: String,
        /// Why.
        source: tonic::transport::Error,
    },
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

/// Reads a PEM file. The transport takes one without a certificate for one with none to trust, and says nothing.
fn read(path: &PathBuf, what: &'static str) -> Result<Vec<u8>, ConnectError> {
    let pem = std::fs::read(path).map_err(|source| ConnectError::File { path: path.clone(), source })?;
    // Keys are named in several ways: `BEGIN PRIVATE KEY`, `BEGIN EC PRIVATE KEY`.
    let label = format!("{}-----", what.to_ascii_uppercase());
    let mut begins = pem.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"-----BEGIN "));
    if begins.any(|line| line.trim_ascii_end().ends_with(label.as_bytes())) {
        return Ok(pem);
    }
    Err(ConnectError::Pem { path: path.clone(), what })
}

fn files(config: &ClientTls) -> String {
    let named = [&config.ca_file, &config.cert_file, &config.key_file].into_iter().flatten();
    named.map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn tls(config: &ClientTls) -> Result<ClientTlsConfig, ConnectError> {
    let mut tls = ClientTlsConfig::new();
    if let Some(path) = &config.ca_file {
        tls = tls.ca_certificate(Certificate::from_pem(read(path, "certificate")?));
    }
    match (&config.cert_file, &config.key_file) {
        (Some(cert), Some(key)) => {
            let identity = Identity::from_pem(read(cert, "certificate")?, read(key, "private key")?);
            tls = tls.identity(identity);
        }
        (None, None) => {}
        (Some(_), None) | (None, Some(_)) => return Err(ConnectError::Pair),
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
        let wrong = |source| ConnectError::Tls { files: files(&config.tls), source };
        endpoint.tls_config(tls(&config.tls)?).map_err(wrong)
    } else {
        Ok(endpoint)
    }
}
