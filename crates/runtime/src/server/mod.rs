//! Serving a router on a port: HTTP/1.1 and HTTP/2, in plain text (h2c by prior knowledge) or under TLS.

mod tls;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tracing::{debug, warn};

pub use crate::settings::ServerTls;
pub use tls::TlsError;

/// A client that doesn't finish its handshake or its headers holds a file descriptor; for no longer than this.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// A silent HTTP/2 connection is probed after this time.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Pause after an error of `accept`, as a rule "too many open files": it lasts, and a tight loop would not mend it.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A port that is bound and not served yet: connections wait in the backlog.
#[derive(Debug)]
pub struct Port {
    listener: TcpListener,
    address: SocketAddr,
}

/// A port could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("{address} can't be bound: {source}")]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// Why.
    pub source: std::io::Error,
}

impl Port {
    /// Binds the address. Port 0 takes a free one.
    pub async fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let bound = async {
            let listener = TcpListener::bind(address).await?;
            let address = listener.local_addr()?;
            Ok(Self { listener, address })
        };
        bound.await.map_err(|source| BindError { address, source })
    }

    /// The address that was bound.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves `router` until `stop`, and then lets the requests in flight finish.
    pub async fn serve(
        self,
        router: Router,
        tls: Option<&ServerTls>,
        stop: CancellationToken,
    ) -> Result<(), TlsError> {
        let tls = match tls {
            Some(settings) => tls::acceptor(settings)?,
            None => None,
        };
        let graceful = GracefulShutdown::new();
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                Some(_) = connections.join_next() => {}
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        connections.spawn(connection(stream, peer, router.clone(), tls.clone(), graceful.watcher()));
                    }
                    Err(error) => {
                        warn!(%error, "accepting a connection failed");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        // Nobody new; those who are here get a GOAWAY or a `connection: close`, and their answers.
        drop(self.listener);
        graceful.shutdown().await;
        while connections.join_next().await.is_some() {}
        Ok(())
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    tls: Option<TlsAcceptor>,
    watcher: Watcher,
) {
    // Small frames must not wait for more: an acknowledgement is one.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "the connection was closed at once");
        return;
    }
    let Some(tls) = tls else { return speak(stream, peer, router, watcher).await };
    match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
        Ok(Ok(stream)) => Box::pin(speak(stream, peer, router, watcher)).await,
        Ok(Err(error)) => debug!(%error, "the TLS handshake failed"),
        Err(_) => debug!("the TLS handshake took too long"),
    }
}

async fn speak<S>(stream: S, peer: SocketAddr, router: Router, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request.map(axum::body::Body::new))
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HANDSHAKE);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .max_concurrent_streams(1024)
        // Batches are large: with the default windows of 64 KiB each would take several round trips.
        .initial_stream_window_size(2 * 1024 * 1024)
        .initial_connection_window_size(8 * 1024 * 1024);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        debug!(%error, "the connection ended");
    }
}
