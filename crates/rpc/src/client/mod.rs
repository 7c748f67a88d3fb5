//! One client type, whether the server is in this process or across the network.
//!
//! ```no_run
//! # use elate_rpc::{ClientConfig, client};
//! # fn example() -> Result<(), client::ConnectError> {
//! let config = ClientConfig { url: "http://events:7400".to_owned(), ..ClientConfig::default() };
//! let channel = client::connect(&config, Some("a key".into()))?;
//! let client = elate_proto::events::v1::customer_service_client::CustomerServiceClient::new(channel);
//! # Ok(())
//! # }
//! ```

mod caller;
mod network;

use elate_domain::WorkspaceId;
use tonic::body::Body;
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;

use crate::{GrpcService, Secret};

pub use caller::TransportError;
pub use network::{ClientConfig, ClientTls, ConnectError};

/// What every generated client is made over: `XyzClient::new(channel)`. Cheap to clone.
pub type Channel = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, TransportError>;

/// A channel to a service in this process. Same layers, same limits, same errors as over the network.
pub fn in_process(service: GrpcService, credential: Option<Secret>) -> Channel {
    Channel::new(caller::Caller::new(service.map_err(|never| match never {}), credential, None))
}

/// A channel over the network. It connects when it is first used, and again after the connection was lost, so that
/// services may start in any order.
pub fn connect(config: &ClientConfig, credential: Option<Secret>) -> Result<Channel, ConnectError> {
    let channel = network::endpoint(config)?.connect_lazy();
    Ok(Channel::new(caller::Caller::new(channel, credential, Some(config.timeout.0))))
}

/// The same channel, with a service credential acting in one workspace.
pub fn acting_in(channel: Channel, workspace: &WorkspaceId) -> Channel {
    // An id of `a-z0-9-_` is always a valid header value.
    let value = http::HeaderValue::from_str(workspace.as_str()).ok();
    Channel::new(channel.map_request(move |mut request: http::Request<Body>| {
        if let Some(value) = &value {
            request.headers_mut().insert(crate::auth::WORKSPACE, value.clone());
        }
        request
    }))
}
