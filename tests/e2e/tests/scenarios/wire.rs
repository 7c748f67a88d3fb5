//! What every gRPC tool expects of a server: health, reflection in both versions, and gRPC-Web for browsers.

use elate_e2e::{System, http, identify, user};
use elate_proto::events::v1::{GetCustomerRequest, GetCustomerResponse};
use futures::StreamExt as _;
use prost::Message as _;
use serde_json::json;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::{v1, v1alpha};

pub(crate) async fn standard_services(system: &System) {
    let services = [
        ("events", "elate.events.v1.IngestService"),
        ("journeys", "elate.journeys.v1.JourneysService"),
        ("scoring", "elate.scoring.v1.ScoringService"),
        ("notifications", "elate.notifications.v1.NotificationsService"),
    ];
    for ((name, channel), (_, service)) in system.service_clients().all_bare().into_iter().zip(services) {
        for asked in ["", service] {
            let request = HealthCheckRequest { service: asked.to_owned() };
            let answer = HealthClient::new(channel.clone()).check(request).await;
            let answer = answer.unwrap_or_else(|status| panic!("{name} {asked:?}: {status}")).into_inner();
            assert_eq!(answer.status(), ServingStatus::Serving, "{name} {asked:?}");
        }
        let found = reflected_v1(channel.clone()).await;
        assert!(found.iter().any(|found| found == service), "{name}: {found:?}");
        let found = reflected_v1alpha(channel).await;
        assert!(found.iter().any(|found| found == service), "{name}: {found:?}");
        let health = system.admin_url(name);
        assert_eq!(http::get(&format!("{health}/healthz")).await.status, 200);
        let metrics = http::get(&format!("{health}/metrics")).await;
        assert!(metrics.status == 200 && metrics.text().contains("# TYPE"), "{name}: {}", metrics.text());
    }
    over_the_web(system).await;
}

async fn reflected_v1(channel: Channel) -> Vec<String> {
    use v1::server_reflection_request::MessageRequest::ListServices;
    use v1::server_reflection_response::MessageResponse::ListServicesResponse;
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(channel);
    let request = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(ListServices(String::new())),
    };
    let answers = client.server_reflection_info(futures::stream::iter([request])).await.expect("reflection");
    let answer = answers.into_inner().next().await.expect("an answer").expect("no error");
    let Some(ListServicesResponse(list)) = answer.message_response else { panic!("no list: {answer:?}") };
    list.service.into_iter().map(|service| service.name).collect()
}

async fn reflected_v1alpha(channel: Channel) -> Vec<String> {
    use v1alpha::server_reflection_request::MessageRequest::ListServices;
    use v1alpha::server_reflection_response::MessageResponse::ListServicesResponse;
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(channel);
    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(ListServices(String::new())),
    };
    let answers = client.server_reflection_info(futures::stream::iter([request])).await.expect("reflection");
    let answer = answers.into_inner().next().await.expect("an answer").expect("no error");
    let Some(ListServicesResponse(list)) = answer.message_response else { panic!("no list: {answer:?}") };
    list.service.into_iter().map(|service| service.name).collect()
}

/// One frame of gRPC(-Web): a flag, the length, the content.
fn frame(content: &[u8]) -> Vec<u8> {
    let mut framed = vec![0];
    framed.extend_from_slice(&u32::try_from(content.len()).expect("short").to_be_bytes());
    framed.extend_from_slice(content);
    framed
}

/// The frames of an answer: flag and content.
fn frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while bytes.len() >= 5 {
        let length = u32::from_be_bytes(bytes[1..5].try_into().expect("four bytes")) as usize;
        frames.push((bytes[0], bytes[5..5 + length].to_vec()));
        bytes = &bytes[5 + length..];
    }
    frames
}

async fn over_the_web(system: &System) {
    let workspace = system.workspace("web").await;
    workspace.ingest(vec![identify("m-1", "hana", "", &json!({}))]).await;
    let url = format!("{}/elate.events.v1.CustomerService/GetCustomer", workspace.url);
    let request = GetCustomerRequest { customer: Some(user("hana")) };
    let ask = |key: &str| {
        let (authorization, body) = (format!("Bearer {key}"), frame(&request.encode_to_vec()));
        let url = url.clone();
        async move {
            let headers = [
                ("content-type", "application/grpc-web+proto"),
                ("x-grpc-web", "1"),
                ("authorization", authorization.as_str()),
            ];
            http::send(::http::Method::POST, &url, &headers, body).await
        }
    };
    let answer = ask(&workspace.admin_key).await;
    assert_eq!(answer.status, 200);
    let frames = frames(&answer.body);
    let (flag, content) = frames.first().expect("a message");
    assert_eq!(*flag, 0);
    let found =
        GetCustomerResponse::decode(content.as_slice()).expect("a message").customer.expect("a customer");
    assert_eq!(found.user_ids, ["hana"]);
    let (flag, trailers) = frames.last().expect("trailers");
    assert_eq!(*flag, 0x80);
    assert!(String::from_utf8_lossy(trailers).contains("grpc-status:0"), "{trailers:?}");

    let refused = ask("elk_made-up").await;
    let status = refused.headers.get("grpc-status").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let in_body = String::from_utf8_lossy(&refused.body).into_owned();
    assert!(status.as_deref() == Some("16") || in_body.contains("grpc-status:16"), "{status:?} {in_body:?}");
}
