//! The stack around routes, called in the process and over the network: the two must not differ.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use elate_domain::{SourceId, WorkspaceId};
use elate_proto::events::v1 as pb;
use elate_proto::events::v1::log_service_client::LogServiceClient;
use elate_proto::events::v1::log_service_server::{LogService, LogServiceServer};
use elate_rpc::auth::{Authenticator, Error, NoKeys, RemoteAuthenticator, WithServiceToken, hash_secret};
use elate_rpc::error::{reason_of, retry_delay_of};
use elate_rpc::{
    Channel, ClientConfig, GrpcService, Identity, Limits, Role, Secret, Stack, client, edge, identity,
};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::{Code, Request, Response, Status};

const TOKEN: &str = "the-service-token";

/// Answers `GetLog` with the workspace of the caller, after a while if the workspace is `slow`.
#[derive(Clone, Default)]
struct Sample {
    lookups: Arc<AtomicUsize>,
}

#[tonic::async_trait]
impl LogService for Sample {
    async fn get_log(
        &self,
        request: Request<pb::GetLogRequest>,
    ) -> Result<Response<pb::GetLogResponse>, Status> {
        let workspace = identity(&request)?.require(Role::Reader)?.workspace()?.to_string();
        if workspace == "slow" {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        Ok(Response::new(pb::GetLogResponse { generation: workspace, heads: Vec::new() }))
    }

    type FollowPartitionsStream = BoxStream<'static, Result<pb::FollowPartitionsResponse, Status>>;

    async fn follow_partitions(
        &self,
        _: Request<pb::FollowPartitionsRequest>,
    ) -> Result<Response<Self::FollowPartitionsStream>, Status> {
        let first = futures::stream::iter([Ok(pb::FollowPartitionsResponse::default())]);
        Ok(Response::new(first.chain(futures::stream::pending()).boxed()))
    }

    async fn append_records(
        &self,
        _: Request<pb::AppendRecordsRequest>,
    ) -> Result<Response<pb::AppendRecordsResponse>, Status> {
        Err(Status::unimplemented("not needed here"))
    }

    type ReadCustomerStream = BoxStream<'static, Result<pb::ReadCustomerResponse, Status>>;

    async fn read_customer(
        &self,
        _: Request<pb::ReadCustomerRequest>,
    ) -> Result<Response<Self::ReadCustomerStream>, Status> {
        Err(Status::unimplemented("not needed here"))
    }

    async fn resolve_key(
        &self,
        request: Request<pb::ResolveKeyRequest>,
    ) -> Result<Response<pb::ResolveKeyResponse>, Status> {
        identity(&request)?.require(Role::Service)?;
        self.lookups.fetch_add(1, Ordering::SeqCst);
        if request.into_inner().secret_sha256.as_ref() != hash_secret("a-reader") {
            return Err(Status::not_found("no such key"));
        }
        let key = pb::Key {
            key_id: "k1".to_owned(),
            role: pb::Role::Reader.into(),
            source_id: "web".to_owned(),
            ..Default::default()
        };
        Ok(Response::new(pb::ResolveKeyResponse {
            workspace_id: "shop".to_owned(),
            key: Some(key),
            cache_seconds: 60,
        }))
    }
}

#[derive(Debug)]
struct OneKey;

#[async_trait::async_trait]
impl Authenticator for OneKey {
    async fn resolve(&self, secret: &str) -> Result<Identity, Error> {
        let shop = WorkspaceId::try_new("shop").unwrap();
        let source = SourceId::try_new("web").unwrap();
        match secret {
            "a-reader" => Ok(Identity::key(shop, Role::Reader, "k1", source)),
            "a-writer" => Ok(Identity::key(shop, Role::Writer, "k2", source)),
            _ => Err(Error::Unknown),
        }
    }
}

fn service(limits: Limits, stop: CancellationToken) -> GrpcService {
    let authenticator = WithServiceToken::new(Secret::new(TOKEN), Arc::new(OneKey));
    let routes = Routes::new(LogServiceServer::new(Sample::default()));
    Stack::with_limits(Arc::new(authenticator), limits).stop_with(stop).apply(routes)
}

/// The same service in the process and behind a port.
async fn channels(service: GrpcService, key: &str) -> Vec<Channel> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = edge::router(service.clone(), axum::Router::new());
    let mut serving = tokio::task::JoinSet::new();
    serving.spawn(async move { axum::serve(listener, router).await });
    // The server lives as long as the test's runtime.
    serving.detach_all();
    let config = ClientConfig { url, ..ClientConfig::default() };
    let key = (!key.is_empty()).then(|| Secret::new(key));
    vec![client::in_process(service, key.clone()), client::connect(&config, key).unwrap()]
}

async fn get_log(channel: Channel) -> Result<String, Status> {
    let mut client = LogServiceClient::new(channel);
    client.get_log(pb::GetLogRequest {}).await.map(|response| response.into_inner().generation)
}

