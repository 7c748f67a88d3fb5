//! Leaving by the link in a message.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::sync::{Arc, Mutex};

use axum::body::Body;
use bytes::Bytes;
use elate_domain::{CustomerId, WorkspaceId};
use elate_notifications::unsubscribe::{Leave, Links, router};
use elate_proto::events::v1::SetPreferencesRequest;
use elate_rpc::Channel;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use tower::{ServiceExt as _, service_fn};
use uuid::Uuid;

type Said = Arc<Mutex<Vec<(String, SetPreferencesRequest)>>>;

/// An events service that takes preferences and keeps them: workspace and request.
fn events(said: &Said) -> Channel {
    let said = Arc::clone(said);
    Channel::new(service_fn(move |request: Request<tonic::body::Body>| {
        let said = Arc::clone(&said);
        async move {
            assert_eq!(request.uri().path(), "/elate.events.v1.CustomerService/SetPreferences");
            let workspace = request.headers()["elate-workspace"].to_str().unwrap().to_owned();
            let body = request.into_body().collect().await.unwrap().to_bytes();
            // A gRPC frame: a flag and four bytes of length before the message.
            let message = prost::Message::decode(body.slice(5..)).unwrap();
            said.lock().unwrap().push((workspace, message));
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from_static("0"));
            let frames = [
                Ok::<_, tonic::Status>(Frame::data(Bytes::from_static(&[0; 5]))),
                Ok(Frame::trailers(trailers)),
            ];
            let body = tonic::body::Body::new(StreamBody::new(futures::stream::iter(frames)));
            Ok(Response::builder().header("content-type", "application/grpc").body(body).unwrap())
        }
    }))
}

fn leave(topic: &str) -> Leave {
    Leave {
        workspace: WorkspaceId::try_new("shop").unwrap(),
        customer: CustomerId(Uuid::now_v7()),
        channel: "email".to_owned(),
        topic: topic.to_owned(),
    }
}

async fn call(links: &Links, said: &Said, method: &str, token: &str) -> (StatusCode, String) {
    let request = Request::builder()
        .method(method)
        .uri(format!("/unsubscribe/{token}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from("List-Unsubscribe=One-Click"))
        .unwrap();
    let answer = router(links.clone(), events(said)).oneshot(request).await.unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn only_a_post_unsubscribes() {
    let (links, said) = (Links::new(&"".into(), &"the token of services".into()), Said::default());
    let leave = leave("news");
    let token = links.token(&leave);
    let (status, page) = call(&links, &said, "GET", &token).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("method=\"post\""), "{page}");
    assert!(said.lock().unwrap().is_empty());

    let (status, _) = call(&links, &said, "POST", &token).await;
    assert_eq!(status, StatusCode::OK);
    let said = said.lock().unwrap();
    let (workspace, request) = &said[0];
    assert_eq!(workspace, "shop");
    assert_eq!(request.via, "unsubscribe_link");
    assert_eq!(request.topics, [("news".to_owned(), false)].into());
    assert!(request.channels.is_empty());
}

#[tokio::test]
async fn without_a_topic_the_channel_is_left() {
    let (links, said) = (Links::new(&"".into(), &"the token of services".into()), Said::default());
    let token = links.token(&leave(""));
    call(&links, &said, "POST", &token).await;
    assert_eq!(said.lock().unwrap()[0].1.channels, [("email".to_owned(), false)].into());
}

#[tokio::test]
async fn a_token_that_is_not_ours_does_nothing() {
    let (links, said) = (Links::new(&"".into(), &"the token of services".into()), Said::default());
    let foreign = Links::new(&"".into(), &"another token".into()).token(&leave("news"));
    let own = links.token(&leave("news"));
    let changed = own.replacen(|c: char| c.is_ascii_lowercase(), "A", 1);
    for token in [foreign.as_str(), changed.as_str(), "nothing", "a.b"] {
        for method in ["GET", "POST"] {
            assert_eq!(call(&links, &said, method, token).await.0, StatusCode::NOT_FOUND, "{method} {token}");
        }
    }
    assert!(said.lock().unwrap().is_empty());
}
