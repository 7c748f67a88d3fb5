//! What every RPC of Elate has in common, on both ends of the wire.
//!
//! A service hands its tonic routes to [`Stack::apply`] and gets a [`GrpcService`]: the routes with deadline, trace,
//! metrics, credential, load shedding and rate limit around them. The same value is served on a port (by
//! `elate-runtime`) and called in the same process ([`client::in_process`]), so a caller can't tell the two apart:
//! [`Channel`] is one type over both.
//!
//! * [`error`]: from a module's error enum to a gRPC status with `google.rpc` details, or to an HTTP answer;
//!   [`reasons!`] declares the stable reasons that `docs/errors.md` is made from.
//! * [`auth`]: who is calling. [`auth::Identity`] comes from the credential, never from a request's body.
//! * [`client`]: the one client type.
//! * [`layers`]: the stack, with the reason for the place of each layer.
//! * [`health`], [`reflection`], [`edge`]: what a port of Elate answers besides its own services.
//! * [`validate`]: reading requests, naming the field that is wrong.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # async fn example(routes: tonic::service::Routes, authenticator: Arc<dyn elate_rpc::Authenticator>) {
//! let service = elate_rpc::Stack::new(authenticator).apply(routes);
//! let channel = elate_rpc::client::in_process(service, None);
//! let client = elate_proto::events::v1::log_service_client::LogServiceClient::new(channel);
//! # }
//! ```

pub mod auth;
pub mod client;
pub mod customers;
pub mod edge;
pub mod error;
pub mod health;
pub mod layers;
pub mod memory;
mod methods;
pub mod metrics;
pub mod rate;
pub mod reasons;
pub mod reflection;
mod secret;
pub mod validate;

pub use auth::{Authenticator, Identity, Role, identity};
pub use client::{Channel, ClientConfig};
pub use error::{Problem, Reason, ServiceError};
pub use layers::{GrpcService, Limits, Stack};
pub use secret::Secret;

/// Any error, as tower wants it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The largest request that a server decodes, in bytes. It lies above the 4 MiB that batches may have, so that a
/// batch that is too large is refused with a reason and the limit, not by the decoder.
pub const MAX_REQUEST_BYTES: usize = 5 * 1024 * 1024;