#[tokio::test]
async fn credentials_decide_in_the_process_and_over_the_network_alike() {
    let service = service(Limits::default(), CancellationToken::new());
    for (key, expected) in [
        ("a-reader", Ok("shop".to_owned())),
        ("a-writer", Err((Code::PermissionDenied, "ROLE_INSUFFICIENT"))),
        ("nobody's", Err((Code::Unauthenticated, "CREDENTIAL_UNKNOWN"))),
        ("", Err((Code::Unauthenticated, "CREDENTIAL_MISSING"))),
        (TOKEN, Err((Code::InvalidArgument, "WORKSPACE_MISSING"))),
    ] {
        for channel in channels(service.clone(), key).await {
            let answer = get_log(channel).await;
            let answer = answer.map_err(|status| (status.code(), reason_of(&status).unwrap_or_default()));
            assert_eq!(answer, expected.clone().map_err(|(code, reason)| (code, reason.to_owned())), "{key}");
        }
    }
}

#[tokio::test]
async fn a_service_acts_in_the_workspace_that_it_names() {
    let service = service(Limits::default(), CancellationToken::new());
    let workspace = WorkspaceId::try_new("hotel").unwrap();
    for channel in channels(service, TOKEN).await {
        assert_eq!(get_log(client::acting_in(channel, &workspace)).await.unwrap(), "hotel");
    }
}

#[tokio::test]
async fn deadlines_hold_on_both_ways() {
    let service = service(Limits::default(), CancellationToken::new());
    let slow = WorkspaceId::try_new("slow").unwrap();
    for channel in channels(service, TOKEN).await {
        let mut client = LogServiceClient::new(client::acting_in(channel, &slow));
        let mut request = Request::new(pb::GetLogRequest {});
        request.set_timeout(Duration::from_millis(50));
        let status = client.get_log(request).await.unwrap_err();
        assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status:?}");
    }
}

#[tokio::test]
async fn too_much_is_refused_with_a_delay() {
    let limits = Limits { requests_per_second: 0.5, request_burst: 1.0, ..Limits::default() };
    let service = service(limits, CancellationToken::new());
    let channel = client::in_process(service, Some(Secret::new("a-reader")));
    assert!(get_log(channel.clone()).await.is_ok());
    let status = get_log(channel).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(reason_of(&status).as_deref(), Some("RATE_LIMITED"));
    assert!(retry_delay_of(&status).unwrap() > Duration::from_secs(1));
}

#[tokio::test]
async fn load_is_shed_and_the_permit_comes_back() {
    let limits = Limits { max_in_flight: 1, ..Limits::default() };
    let service = service(limits, CancellationToken::new());
    let channel = client::in_process(service, Some(Secret::new(TOKEN)));
    let slow = client::acting_in(channel.clone(), &WorkspaceId::try_new("slow").unwrap());
    let quick = client::acting_in(channel, &WorkspaceId::try_new("quick").unwrap());
    tokio::select! {
        biased;
        _ = get_log(slow) => panic!("the slow one was first"),
        status = async {
            tokio::task::yield_now().await;
            get_log(quick.clone()).await.unwrap_err()
        } => assert_eq!(reason_of(&status).as_deref(), Some("OVERLOADED")),
    }
    // The slow call was dropped with its permit.
    assert_eq!(get_log(quick).await.unwrap(), "quick");
}

#[tokio::test]
async fn streams_end_when_the_process_stops() {
    let stop = CancellationToken::new();
    let service = service(Limits::default(), stop.clone());
    for channel in channels(service, "a-reader").await {
        let mut client = LogServiceClient::new(channel);
        let mut stream =
            client.follow_partitions(pb::FollowPartitionsRequest::default()).await.unwrap().into_inner();
        assert!(stream.next().await.unwrap().is_ok());
        stop.cancel();
        assert_eq!(stream.next().await.unwrap().unwrap_err().code(), Code::Unavailable);
    }
}

#[tokio::test]
async fn keys_are_resolved_by_events_and_remembered() {
    let sample = Sample::default();
    let lookups = Arc::clone(&sample.lookups);
    let authenticator = WithServiceToken::new(Secret::new(TOKEN), Arc::new(NoKeys));
    let service = Stack::new(Arc::new(authenticator)).apply(Routes::new(LogServiceServer::new(sample)));
    let remote = RemoteAuthenticator::new(client::in_process(service, Some(Secret::new(TOKEN))));
    for _ in 0..3 {
        assert_eq!(remote.resolve("a-reader").await.unwrap().workspace().unwrap().as_str(), "shop");
        assert_eq!(remote.resolve("nobody's").await, Err(Error::Unknown));
    }
    assert_eq!(lookups.load(Ordering::SeqCst), 2, "one look-up a key");
}
