//! Reflection: what services there are, for grpcurl and the like. In both versions, because tools in use ask for either.

use tonic::service::RoutesBuilder;
use tonic_reflection::server::Builder;

/// Descriptors that can't be reflected.
pub use tonic_reflection::server::Error;

/// What every server answers besides its own services.
const HEALTH: &str = "grpc.health.v1.Health";

fn builder() -> Builder<'static> {
    Builder::configure()
        .register_encoded_file_descriptor_set(elate_proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

/// Adds v1 and v1alpha of reflection over all contracts, naming the given services and health.
pub fn add_to(routes: &mut RoutesBuilder, services: &[&'static str]) -> Result<(), Error> {
    let named = |builder: Builder<'static>| {
        let all = services.iter().chain([&HEALTH]);
        all.fold(builder, |builder, service| builder.with_service_name(*service))
    };
    routes.add_service(named(builder()).build_v1()?);
    routes.add_service(named(builder()).build_v1alpha()?);
    Ok(())
}
