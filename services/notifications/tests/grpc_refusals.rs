//! The gRPC face: what is refused, and the field that it names.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use common::World;
use common::face::{Client, by_id, refusal};
use elate_domain::CustomerId;
use elate_proto::common::v1::{CustomerRef, PageRequest};
use elate_proto::notifications::v1::{
    CheckReachRequest, GetNotificationRequest, ListNotificationsRequest, PreviewTemplateRequest,
    RedriveNotificationRequest, SendTestRequest,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_key_or_with_a_write_key_reads_nothing() {
    let world = World::new().await;
    let (running, face) = world.serve();
    for (key, expected) in
        [("", "CREDENTIAL_MISSING"), ("nobody's", "CREDENTIAL_UNKNOWN"), ("shop-writer", "ROLE_INSUFFICIENT")]
    {
        let mut client = face.client(key);
        assert_eq!(refusal(client.list_notifications(ListNotificationsRequest::default()).await).0, expected);
        let get = GetNotificationRequest { notification_id: "x".into() };
        assert_eq!(refusal(client.get_notification(get).await).0, expected);
        assert_eq!(
            refusal(client.list_channels(elate_proto::notifications::v1::ListChannelsRequest {}).await).0,
            expected
        );
        assert_eq!(refusal(client.preview_template(PreviewTemplateRequest::default()).await).0, expected);
        assert_eq!(refusal(client.check_reach(CheckReachRequest::default()).await).0, expected);
        assert_eq!(refusal(client.send_test(SendTestRequest::default()).await).0, expected);
        let redrive = RedriveNotificationRequest::default();
        assert_eq!(refusal(client.redrive_notification(redrive).await).0, expected);
    }
    running.stop().await;
}

/// The field that a refusal names, for each request that is wrong in one place.
async fn fields(client: &mut Client, ann: CustomerId) -> Vec<(&'static str, String)> {
    let listed = |request| {
        let mut client = client.clone();
        async move { refusal(client.list_notifications(request).await).1 }
    };
    let shown = |request| {
        let mut client = client.clone();
        async move { refusal(client.preview_template(request).await).1 }
    };
    let tested = |request| {
        let mut client = client.clone();
        async move { refusal(client.send_test(request).await).1 }
    };
    let checked = |request| {
        let mut client = client.clone();
        async move { refusal(client.check_reach(request).await).1 }
    };
    let test = SendTestRequest {
        request_id: String::new(),
        channel: "email".into(),
        template: "hello".into(),
        to: "me@example.com".into(),
        customer: by_id(ann),
        data: Default::default(),
    };
    let check = CheckReachRequest { customer: by_id(ann), channel: "email".into(), ..Default::default() };
    let size = Some(PageRequest { page_size: 501, page_token: String::new() });
    let token = Some(PageRequest { page_size: 1, page_token: "made up".into() });
    let channel = "kind: Channel\napiVersion: elate.dev/v1\nmetadata: {name: x}\nspec: {channel: email}\n";
    vec![
        ("page.page_size", listed(ListNotificationsRequest { page: size, ..Default::default() }).await),
        ("page.page_token", listed(ListNotificationsRequest { page: token, ..Default::default() }).await),
        ("state", listed(ListNotificationsRequest { state: 99, ..Default::default() }).await),
        (
            "customer.customer_id",
            listed(ListNotificationsRequest { customer: by_id("ann"), ..Default::default() }).await,
        ),
        (
            "customer",
            listed(ListNotificationsRequest {
                customer: Some(CustomerRef { r#ref: None }),
                ..Default::default()
            })
            .await,
        ),
        ("template", shown(PreviewTemplateRequest::default()).await),
        ("template", shown(PreviewTemplateRequest { template: "none".into(), ..Default::default() }).await),
        ("document", shown(PreviewTemplateRequest { document: ": :".into(), ..Default::default() }).await),
        ("document", shown(PreviewTemplateRequest { document: channel.into(), ..Default::default() }).await),
        (
            "data",
            shown(PreviewTemplateRequest {
                template: "hello".into(),
                data: b"[]".as_slice().into(),
                ..Default::default()
            })
            .await,
        ),
        ("channel", checked(CheckReachRequest { channel: String::new(), ..check.clone() }).await),
        ("class", checked(CheckReachRequest { class: "loud".into(), ..check.clone() }).await),
        ("customer", checked(CheckReachRequest { customer: None, ..check }).await),
        ("channel", tested(SendTestRequest { channel: String::new(), ..test.clone() }).await),
        ("channel", tested(SendTestRequest { channel: "none".into(), ..test.clone() }).await),
        ("template", tested(SendTestRequest { template: "none".into(), ..test.clone() }).await),
        // A template of another kind of channel would be refused on the timeline only, where nobody looks.
        ("template", tested(SendTestRequest { template: "note".into(), ..test.clone() }).await),
        ("to", tested(SendTestRequest { to: String::new(), ..test.clone() }).await),
        ("to", tested(SendTestRequest { to: "nobody".into(), ..test.clone() }).await),
        (
            "to",
            tested(SendTestRequest {
                channel: "hook".into(),
                template: "note".into(),
                to: "me@example.com".into(),
                ..test.clone()
            })
            .await,
        ),
        ("request_id", tested(SendTestRequest { request_id: "a b".into(), ..test.clone() }).await),
        ("data", tested(SendTestRequest { data: b"{".as_slice().into(), ..test.clone() }).await),
        ("customer", tested(SendTestRequest { customer: None, ..test }).await),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_named() {
    let world = World::new().await;
    let (running, face) = world.serve();
    let mut client = face.client("shop-operator");
    let ann = world.customer("ann@example.com");
    world.until(&world.ask(ann, "hook", "note"), "sent").await;
    for (number, (expected, named)) in fields(&mut client, ann).await.into_iter().enumerate() {
        assert_eq!(named, expected, "request {number}");
    }
    let get = GetNotificationRequest { notification_id: String::new() };
    assert_eq!(refusal(client.get_notification(get).await).1, "notification_id");
    let redrive = RedriveNotificationRequest { notification_id: "x\0".into(), ..Default::default() };
    assert_eq!(refusal(client.redrive_notification(redrive).await).1, "notification_id");
    assert!(world.smtp.mails().is_empty());
    running.stop().await;
}
