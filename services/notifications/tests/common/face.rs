//! The gRPC face over a running engine, called through the same layers as over the network.

use std::sync::Arc;

use elate_notifications::app::App;
use elate_notifications::delivery::definitions::Cache;
use elate_notifications::grpc::Grpc;
use elate_proto::common::v1::{CustomerRef, customer_ref};
use elate_proto::notifications::v1::notifications_service_client::NotificationsServiceClient;
use elate_proto::notifications::v1::notifications_service_server::NotificationsServiceServer;
use elate_rpc::customers::Directory;
use elate_rpc::error::{fields_of, reason_of};
use elate_rpc::memory::NamedKeys;
use elate_rpc::{Channel, GrpcService, Secret, Stack, client};
use tonic::Status;
use tonic::service::Routes;

use super::{Running, World};

pub type Client = NotificationsServiceClient<Channel>;

/// The face of a running engine.
pub struct Face(GrpcService);

impl Face {
    /// A client with this key, such as `shop-reader`.
    pub fn client(&self, key: &str) -> Client {
        NotificationsServiceClient::new(client::in_process(self.0.clone(), Some(Secret::new(key))))
    }
}

impl World {
    /// Starts an engine with its face.
    pub fn serve(&self) -> (Running, Face) {
        let engine = self.engine("one");
        let (lane, ownership) = engine.commands();
        let app = App::new(self.store.clone(), lane, ownership, Arc::new(Cache::new(self.store.clone())));
        let clock = Arc::clone(&self.clock) as Arc<dyn elate_domain::Clock>;
        let grpc = Grpc::new(app, Directory::new(self.people.channel()), clock);
        let routes = Routes::new(NotificationsServiceServer::new(grpc));
        (Self::run(engine), Face(Stack::new(Arc::new(NamedKeys)).apply(routes)))
    }
}

/// A customer by Elate's id.
pub fn by_id(id: impl ToString) -> Option<CustomerRef> {
    Some(CustomerRef { r#ref: Some(customer_ref::Ref::CustomerId(id.to_string())) })
}

/// The reason of a refusal, and the first field that it names.
pub fn refusal<T: std::fmt::Debug>(answer: Result<T, Status>) -> (String, String) {
    let status = answer.unwrap_err();
    let field = fields_of(&status).first().map(|field| field.field.clone()).unwrap_or_default();
    (reason_of(&status).unwrap_or_default(), field)
}
