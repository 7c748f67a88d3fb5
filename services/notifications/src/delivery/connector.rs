//! Connects to addresses that may be called, and to no others.
//!
//! The name is resolved once, every address is checked, and the very address that passed is connected to: an answer
//! of the DNS that changes in between has no effect.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use elate_reach::address::{self, Forbidden, Network};
use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Networks of one's own that a channel with `allow_private` may call: the machine itself and private ranges.
/// Link-local addresses (metadata services of clouds) stay closed.
const PRIVATE: [&str; 7] =
    ["127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::1/128", "fc00::/7"];

/// Why no connection was made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URI names no host.
    #[error("the address has no host")]
    NoHost,
    /// Plain http, where it is not allowed.
    #[error("plain http is not allowed")]
    Plain,
    /// The name leads nowhere.
    #[error("the name can't be resolved")]
    Unresolved,
    /// The name leads to where nothing may be sent.
    #[error("{0} may not be called")]
    Forbidden(#[from] Forbidden),
    /// The connection failed.
    #[error("can't connect: {}", .0.kind())]
    Io(#[from] std::io::Error),
}

/// Connects for a webhook.
#[derive(Debug, Clone)]
pub struct Guarded {
    allowed: Arc<[Network]>,
    allow_plain: bool,
}

impl Guarded {
    /// `allow_private`: own networks and plain http as well.
    pub fn new(allow_private: bool) -> Self {
        let networks: &[&str] = if allow_private { &PRIVATE } else { &[] };
        Self { allowed: networks.iter().filter_map(|n| n.parse().ok()).collect(), allow_plain: allow_private }
    }

    async fn connect(self, uri: Uri) -> Result<TokioIo<TcpStream>, Error> {
        let is_plain = uri.scheme_str() != Some("https");
        if is_plain && !self.allow_plain {
            return Err(Error::Plain);
        }
        let host = uri.host().ok_or(Error::NoHost)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16().unwrap_or(if is_plain { 80 } else { 443 });
        let mut last = Error::Unresolved;
        for address in resolve(host, port).await? {
            match self.try_one(address).await {
                Ok(stream) => return Ok(TokioIo::new(stream)),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn try_one(&self, address: SocketAddr) -> Result<TcpStream, Error> {
        address::check(address.ip(), &self.allowed)?;
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let found = tokio::net::lookup_host((host, port)).await.map_err(|_| Error::Unresolved)?;
    Ok(found.collect())
}

impl tower::Service<Uri> for Guarded {
    type Response = TokioIo<TcpStream>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}
