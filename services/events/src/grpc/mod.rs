//! The gRPC services: decode, one call, encode.
//!
//! What cuts across (credentials, deadlines, traces, limits of rate) is done by the stack around the routes. Here a handler asks
//! the identity for the role that it needs, reads the request into the model's types, calls a port, and writes the
//! answer.

mod admin;
mod convert;
mod customer;
mod definition;
mod ingest;
mod log;

use std::sync::Arc;

use elate_domain::SourceId;
use elate_proto::events::v1::admin_service_server::AdminServiceServer;
use elate_proto::events::v1::customer_service_server::CustomerServiceServer;
use elate_proto::events::v1::definition_service_server::DefinitionServiceServer;
use elate_proto::events::v1::ingest_service_server::IngestServiceServer;
use elate_proto::events::v1::log_service_server::LogServiceServer;
use elate_rpc::{Identity, MAX_REQUEST_BYTES};
use tonic::codec::CompressionEncoding::{Gzip, Zstd};
use tonic::service::RoutesBuilder;

use crate::ports;

/// The full names of the services.
pub const SERVICES: &[&str] = &[
    "elate.events.v1.IngestService",
    "elate.events.v1.CustomerService",
    "elate.events.v1.DefinitionService",
    "elate.events.v1.AdminService",
    "elate.events.v1.LogService",
];

/// What the services call.
#[derive(Clone)]
pub struct Ports {
    /// Takes messages in.
    pub ingest: Arc<dyn ports::Ingest>,
    /// Reads and changes customers.
    pub customers: Arc<dyn ports::Customers>,
    /// The registry of definitions.
    pub definitions: Arc<dyn ports::Definitions>,
    /// Workspaces, keys, switches.
    pub admin: Arc<dyn ports::Admin>,
    /// The log.
    pub log: Arc<dyn ports::CustomerLog>,
}

impl std::fmt::Debug for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ports")
    }
}

/// Adds all services to the routes.
pub fn add_to(routes: &mut RoutesBuilder, ports: &Ports, stream_batches: usize) {
    macro_rules! add {
        ($server:ident, $handler:expr) => {
            routes.add_service(
                $server::new($handler)
                    .max_decoding_message_size(MAX_REQUEST_BYTES)
                    .accept_compressed(Gzip)
                    .accept_compressed(Zstd)
                    // Answered in the encoding that the client accepts; who asks for none gets none.
                    .send_compressed(Gzip),
            );
        };
    }
    add!(IngestServiceServer, ingest::Service::new(Arc::clone(&ports.ingest), stream_batches));
    add!(CustomerServiceServer, customer::Service::new(Arc::clone(&ports.customers)));
    add!(DefinitionServiceServer, definition::Service::new(Arc::clone(&ports.definitions)));
    add!(AdminServiceServer, admin::Service::new(Arc::clone(&ports.admin), Arc::clone(&ports.customers)));
    add!(LogServiceServer, log::Service::new(Arc::clone(&ports.log), Arc::clone(&ports.admin)));
}

/// The source of what this caller appends: the key's, or `elate` for a service.
pub(crate) fn source_of(identity: &Identity) -> Result<SourceId, tonic::Status> {
    match identity.source() {
        Some(source) => Ok(source.clone()),
        None => SourceId::try_new("elate").map_err(|error| tonic::Status::internal(error.to_string())),
    }
}

/// A request id, made up where the caller gave none: then a repeat is not recognised.
fn request_id(given: String) -> Result<String, elate_rpc::validate::Invalid> {
    let id = elate_rpc::validate::request_id("request_id", given)?;
    Ok(id.unwrap_or_else(|| uuid::Uuid::now_v7().simple().to_string()))
}
